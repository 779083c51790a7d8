/**
 * The runner's file commands (GITHUB_ENV, GITHUB_OUTPUT). Written here and not by @actions/core,
 * which appends one value at a time: a step that is killed has exported all of its values or none.
 */
import { randomUUID } from 'node:crypto'
import { accessSync, appendFileSync, constants, statSync, truncateSync } from 'node:fs'
import { EOL } from 'node:os'
import { ActionError } from '../errors/action-error.js'
import { nodeCodeOf } from '../net/node-codes.js'
import { say, type Prose } from '../text/prose.js'

/** A file command cannot be written. */
export class FileCommandError extends ActionError {
  override readonly name = 'FileCommandError'
  readonly code = 'file-command'
}

/**
 * What core writes into files if the runner names them, and otherwise prints to the log, secrets
 * included.
 */
const FILE_COMMANDS = ['GITHUB_ENV', 'GITHUB_OUTPUT', 'GITHUB_STATE'] as const

/** @throws FileCommandError if one of the files is not there or cannot be written */
export function requireFileCommands(env: Readonly<NodeJS.ProcessEnv>): void {
  for (const name of FILE_COMMANDS) {
    const path = env[name] ?? ''
    try {
      accessSync(path, constants.W_OK)
    } catch (cause) {
      throw isForbidden(cause)
        ? forbidden(say`${name} (${path})`, cause)
        : new FileCommandError(
            say`${name} does not name a file that can be written. This step must be run by a GitHub Actions runner, or by a compatible one.`,
            { cause },
          )
    }
  }
}

function isForbidden(cause: unknown): boolean {
  return ['EACCES', 'EPERM', 'EROFS'].includes(codeOf(cause))
}

function codeOf(cause: unknown): string {
  return nodeCodeOf(cause) ?? 'unknown cause'
}

/**
 * Usually in a container whose image sets a user: the files belong to the runner's.
 */
function forbidden(file: Prose, cause: unknown): FileCommandError {
  return new FileCommandError(
    say`${file} cannot be written by the user of this process (${codeOf(cause)}). In a container job, run the container as root or as the runner's own user: "options: --user root" under "container", or --user with the ID of that user.`,
    { cause },
  )
}

/**
 * Appends names and values in one write, in the runner's heredoc form.
 *
 * @param file the path; undefined if the runner names none
 * @returns undoes the write
 * @throws FileCommandError with the file as it was
 */
export function appendFileCommands(
  file: string | undefined,
  values: Iterable<readonly [name: string, value: string]>,
): () => void {
  const text = [...values].map(([name, value]) => heredoc(name, value)).join('')
  if (text === '') return () => undefined
  const path = file ?? ''
  let size = 0
  const takeBack = (): void => {
    // A device that stands in for a file keeps nothing, and cannot be cut.
    if (statSync(path).size > size) truncateSync(path, size)
  }
  try {
    size = statSync(path).size
    appendFileSync(path, text)
  } catch (cause) {
    try {
      takeBack()
    } catch {
      // The first failure is the one to report.
    }
    if (isForbidden(cause)) throw forbidden(say`${path}`, cause)
    throw new FileCommandError(say`${path} cannot be written (${codeOf(cause)})`, { cause })
  }
  return takeBack
}

/** The delimiter is random, so that no value can end itself. */
function heredoc(name: string, value: string): string {
  const delimiter = `ghadelimiter_${randomUUID()}`
  return [`${name}<<${delimiter}`, value, delimiter, ''].join(EOL)
}
