import { withStore } from './store.js'
import { commitRestored, parseRecord } from './transaction.js'

/** The keeper tries again later. Milliseconds. */
const WAIT_AT_MOST_MS = 60_000

/**
 * Records that the session behind the run's profile now ends at `expiration`, so that no other run
 * takes it for a killed one's. Only the record is written: config.json keeps its inode and its
 * times. A run that the record does not know, or no longer, changes nothing.
 *
 * @param path config.json's path, and `id` the run's, as at the installation
 * @throws ProfileError if the record cannot be read or written
 */
export async function postponeExpiration(path: string, id: string, expiration: Date): Promise<void> {
  await withStore(
    path,
    async (store) => {
      const log = parseRecord(await store.read('record'), path)
      if (log === 'damaged') return
      const entries = log.entries.map((entry) => (entry.run === id ? { ...entry, expiration } : entry))
      const next = { config: undefined, log: { ...log, entries } }
      await commitRestored(store, { config: undefined, log }, next)
    },
    { waitAtMostMs: WAIT_AT_MOST_MS },
  )
}
