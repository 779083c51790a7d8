/**
 * config.json and its undo log on the disk: how they are read, and written together.
 */
import { say } from '../text/prose.js'
import { recordPathOf } from './neighbours.js'
import { isSomebodys, type HomeState } from './ownership.js'
import { ProfileError, systemErrorCode } from './profile-error.js'
import type { Change, Store, StoredFile } from './store.js'
import { EMPTY_UNDO_LOG, formatUndoLog, parseUndoLog, type UndoEntry, type UndoLog } from './undo-log.js'

/**
 * A session is taken for over this long after its end, in milliseconds: more than the 15 minutes by
 * which STS lets clocks differ.
 */
const GRACE_MS = 20 * 60_000

/**
 * Whether the run will not restore its profile itself: it could not, or its session is over.
 *
 * @param now a time that STS has vouched for; undefined if there is none
 */
export function isOver({ ended, expiration }: UndoEntry, now: Date | undefined): boolean {
  return ended || (now !== undefined && expiration.getTime() + GRACE_MS < now.getTime())
}

/**
 * The undo log in the record's text of one character a byte.
 *
 * @throws ProfileError if a newer version of this action wrote it
 */
export function parseRecord(text: string | undefined, path: string): UndoLog | 'damaged' {
  if (text === undefined) return EMPTY_UNDO_LOG
  const log = parseUndoLog(Buffer.from(text, 'latin1').toString())
  if (log !== 'newer') return log
  throw new ProfileError(
    'profile-newer-record',
    say`${recordPathOf(path)} was written by a newer version of this action, which other jobs on this home use: update the version in this workflow. It was left as it is.`,
  )
}

/**
 * Writes an installation: the record first, then config.json.
 *
 * @param onWritten called once config.json has been written
 */
export async function commitInstalled(
  store: Store,
  from: HomeState,
  to: HomeState,
  onWritten: () => void,
): Promise<void> {
  const { config, record } = changesOf(from, to)
  const written = new Set<StoredFile>()
  try {
    await store.write([...record, ...config], (file) => {
      written.add(file)
      if (file === 'config') onWritten()
    })
  } catch (error) {
    // The record alone does no harm, but would outlive a job whose profile was never written.
    if (error instanceof ProfileError && written.has('record'))
      await store.write(changesOf(to, from).record).catch(() => undefined)
    throw error
  }
}

/**
 * Writes a home from which runs are gone.
 *
 * The record first says that they have ended, unless somebody wrote over them, then config.json is
 * written, and the record without them last. If the process is killed in between, whoever comes
 * next restores once more, before anything else, which changes nothing that has been done. The last
 * look at config.json comes right before the record goes: a program that had read the file before
 * and wrote it after us has brought an entry back.
 */
export async function commitRestored(store: Store, from: HomeState, to: HomeState): Promise<void> {
  const remaining = new Set(to.log.entries.map(({ run }) => run))
  markEnded(
    store,
    from.log.entries.flatMap((entry) =>
      remaining.has(entry.run) || isSomebodys(from, entry) ? [] : [entry.run],
    ),
  )
  const { config, record } = changesOf(from, to)
  await store.write([...config, ...record])
}

/**
 * Changes the record alone: config.json keeps its inode and its times. A damaged record claims
 * nothing, and stays.
 *
 * @param path config.json's, for the error
 * @throws ProfileError if a newer version of this action wrote the record
 */
export async function changeRecord(
  store: Store,
  path: string,
  change: (log: UndoLog) => UndoLog,
): Promise<void> {
  const log = parseRecord(await store.read('record'), path)
  if (log === 'damaged') return
  await store.write(recordChanges(log, change(log)))
}

/** Says in the record that the runs have ended, if that can be said. */
export function markEnded(store: Store, runs: readonly string[]): void {
  try {
    store.markEnded(runs)
  } catch (error) {
    // On a read-only disk. Without the mark only a kill in the middle would matter.
    if (systemErrorCode(error) === undefined) throw error
  }
}

function changesOf(from: HomeState, to: HomeState): { readonly config: Change[]; readonly record: Change[] } {
  return {
    config: from.config?.text === to.config?.text ? [] : [['config', to.config?.text]],
    record: recordChanges(from.log, to.log),
  }
}

function recordChanges(from: UndoLog, to: UndoLog): Change[] {
  const [old, record] = [formatUndoLog(from), formatUndoLog(to)]
  return old === record ? [] : [['record', record && Buffer.from(record).toString('latin1')]]
}
