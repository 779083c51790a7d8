/**
 * The files through which a step speaks to GitHub's runner: FileCommandManager.cs of
 * actions/runner. They are read when the step has ended, even if it has failed.
 */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The variable that names each file to the step, and how its name begins. */
const FILES = {
  GITHUB_ENV: 'set_env',
  GITHUB_OUTPUT: 'set_output',
  GITHUB_STATE: 'save_state',
  GITHUB_PATH: 'add_path',
  GITHUB_STEP_SUMMARY: 'step_summary',
} as const

const MAX_SUMMARY = 1024 * 1024
/** Names that a step may not export, in lower case. */
const BLOCKED_VARIABLES = ['node_options']

export interface StepFiles {
  /** GITHUB_ENV and so on: the paths of the files. */
  readonly env: Readonly<Record<string, string>>
  readonly read: () => FileCommands
}

/** What a step wrote into its files. */
export interface FileCommands {
  readonly env: ReadonlyMap<string, string>
  readonly outputs: ReadonlyMap<string, string>
  readonly state: ReadonlyMap<string, string>
  /** What is put before PATH for later steps, the last first. */
  readonly path: readonly string[]
  /** Markdown; empty if the runner would not upload it. */
  readonly summary: string
  /** What the runner has to say about the files; each is an error of the step. */
  readonly faults: readonly string[]
}

export interface KeyValues {
  readonly values: ReadonlyMap<string, string>
  /** Why the rest of the file was not read: what comes before counts. */
  readonly fault: string | undefined
}

/** Creates the files of one step, empty. */
export function createStepFiles(temp: string, suffix: string): StepFiles {
  const folder = join(temp, '_runner_file_commands')
  mkdirSync(folder, { recursive: true })
  const env = Object.fromEntries(
    Object.entries(FILES).map(([variable, prefix]) => [variable, join(folder, `${prefix}_${suffix}`)]),
  ) as Record<keyof typeof FILES, string>
  for (const path of Object.values(env)) writeFileSync(path, '')
  return { env, read: () => readFiles(env) }
}

function readFiles(paths: Readonly<Record<keyof typeof FILES, string>>): FileCommands {
  const faults: string[] = []
  const valuesOf = (variable: keyof typeof FILES, name: string): ReadonlyMap<string, string> => {
    const { values, fault } = parseKeyValues(textOf(paths[variable]))
    if (fault !== undefined) faults.push(`Unable to process file command '${name}' successfully.`, fault)
    return values
  }
  const env = new Map(valuesOf('GITHUB_ENV', 'env'))
  for (const name of [...env.keys()].filter((key) => BLOCKED_VARIABLES.includes(key.toLowerCase()))) {
    env.delete(name)
    faults.push(`Can't store ${name.toUpperCase()} output parameter using '$GITHUB_ENV' command.`)
  }
  const bytes = sizeOf(paths.GITHUB_STEP_SUMMARY)
  if (bytes > MAX_SUMMARY)
    faults.push(
      `$GITHUB_STEP_SUMMARY upload aborted, supports content up to a size of ${MAX_SUMMARY / 1024}k, got ${Math.floor(bytes / 1024)}k.`,
    )
  return {
    env,
    outputs: valuesOf('GITHUB_OUTPUT', 'output'),
    state: valuesOf('GITHUB_STATE', 'state'),
    path: textOf(paths.GITHUB_PATH)
      .split(/\r\n|\r|\n/)
      .filter((line) => line !== '')
      .reverse(),
    summary: bytes > MAX_SUMMARY ? '' : textOf(paths.GITHUB_STEP_SUMMARY),
    faults,
  }
}

/**
 * Reads `NAME=value` lines and `NAME<<delimiter`, lines, `delimiter`. Only on Windows does a
 * carriage return belong to the end of a line; elsewhere it stays in the value. A later value of a
 * name replaces an earlier one.
 */
export function parseKeyValues(text: string, platform: NodeJS.Platform = process.platform): KeyValues {
  const values = new Map<string, string>()
  const reader = lineReader(text, platform)
  for (let line = reader.next(); line !== undefined; line = reader.next()) {
    if (line.text === '') continue
    const equals = line.text.indexOf('=')
    const heredoc = line.text.indexOf('<<')
    if (equals >= 0 && (heredoc < 0 || equals < heredoc)) {
      values.set(line.text.slice(0, equals), line.text.slice(equals + 1))
      continue
    }
    const [name, delimiter] = [line.text.slice(0, heredoc), line.text.slice(heredoc + 2)]
    if (heredoc < 0) return { values, fault: `Invalid format '${line.text}'` }
    if (name === '' || delimiter === '')
      return {
        values,
        fault: `Invalid format '${line.text}'. Name must not be empty and delimiter must not be empty`,
      }
    const start = reader.position()
    let end = start
    for (;;) {
      const next = reader.next()
      if (next === undefined)
        return { values, fault: `Invalid value. Matching delimiter not found '${delimiter}'` }
      if (next.text === delimiter) break
      if (next.newline === '') return { values, fault: 'Invalid value. EOF marker missing new line.' }
      end = reader.position() - next.newline.length
    }
    values.set(name, text.slice(start, end))
  }
  return { values, fault: undefined }
}

interface Line {
  readonly text: string
  /** Empty at the end of the text. */
  readonly newline: string
}

function lineReader(
  text: string,
  platform: NodeJS.Platform,
): { readonly next: () => Line | undefined; readonly position: () => number } {
  let position = 0
  return {
    position: () => position,
    next: () => {
      if (position >= text.length) return undefined
      const start = position
      const feed = text.indexOf('\n', start)
      if (feed < 0) {
        position = text.length
        return { text: text.slice(start), newline: '' }
      }
      position = feed + 1
      const withReturn = platform === 'win32' && feed > start && text[feed - 1] === '\r'
      return withReturn
        ? { text: text.slice(start, feed - 1), newline: '\r\n' }
        : { text: text.slice(start, feed), newline: '\n' }
    },
  }
}

/** A step may remove its files. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
