import { withStore } from './store.js'
import { changeRecord } from './transaction.js'
import { findTraces } from './uninstall.js'

/** The keeper tries again later. Milliseconds. */
const WAIT_AT_MOST_MS = 60_000

/** A run's entry, as at its installation. */
export interface RunEntry {
  /** config.json's path. */
  readonly path: string
  /** Where that was behind all links. */
  readonly target: string
  readonly id: string
}

/**
 * Records that the session behind the run's profile now ends at `expiration`, so that no other run
 * takes it for a killed one's. Only the record is written: config.json keeps its inode and its
 * times. A run that the record does not know, or no longer, changes nothing.
 *
 * @throws ProfileError if the record cannot be read or written
 */
export async function postponeExpiration({ path, target, id }: RunEntry, expiration: Date): Promise<void> {
  const { here, there } = await findTraces(path, target)
  // If nothing of ours is there, there is no reason to make a folder and a lock.
  if (!here) return
  for (const place of there === undefined ? [path] : [path, there]) {
    await withStore(
      place,
      (store) =>
        changeRecord(store, path, (log) => ({
          ...log,
          entries: log.entries.map((entry) => (entry.run === id ? { ...entry, expiration } : entry)),
        })),
      { waitAtMostMs: WAIT_AT_MOST_MS },
    )
  }
}
