/**
 * Which lines of a step's output are commands to GitHub's runner, and what they say:
 * ActionCommand.cs of actions/runner, both of its forms. A command that the runner does not know is
 * a line of output.
 */

export interface WorkflowCommand {
  /** In lower case. */
  readonly name: string
  readonly properties: ReadonlyMap<string, string>
  readonly data: string
}

/** The commands that a step may give. `internal-set-repo-path` is for the runner's own plug-ins. */
export const COMMAND_NAMES: readonly string[] = [
  'add-mask',
  'add-matcher',
  'add-path',
  'debug',
  'echo',
  'endgroup',
  'error',
  'group',
  'notice',
  'remove-matcher',
  'save-state',
  'set-env',
  'set-output',
  'stop-commands',
  'warning',
]

type Escapes = readonly (readonly [escaped: string, plain: string])[]

// In the runner's order: "%25" comes last, so that "%250A" is "%0A" and no line break.
const DATA_ESCAPES: Escapes = [
  ['%0D', '\r'],
  ['%0A', '\n'],
  ['%25', '%'],
]
const PROPERTY_ESCAPES: Escapes = [
  ['%0D', '\r'],
  ['%0A', '\n'],
  ['%3A', ':'],
  ['%2C', ','],
  ['%25', '%'],
]
const BRACKET_ESCAPES: Escapes = [
  ['%3B', ';'],
  ['%0D', '\r'],
  ['%0A', '\n'],
  ['%5D', ']'],
  ['%25', '%'],
]

/**
 * The lines of a stream as .NET's StreamReader reads them: a carriage return on its own ends a line
 * too. An end of line at the end of the text begins no further line.
 */
export function linesOf(text: string): readonly string[] {
  const lines = text.split(/\r\n|\r|\n/)
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines
}

/**
 * Reads a line as a command: `::name key=value,...::data` if it begins so after white space, else
 * `##[name key=value;...]data` anywhere in it.
 *
 * @param known the names of commands that are obeyed, in lower case
 * @returns undefined for a line of output
 */
export function parseCommand(line: string, known: ReadonlySet<string>): WorkflowCommand | undefined {
  return parseColons(line.trimStart(), known) ?? parseBrackets(line, known)
}

function parseColons(line: string, known: ReadonlySet<string>): WorkflowCommand | undefined {
  if (!line.startsWith('::')) return undefined
  const end = line.indexOf('::', 2)
  if (end < 0) return undefined
  return commandOf(line.slice(2, end), line.slice(end + 2), known, ',', PROPERTY_ESCAPES, DATA_ESCAPES)
}

function parseBrackets(line: string, known: ReadonlySet<string>): WorkflowCommand | undefined {
  const start = line.indexOf('##[')
  const end = start < 0 ? -1 : line.indexOf(']', start)
  if (end < 0) return undefined
  const info = line.slice(start + 3, end)
  return commandOf(info, line.slice(end + 1), known, ';', BRACKET_ESCAPES, BRACKET_ESCAPES)
}

function commandOf(
  info: string,
  data: string,
  known: ReadonlySet<string>,
  separator: string,
  propertyEscapes: Escapes,
  dataEscapes: Escapes,
): WorkflowCommand | undefined {
  const [, rawName = '', rest = ''] = /^([^ ]*) ?(.*)$/s.exec(info) ?? []
  const name = rawName.toLowerCase()
  if (!known.has(name)) return undefined
  const properties = new Map<string, string>()
  for (const pair of rest.trim().split(separator)) {
    const [, key, value] = /^([^=]+)=(.+)$/s.exec(pair) ?? []
    if (key !== undefined && value !== undefined) properties.set(key, unescaped(value, propertyEscapes))
  }
  return { name, properties, data: unescaped(data, dataEscapes) }
}

function unescaped(text: string, escapes: Escapes): string {
  return escapes.reduce((rest, [escaped, plain]) => rest.replaceAll(escaped, plain), text)
}
