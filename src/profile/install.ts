import fs from 'node:fs'
import { dirname } from 'node:path'
import type { CliProfile } from './config-edit.js'
import { parseConfig, refusalError } from './config-text.js'
import { ProfileError } from './profile-error.js'
import {
  checkOwners,
  explained,
  locate,
  readText,
  recordPathOf,
  withStore,
  type Store,
  type WritingCalls,
} from './folder.js'
import { install, takeBack, type Home } from './layers.js'
import { EMPTY_UNDO_LOG, formatUndoLog, parseUndoLog, type Layer, type UndoLog } from './undo-log.js'

export interface ProfileInstallation {
  /** config.json's path, as `configFileOf` gives it. */
  readonly path: string
  /** A UUID of this run, which the caller has stored for its post step before. */
  readonly id: string
  readonly profile: CliProfile
  /** Whether `current` shall name the profile. In a file that has no profile yet it does in any case. */
  readonly setCurrent: boolean
  /** Whether the run will take the profile back. Where it will not, nothing is recorded and the profile is the user's. */
  readonly cleanup: boolean
  /** When the session is over, where that is known. */
  readonly expiration: Date | undefined
  readonly now: Date
}

export interface Installed {
  readonly warnings: readonly string[]
  /** The profile that the CLI now uses unless told otherwise. */
  readonly current: string
}

/** No session of STS lives longer: 12 hours, in milliseconds. */
const LONGEST_SESSION = 43_200_000

/** A session is taken for over this long after its end, in milliseconds, for clocks that differ. */
const GRACE = 300_000

/**
 * Finds what can be known to be wrong before any credentials are asked for: a file or folder that cannot be read or written, a file that
 * the CLI would not accept. Changes nothing. Throws ProfileError.
 */
export async function checkProfile({ path }: { readonly path: string }): Promise<void> {
  await explained(path, async () => {
    const { target, exists } = locate(path)
    checkOwners(path)
    for (const folder of new Set([dirname(path), dirname(target)]))
      await explained(folder, () => checkWritable(folder))
    const text = exists ? await explained(target, () => readText(target)) : undefined
    if (text !== undefined) requireServed(text, target)
  })
}

/**
 * Writes the profile, after taking back what runs left whose session is over. Throws ProfileError, with the files as they were, where it
 * cannot.
 */
export async function installProfile(request: ProfileInstallation, calls?: WritingCalls): Promise<Installed> {
  return withStore(request.path, (store) => installInto(store, request), calls)
}

/**
 * The writes of an installation and their order.
 *
 * What is over is taken back first, and completely; see `finish`.
 *
 * Then the record is written before config.json: killed in between, the record names a run whose entry is not in config.json, which the next
 * one sees and forgets. The other way round, what the entry covered would be gone. So at every instant all that was covered is in one of the
 * two files, and every entry of ours in config.json is in the record. A run that does not clean up only makes the record give up claims on
 * what it writes: that comes last.
 */
export async function installInto(store: Store, request: ProfileInstallation): Promise<Installed> {
  const { path, id, profile, setCurrent, cleanup, now } = request
  const warnings = [...store.warnings]
  const text = await store.readConfig()
  if (text !== undefined) requireServed(text, path)
  let record = await readRecord(store)
  if (record === undefined) {
    const aside = await store.setRecordAside()
    warnings.push(
      `${recordPathOf(path)} could not be read and was set aside as ${aside}: it may hold a profile that an earlier job covered`,
    )
    record = EMPTY_UNDO_LOG
  }
  const found: Home = { text, record }
  // The run's own layer is there where it lost the lock half-way and begins again.
  const cleared = await finish(store, path, found, (layer) => layer.id === id || isOver(layer, now))

  const expiration = request.expiration ?? new Date(now.getTime() + LONGEST_SESSION)
  const next = install(cleared, path, { id, profile, setCurrent, cleanup, expiration })
  const current = requireServed(next.text ?? '', path)
  if (!cleanup) {
    await store.writeConfig(next.text)
    await writeRecord(store, cleared.record, next.record)
    return { warnings, current }
  }
  await writeRecord(store, cleared.record, next.record)
  try {
    await store.writeConfig(next.text)
  } catch (error) {
    // The record alone does no harm, but would outlive a job whose profile never was.
    await writeRecord(store, next.record, cleared.record).catch(() => undefined)
    throw error
  }
  return { warnings, current }
}

/**
 * Takes back the runs that are over, and returns the home without them.
 *
 * The record first says that they have ended, then config.json is written, and the record without them last. Killed in between, whoever comes
 * next takes them back once more, before anything else, which changes nothing that has been done. Without the record that comes last, an entry
 * would be left that nobody knows; without the one that comes first, others might build on a run that the record does not know to be gone.
 */
export async function finish(
  store: Store,
  path: string,
  found: Home,
  isOver: (layer: Layer) => boolean,
): Promise<Home> {
  const isEnded = (layer: Layer) => layer.ended || isOver(layer)
  const next = takeBack(found, path, isEnded)
  let recorded = found.record
  if (next.text !== found.text) {
    const marked = {
      ...found.record,
      layers: found.record.layers.map((layer) => ({ ...layer, ended: isEnded(layer) })),
    }
    try {
      await writeRecord(store, recorded, marked)
      recorded = marked
    } catch (error) {
      // On a full disk the rest may still be possible, and only a kill in the midst of it would miss the mark.
      if (!(error instanceof ProfileError)) throw error
    }
    await store.writeConfig(next.text)
  }
  await writeRecord(store, recorded, next.record)
  return next
}

/** The record, and undefined where it is damaged. */
export async function readRecord(store: Store): Promise<UndoLog | undefined> {
  const text = await store.readRecord()
  return text === undefined ? EMPTY_UNDO_LOG : parseUndoLog(Buffer.from(text, 'latin1').toString())
}

/** Whether the run's session is over and nobody can miss its profile. */
export function isOver({ expiration }: Layer, now: Date): boolean {
  return expiration.getTime() + GRACE < now.getTime()
}

export async function writeRecord(store: Store, from: UndoLog, to: UndoLog): Promise<void> {
  const [before, after] = [from, to].map((record) =>
    record.layers.length === 0 ? undefined : formatUndoLog(record),
  )
  if (before !== after)
    await store.writeRecord(after === undefined ? undefined : Buffer.from(after).toString('latin1'))
}

/** Throws unless the CLI would accept the file; gives the profile that it would use. */
function requireServed(text: string, path: string): string {
  const config = parseConfig(text, path)
  if (config.refusal !== undefined) throw refusalError(text, path, config.refusal)
  return config.currentName
}

async function checkWritable(folder: string): Promise<void> {
  // A folder that is missing will be made in the nearest one that is there.
  let place = folder
  while (!fs.existsSync(place) && dirname(place) !== place) place = dirname(place)
  await fs.promises.access(place, fs.constants.W_OK | fs.constants.X_OK)
}
