import { createHash } from 'node:crypto'
import type { AccessKey } from '../identity/credentials.js'

/**
 * What outstanding runs covered in config.json: kept in a file beside it, 0600, from before config.json changes until it has been put back.
 * Texts of config.json are its bytes, one character each.
 */
export interface UndoLog {
  /** Set while config.json, or its list of profiles, is our making. */
  readonly made: Made | undefined
  /** One for each outstanding run, in the order in which they wrote. */
  readonly layers: readonly Layer[]
}

export interface Made {
  /** The whole file before, and undefined where there was none. */
  readonly before: string | undefined
}

export interface Layer {
  /** The run's own name for itself. */
  readonly id: string
  readonly profile: string
  /** Fingerprint of the keys written, by which the run's entry is known. */
  readonly keys: string
  /** When the session is over. */
  readonly expiration: Date
  /** Whether a later run has seen this one's entry; false from the moment before config.json is written. */
  readonly seen: boolean
  /** Set before a run is taken back, so that whoever comes after a killed one finishes it. */
  readonly ended: boolean
  /** The text of the entry of that name that was replaced, and undefined where there was none. */
  readonly covered: string | undefined
  /** Set where the run moved `current`. */
  readonly moved: Moved | undefined
}

export interface Moved {
  /** The former token of `current`, and undefined where the file had none. */
  readonly from: string | undefined
}

export const EMPTY_UNDO_LOG: UndoLog = { made: undefined, layers: [] }

const VERSION = 1

/** What tells a run's entry from everybody else's: its key, or its address, which is as random as a key. */
export type Identifying =
  | { readonly credentials: Pick<AccessKey, 'accessKeyId' | 'accessKeySecret'> }
  | { readonly credentialsUri: string }

/** A fingerprint that cannot be turned back: STS's secrets and the addresses are random. */
export function fingerprint(profile: Identifying): string {
  const parts =
    'credentialsUri' in profile
      ? [profile.credentialsUri]
      : [profile.credentials.accessKeyId, profile.credentials.accessKeySecret]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}

/** The record as a file's text. */
export function formatUndoLog({ made, layers }: UndoLog): string {
  const file = {
    about:
      'What the jobs that now use config.json will put back into it. Written by a CI action; it goes with the last of them.',
    version: VERSION,
    made: made === undefined ? undefined : { before: made.before },
    layers,
  }
  return `${JSON.stringify(file, undefined, 2)}\n`
}

/** Reads a record's text; undefined where it is damaged or of another version. */
export function parseUndoLog(text: string): UndoLog | undefined {
  let file: unknown
  try {
    file = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isObject(file) || file.version !== VERSION || !Array.isArray(file.layers)) return undefined
  const layers = file.layers.map(parseLayer)
  const made = parseBox(file.made, 'before')
  if (made === 'damaged' || !layers.every((layer) => layer !== undefined)) return undefined
  return { made: made === undefined ? undefined : { before: made.text }, layers }
}

function parseLayer(value: unknown): Layer | undefined {
  if (!isObject(value)) return undefined
  const { id, profile, keys, expiration, seen, ended, covered } = value
  const moved = parseBox(value.moved, 'from')
  if (
    typeof id !== 'string' ||
    typeof profile !== 'string' ||
    typeof keys !== 'string' ||
    typeof expiration !== 'string' ||
    typeof seen !== 'boolean' ||
    typeof ended !== 'boolean'
  )
    return undefined
  if (covered !== undefined && typeof covered !== 'string') return undefined
  const date = new Date(expiration)
  if (moved === 'damaged' || Number.isNaN(date.getTime())) return undefined
  return {
    id,
    profile,
    keys,
    expiration: date,
    seen,
    ended,
    covered,
    moved: moved === undefined ? undefined : { from: moved.text },
  }
}

/** An optional object with one optional text, `member`. */
function parseBox(
  value: unknown,
  member: string,
): { readonly text: string | undefined } | undefined | 'damaged' {
  if (value === undefined) return undefined
  if (!isObject(value)) return 'damaged'
  const text = value[member]
  return text === undefined || typeof text === 'string' ? { text } : 'damaged'
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
