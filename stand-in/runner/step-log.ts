/**
 * What GitHub's runner makes of a step's output: the log, annotations, and what the step sets by
 * commands (ActionCommandManager.cs and ExecutionContext.AddIssue of actions/runner).
 */
import type { Masks } from './masks.js'
import { COMMAND_NAMES, linesOf, parseCommand, type WorkflowCommand } from './workflow-commands.js'

export type AnnotationKind = 'error' | 'warning' | 'notice'

export interface Annotation {
  readonly kind: AnnotationKind
  readonly title: string | undefined
  /** Masked, and cut by the runner. */
  readonly message: string
}

export interface StepLog {
  /** As in the log file: a line each, "##[group]" and the like before what is no plain output. */
  readonly log: string
  /** What the run's page shows. */
  readonly annotations: readonly Annotation[]
  /** The values of all add-mask commands, in order, those that were ignored left out. */
  readonly masks: readonly string[]
  readonly outputs: ReadonlyMap<string, string>
  readonly state: ReadonlyMap<string, string>
  /** Whether a command was refused, which fails the step. */
  readonly refused: boolean
}

/** UTF-16 units that an annotation keeps, and its line in the log with it. */
export const MAX_MESSAGE = 4096
const MAX_ANNOTATIONS_OF_A_KIND = 10
/** They are obeyed only if ACTIONS_ALLOW_UNSECURE_COMMANDS is set. */
const DISABLED_COMMANDS = ['set-env', 'add-path']
/** A shorter stop token is not masked. */
const MIN_MASKED_TOKEN = 7

/** A log under way: what the runner itself has to say goes through the same gate. */
export interface LogWriter {
  readonly annotate: (kind: AnnotationKind, message: string, title?: string) => void
  readonly output: (line: string) => void
  readonly log: () => string
  readonly annotations: readonly Annotation[]
}

export function startLog(masks: Masks): LogWriter {
  const lines: string[] = []
  const annotations: Annotation[] = []
  return {
    output: (line) => void lines.push(masks.apply(line)),
    annotate: (kind, text, title) => {
      const message = masks.apply(text).slice(0, MAX_MESSAGE)
      if (annotations.filter((other) => other.kind === kind).length < MAX_ANNOTATIONS_OF_A_KIND)
        annotations.push({ kind, title: title === undefined ? undefined : masks.apply(title), message })
      if (message !== '') lines.push(masks.apply(`##[${kind}]${message}`))
    },
    log: () => lines.map((line) => `${line}\n`).join(''),
    annotations,
  }
}

/**
 * Reads a step's streams as the runner does, standard error first: of what arrives together, the
 * runner shows it before it obeys the masks in standard output. Commands count on both.
 *
 * @param debug whether the job's log is a debug log: RUNNER_DEBUG is 1 then
 */
export function readStreams(
  streams: { readonly stdout: string; readonly stderr: string },
  masks: Masks,
  writer: LogWriter,
  debug: boolean,
): Omit<StepLog, 'log' | 'annotations'> {
  const known = new Set(COMMAND_NAMES)
  const added: string[] = []
  const outputs = new Map<string, string>()
  const state = new Map<string, string>()
  let stopToken: string | undefined
  let echo = false
  let refused = false

  const refuse = (command: string, reason: string): void => {
    refused = true
    writer.annotate('error', `Unable to process command '${command}' successfully.`)
    writer.annotate('error', reason)
  }

  /** @returns false if the line is output after all */
  const obey = (line: string, { name, properties, data }: WorkflowCommand): boolean => {
    if (stopToken !== undefined) {
      if (name !== stopToken) return false
      known.delete(stopToken)
      stopToken = undefined
      writer.output(line)
      return true
    }
    if (echo && name !== 'add-mask' && name !== 'debug') writer.output(line)
    switch (name) {
      case 'stop-commands':
        if (data === '' || known.has(data.toLowerCase()) || data.toLowerCase() === 'pause-logging') {
          refuse(line, `Invoked ::stopCommand:: with token: [${data}]`)
          break
        }
        stopToken = data.toLowerCase()
        known.add(stopToken)
        if (data.length >= MIN_MASKED_TOKEN) masks.add(data)
        if (!echo) writer.output(line)
        break
      case 'add-mask':
        if (data.trim() === '') {
          writer.annotate('warning', "Can't add secret mask for empty string in ##[add-mask] command.")
          break
        }
        if (echo) writer.output('::add-mask::***')
        masks.add(data)
        added.push(data)
        break
      case 'error':
      case 'warning':
      case 'notice':
        writer.annotate(name, data, properties.get('title'))
        break
      case 'debug':
        if (debug) for (const part of data.split(/\r?\n/)) writer.output(`##[debug]${part}`)
        break
      case 'group':
        writer.output(`##[group]${data}`)
        break
      case 'endgroup':
        writer.output('##[endgroup]')
        break
      case 'echo':
        echo = data.trim().toLowerCase() === 'on'
        break
      case 'set-output':
      case 'save-state': {
        const key = properties.get('name')
        if (key === undefined) refuse(line, `Required field 'name' is missing in ##[${name}] command.`)
        else (name === 'set-output' ? outputs : state).set(key, data)
        break
      }
      default:
        if (DISABLED_COMMANDS.includes(name)) refuse(line, `The \`${name}\` command is disabled.`)
    }
    return true
  }

  for (const line of [...linesOf(streams.stderr), ...linesOf(streams.stdout)]) {
    const command = parseCommand(line, known)
    if (command === undefined || !obey(line, command)) writer.output(line)
  }
  return { masks: added, outputs, state, refused }
}

/**
 * A step's log as the run's page draws it: a group's lines stand below its title, errors and
 * warnings are named so.
 */
export function drawn(log: string): string {
  let indent = ''
  const lines = log.split('\n').flatMap((line) => {
    const [, mark, text = ''] = /^##\[(group|endgroup|error|warning|notice)\](.*)$/.exec(line) ?? []
    if (mark === undefined) return [line === '' ? '' : `${indent}${line}`]
    if (mark === 'group') {
      indent = '  '
      return [`▾ ${text}`]
    }
    if (mark === 'endgroup') {
      indent = ''
      return []
    }
    return [`${indent}${mark.charAt(0).toUpperCase()}${mark.slice(1)}: ${text}`]
  })
  return lines.join('\n').trimEnd()
}
