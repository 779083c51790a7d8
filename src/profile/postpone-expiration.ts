import { withStore } from './folder.js'
import { readRecord, writeRecord } from './install.js'

/**
 * Records that the session behind the run's profile now ends at `expiration`, so that no other run takes the profile for a killed one's. Only
 * the record is written: config.json keeps its inode and its times. A run that the record does not know, or no longer, is left so.
 *
 * @param path config.json's path, and `id` the run's, as at the installation
 * @throws ProfileError if the record cannot be read or written
 */
export async function postponeExpiration(path: string, id: string, expiration: Date): Promise<void> {
  await withStore(path, async (store) => {
    const record = await readRecord(store)
    if (record === undefined) return
    const layers = record.layers.map((layer) => (layer.id === id ? { ...layer, expiration } : layer))
    await writeRecord(store, record, { ...record, layers })
  })
}
