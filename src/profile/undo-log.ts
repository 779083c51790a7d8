/**
 * What outstanding runs replaced in config.json, so that it can return. Its file is the record
 * beside config.json, mode 0600: written before config.json changes, removed after all of it has
 * returned.
 *
 * An example. The user's file has the profile "ci" with the user's own key, and `current` is "me".
 *
 *   run A installs "ci"   log: A { replaced: user's ci, formerCurrent: "me" }
 *   run B installs "ci"   log: A as above,
 *                         B { replaced: A's ci, of run A, formerCurrent: "ci", of run A }
 *   run A ends            The file shows B's entry and stays. B inherits what A replaced:
 *                         log: B { replaced: user's ci, formerCurrent: "me" }
 *   run B ends            The user's entry returns to the file, `current` is "me", the log goes.
 *
 *   If B ends first       A's entry returns, for the log says that it is A's; then A ends as alone.
 *   If the job deletes B's entry instead, B counts as ended: A's entry returns with the next look.
 *   If somebody writes another key under the name "ci", the entry is theirs: A and B claim nothing.
 *   If B is killed before it wrote config.json, the file still has A's entry: B is forgotten.
 */
import { createHash } from 'node:crypto'
import type { AccessKey } from '../identity/credentials.js'
import { isJsonObject } from '../net/json.js'

/** Texts of config.json are its bytes, one character each. */
export interface UndoLog {
  /** Set while config.json, or its list of profiles, is our making. */
  readonly created: Created | undefined
  /** One for each outstanding run, in the order in which they wrote. */
  readonly entries: readonly UndoEntry[]
}

/** A config.json, or a list of profiles, of our making. */
export interface Created {
  /** The whole file before; undefined if there was none. */
  readonly before: string | undefined
}

/** What one run changed. */
export interface UndoEntry {
  /** The run's ID. */
  readonly run: string
  /** The job, for people; steps of one job share it. */
  readonly job: string
  /** The profile's name as it was installed. */
  readonly profile: string
  /** By which the run's entry is known in config.json. */
  readonly fingerprint: string
  /** When the session ends. */
  readonly expiration: Date
  /** Set if the run is over although its profile could not be removed yet. */
  readonly ended: boolean
  /** Another job that has replaced this run's entry; the latest of several. */
  readonly replacedBy: string | undefined
  /** The entry that the run replaced; undefined if there was none of that name. */
  readonly replaced: Replaced | undefined
  /** What `current` was before the run set it; undefined if the run did not. */
  readonly formerCurrent: FormerCurrent | undefined
}

/** An entry that a run replaced. */
export interface Replaced {
  readonly text: string
  /** The run that wrote it; undefined if none of ours did. */
  readonly run: string | undefined
}

/** What `current` was before. */
export interface FormerCurrent {
  /** The JSON token; undefined if the file had no `current`. */
  readonly token: string | undefined
  /** The run that had set it; undefined if none of ours had. */
  readonly run: string | undefined
}

/** Nothing is outstanding; there is no file then. */
export const EMPTY_UNDO_LOG: UndoLog = { created: undefined, entries: [] }

const VERSION = 2

/** What tells a run's entry from everybody else's: its key, or its address, as random as a key. */
export type Identifying =
  | { readonly credentials: Pick<AccessKey, 'accessKeyId' | 'accessKeySecret'> }
  | { readonly credentialsUri: string }

/** A fingerprint that cannot be reversed: STS's secrets and the addresses are random. */
export function fingerprint(profile: Identifying): string {
  const parts =
    'credentialsUri' in profile
      ? [profile.credentialsUri]
      : [profile.credentials.accessKeyId, profile.credentials.accessKeySecret]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}

/** The log as a file's text; undefined if nothing is outstanding. */
export function formatUndoLog({ created, entries }: UndoLog): string | undefined {
  if (entries.length === 0) return undefined
  const file = {
    about:
      'Backup used by running CI jobs to restore config.json. Created by configure-alibaba-cloud-credentials; removed when the last job ends.',
    version: VERSION,
    created,
    // markEnded relies on these two being the first.
    entries: entries.map(({ run, ended, ...rest }) => ({ run, ended, ...rest })),
  }
  return `${JSON.stringify(file, undefined, 2)}\n`
}

/**
 * Reads a log's text: 'damaged' if it is none, 'newer' if a later version of this action wrote it.
 */
export function parseUndoLog(text: string): UndoLog | 'damaged' | 'newer' {
  let file: unknown
  try {
    file = JSON.parse(text)
  } catch {
    return 'damaged'
  }
  if (!isJsonObject(file)) return 'damaged'
  const { version, created } = file
  if (typeof version === 'number' && version > VERSION) return 'newer'
  if (version !== VERSION || !Array.isArray(file.entries)) return 'damaged'
  const entries = file.entries.map(parseEntry)
  if (!isCreated(created) || !entries.every((entry) => entry !== undefined)) return 'damaged'
  return { created: created && { before: created.before }, entries }
}

/**
 * The log's text with `runs` marked as ended. Of the same length, so that it can be written in
 * place: that needs no space on the disk and no right to write the folder.
 */
export function withRunsEnded(text: string, runs: readonly string[]): string {
  return runs.reduce(
    (marked, run) => marked.replace(`${flagOf(run)}false`, () => `${flagOf(run)}true `),
    text,
  )
}

/** Whether the log's text says that the run has ended. */
export function isMarkedEnded(text: string, run: string): boolean {
  return text.includes(`${flagOf(run)}true`)
}

/**
 * As formatUndoLog writes it, and nothing else in the file can be: inside strings quotes are
 * escaped.
 */
function flagOf(run: string): string {
  return `\n      "run": ${JSON.stringify(run)},\n      "ended": `
}

function parseEntry(value: unknown): UndoEntry | undefined {
  if (!isJsonObject(value)) return undefined
  const {
    run,
    job,
    profile,
    fingerprint: known,
    expiration,
    ended,
    replacedBy,
    replaced,
    formerCurrent,
  } = value
  if (
    typeof run !== 'string' ||
    typeof job !== 'string' ||
    typeof profile !== 'string' ||
    typeof known !== 'string' ||
    typeof expiration !== 'string' ||
    typeof ended !== 'boolean' ||
    !isOptionalString(replacedBy) ||
    !isReplaced(replaced) ||
    !isFormerCurrent(formerCurrent)
  )
    return undefined
  const date = new Date(expiration)
  if (Number.isNaN(date.getTime())) return undefined
  return {
    run,
    job,
    profile,
    fingerprint: known,
    expiration: date,
    ended,
    replacedBy,
    replaced: replaced && { text: replaced.text, run: replaced.run },
    formerCurrent: formerCurrent && { token: formerCurrent.token, run: formerCurrent.run },
  }
}

function isCreated(value: unknown): value is Created | undefined {
  return value === undefined || (isJsonObject(value) && isOptionalString(value.before))
}

function isReplaced(value: unknown): value is Replaced | undefined {
  return (
    value === undefined ||
    (isJsonObject(value) && typeof value.text === 'string' && isOptionalString(value.run))
  )
}

function isFormerCurrent(value: unknown): value is FormerCurrent | undefined {
  return (
    value === undefined ||
    (isJsonObject(value) && isOptionalString(value.token) && isOptionalString(value.run))
  )
}

function isOptionalString(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string'
}
