import { ProfileError } from './profile-error.js'
import { hasTraces, recordPathOf, withStore, type Store, type WritingCalls } from './folder.js'
import { finish, isOver, readRecord } from './install.js'

export interface ProfileRun {
  /** config.json's path as it was at the installation. */
  readonly path: string
  /** The run's UUID. */
  readonly id: string
  readonly now: Date
}

export interface Uninstalled {
  /** What was done, for the log. */
  readonly notes: readonly string[]
  /** What could not be undone, each in one line. */
  readonly warnings: readonly string[]
}

/**
 * Takes a run's profile back, and what other runs left whose session is over. Right after a main that died at any instant, and any number
 * of times. Never throws: what could not be undone is a warning, and stays recorded for the next run on this home.
 */
export async function uninstallProfile(run: ProfileRun, calls?: WritingCalls): Promise<Uninstalled> {
  const { path } = run
  try {
    // Where nothing of ours is, there is nothing to take back, and no reason to make a folder or a lock.
    if (!hasTraces(path)) return { notes: [NOTHING], warnings: [] }
    return await withStore(path, (store) => uninstallFrom(store, run), calls)
  } catch (error) {
    const reason =
      error instanceof ProfileError
        ? error.message
        : `${path}: ${error instanceof Error ? error.name : 'an unknown failure'}`
    return { notes: [], warnings: [`the aliyun CLI's profile could not be taken back: ${reason}`] }
  }
}

/** The writes of an uninstallation; for their order see `finish`. */
export async function uninstallFrom(store: Store, { path, id, now }: ProfileRun): Promise<Uninstalled> {
  const record = await readRecord(store)
  if (record === undefined) {
    return {
      notes: [],
      warnings: [
        `the aliyun CLI's profile could not be taken back: ${recordPathOf(path)} cannot be read; see to ${path} by hand`,
      ],
    }
  }
  const found = { text: await store.readConfig(), record }
  const next = await finish(store, path, found, (layer) => layer.id === id || isOver(layer, now))
  const layer = record.layers.find((candidate) => candidate.id === id)
  if (layer === undefined) return { notes: [NOTHING], warnings: [] }
  const name = JSON.stringify(layer.profile)
  return {
    notes: [
      next.text === found.text
        ? `The profile ${name} of ${path} is no longer this step's and was left as it is.`
        : `Took the profile ${name} back from ${path}.`,
    ],
    warnings: [],
  }
}

const NOTHING = 'No profile of this step was left to take back.'
