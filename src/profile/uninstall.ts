import { textOf } from '../errors/action-error.js'
import { say, type Prose } from '../text/prose.js'
import { utcSeconds } from '../text/utc.js'
import { parseConfig } from './config-text.js'
import { restore } from './home-state.js'
import { hasTraces } from './neighbours.js'
import { locate } from './place.js'
import {
  atHome,
  markEndedWithoutLock,
  readRecordText,
  withStore,
  type Store,
  type StoreOptions,
} from './store.js'
import { commitRestored, isOver, markEnded, parseRecord } from './transaction.js'
import type { UndoEntry } from './undo-log.js'

/** Whose profile is to be restored. */
export interface ProfileRun {
  /** config.json's path as it was at the installation. */
  readonly path: string
  /** Where it was then behind all links; undefined for a sweep. */
  readonly target?: string | undefined
  /** The run's UUID; undefined to restore only what other runs left. */
  readonly id: string | undefined
  /**
   * A time that STS has vouched for. Without it only runs that have said so themselves are over.
   */
  readonly now: Date | undefined
}

/** What post says about it in the log. */
export interface Uninstalled {
  /** What was done, for the log. */
  readonly notes: readonly Prose[]
  /** What could not be undone, each in one line. */
  readonly warnings: readonly Prose[]
}

/** A crowd of jobs on a slow disk takes its turns in less. Milliseconds. */
const WAIT_AT_MOST_MS = 60_000

/**
 * Restores what a run's profile replaced, and what other runs left that have ended. Right after a
 * main that was killed at any instant, and any number of times. Never throws: what could not be
 * undone is a warning, and stays recorded for the next run on this home.
 */
export async function uninstallProfile(
  run: ProfileRun,
  options: Partial<StoreOptions> = {},
): Promise<Uninstalled> {
  const { path, target } = run
  const waiting = { waitAtMostMs: WAIT_AT_MOST_MS, ...options }
  try {
    const { here, there } = await findTraces(path, target)
    // If nothing of ours is there, there is no reason to make a lock.
    if (!here) return { notes: [NOTHING], warnings: [] }
    if (there === undefined) return await withStore(path, (store) => uninstallFrom(store, run), waiting)
    await restoreCopy(run, there, waiting)
    return await withStore(there, (store) => uninstallFrom(store, run), waiting)
  } catch (error) {
    return { notes: [], warnings: [await failureText(run, error)] }
  }
}

export interface Traces {
  /** False if no trace of any run is left. */
  readonly here: boolean
  /** The old target, if the record is still beside it. */
  readonly there: string | undefined
}

/**
 * Where the record of a run lies.
 *
 * @param target where config.json was at the installation behind all links, if that is known
 * @throws ProfileError
 */
export async function findTraces(path: string, target: string | undefined): Promise<Traces> {
  return atHome(path, (home) => {
    const { target: found } = locate(home.path)
    // Somebody put a file in the link's place meanwhile: the record is beside the old target.
    const isMoved = target !== undefined && home.path === path && found !== target
    return Promise.resolve({
      here: hasTraces(found) || (isMoved && hasTraces(target)),
      there: isMoved && hasTraces(target) ? target : undefined,
    })
  })
}

/** The writes of an uninstallation; for their order see `commitRestored`. */
export async function uninstallFrom(store: Store, { path, id, now }: ProfileRun): Promise<Uninstalled> {
  const log = parseRecord(await store.read('record'), path)
  if (log === 'damaged') {
    return {
      notes: [],
      warnings: [
        say`The aliyun CLI's profile could not be restored: the record beside ${path} is damaged. Check ${path} by hand.`,
      ],
    }
  }
  // Then nothing in the file is ours.
  if (log.entries.length === 0) return { notes: [NOTHING], warnings: [] }
  const hasEnded = (entry: UndoEntry): boolean => entry.run === id || isOver(entry, now)
  // Before config.json is read: it may be broken, and then the next run does this.
  markEnded(
    store,
    log.entries.filter(hasEnded).map(({ run }) => run),
  )
  const text = await store.read('config')
  const found = { config: text === undefined ? undefined : parseConfig(text, path), log }
  const next = restore(found, hasEnded)
  await commitRestored(store, found, next)
  const entry = log.entries.find(({ run }) => run === id)
  if (entry === undefined) return { notes: [NOTHING], warnings: [] }
  const name = JSON.stringify(entry.profile)
  return {
    notes: [
      next.config?.text === text
        ? say`The profile ${name} in ${path} is no longer this step's and was left as it is.`
        : say`Restored ${path}: this step's profile ${name} is no longer in it.`,
    ],
    warnings:
      entry.replacedBy === undefined
        ? []
        : [
            say`Another job (${entry.replacedBy}) wrote its own credentials over the profile ${name} while this job ran. Steps of this job that used the profile after that acted with that job's identity. Give each job a profile of its own.`,
          ],
  }
}

/** Takes this run's entry out of a file that somebody copied from the one that has the record. */
async function restoreCopy({ path, id }: ProfileRun, target: string, options: StoreOptions): Promise<void> {
  const log = await atHome(target, async (home) => parseRecord(await readRecordText(target, home), path))
  const entry = log === 'damaged' ? undefined : log.entries.find(({ run }) => run === id)
  if (log === 'damaged' || entry === undefined) return
  const replaced = entry.replaced && { text: entry.replaced.text, run: undefined }
  const formerCurrent = entry.formerCurrent && { token: entry.formerCurrent.token, run: undefined }
  await withStore(
    path,
    async (store) => {
      const text = await store.read('config')
      if (text === undefined) return
      const own = { created: log.created, entries: [{ ...entry, replaced, formerCurrent }] }
      const next = restore({ config: parseConfig(text, path), log: own }, () => true)
      if (next.config?.text !== text) await store.write([['config', next.config?.text]])
    },
    options,
  )
}

/**
 * What happened, how long the session stays, and who will remove it. Marks the run as ended, so
 * that the next one does.
 */
async function failureText({ path, target, id }: ProfileRun, failure: unknown): Promise<Prose> {
  const reason = say`The aliyun CLI's profile could not be restored. ${textOf(failure)}`
  if (id === undefined) return reason
  try {
    const entry = await atHome(path, async (home) => {
      const { target: here } = locate(home.path)
      for (const place of new Set([here, target ?? here])) {
        const log = parseRecord(await readRecordText(place, home), path)
        const found = log === 'damaged' ? undefined : log.entries.find(({ run }) => run === id)
        if (found === undefined) continue
        // On a read-only disk that cannot be said.
        return { ...found, ended: await markEndedWithoutLock(place, id, home).catch(() => false) }
      }
      return undefined
    })
    if (entry === undefined) return reason
    const until = utcSeconds(entry.expiration)
    const who = entry.ended
      ? 'The next run on this home removes it.'
      : 'A run on this home removes it after that.'
    return say`${reason}. Its session stays in ${path}, usable until ${until}. ${[who]}`
  } catch {
    return reason
  }
}

const NOTHING: Prose = ['No profile of this step was left to restore.']
