import { makePermanent } from './home-state.js'
import { withStore, type Store, type StoreOptions } from './store.js'
import { changeRecord } from './transaction.js'

/** Which run's profile stays. */
export interface KeptRun {
  /** config.json's path, and `id` the run's, as at the installation. */
  readonly path: string
  readonly id: string
}

/**
 * Leaves a run's profile to the user for good: nothing will restore what it replaced. Only the
 * record is written, since config.json holds the profile already.
 *
 * @throws ProfileError if the record cannot be read or written; post can then still restore
 */
export async function keepProfile(run: KeptRun, options: StoreOptions): Promise<void> {
  await withStore(run.path, (store) => keepIn(store, run), options)
}

/** The write of `keepProfile`. */
export async function keepIn(store: Store, { path, id }: KeptRun): Promise<void> {
  await changeRecord(store, path, (log) => makePermanent(log, id))
}
