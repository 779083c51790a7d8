import fs from 'node:fs'
import { dirname } from 'node:path'
import { say, type Prose } from '../text/prose.js'
import type { CliProfile } from './config-edit.js'
import { parseConfig, refusalError, type ConfigText } from './config-text.js'
import { install, restore } from './home-state.js'
import { recordPathOf } from './neighbours.js'
import type { HomeState } from './ownership.js'
import { checkOwners, locate, makeFolder } from './place.js'
import { readText } from './snapshot.js'
import { atHome, explained, readRecordText, withStore, type Store, type StoreOptions } from './store.js'
import { commitInstalled, commitRestored, isOver, parseRecord } from './transaction.js'
import { EMPTY_UNDO_LOG, type UndoEntry } from './undo-log.js'

/** A profile to install. */
export interface ProfileInstallation {
  /** config.json's path, as `configFileOf` returns it. */
  readonly path: string
  /** A UUID of this run, which the caller has stored for its post step before. */
  readonly id: string
  /** The job, in words for people; all its steps give the same. */
  readonly job: string
  readonly profile: CliProfile
  /**
   * Whether `current` should name the profile. In a file without any profile it does in any case.
   */
  readonly setCurrent: boolean
  /** When the session ends, if that is known. */
  readonly expiration: Date | undefined
  readonly now: Date
  /** How long to wait for other jobs, in milliseconds. */
  readonly waitAtMostMs: number
}

/** What main learns from an installation. */
export interface Installed {
  readonly warnings: readonly Prose[]
  /** The profile that the CLI now uses unless told otherwise. */
  readonly current: string
}

/** No session of STS lives longer: 12 hours. */
const LONGEST_SESSION_MS = 43_200_000

/** No two jobs have it, whether they are of one matrix or not. */
const UNIQUE_NAME = 'ci-${{ github.run_id }}-${{ strategy.job-index }}'

/**
 * Finds what can be known to be wrong before any credentials are asked for: a home that is not
 * there, a file or folder that cannot be read or written, a file that the CLI would not accept, a
 * record of a newer version. Leaves everything as it was.
 *
 * @returns where the file is behind all links, for the post step
 * @throws ProfileError
 */
export async function checkProfile({
  path,
}: {
  readonly path: string
}): Promise<{ readonly target: string }> {
  return atHome(path, async (home) => {
    makeFolder(home.path)
    const { target, exists } = locate(home.path)
    checkOwners(home.path, target, home.owners)
    await explained(dirname(target), () =>
      fs.promises.access(dirname(target), fs.constants.W_OK | fs.constants.X_OK),
    )
    // Windows does not let a read-only file be replaced.
    if (exists && process.platform === 'win32')
      await explained(target, () => fs.promises.access(target, fs.constants.W_OK))
    const text = exists ? await explained(target, () => readText(target, home)) : undefined
    if (text !== undefined) parseServed(text, path)
    const record = await explained(recordPathOf(target), () => readRecordText(target, home))
    if (record !== undefined) parseRecord(record, path)
    return { target: home.path === path ? target : path }
  })
}

/**
 * Writes the profile, after restoring what ended runs left.
 *
 * @throws ProfileError if it cannot; the files are as they were then
 */
export async function installProfile(
  request: ProfileInstallation,
  options: Omit<StoreOptions, 'waitAtMostMs'> = {},
): Promise<Installed> {
  const written = { config: false }
  return withStore(request.path, (store) => installInto(store, request, written), {
    ...options,
    waitAtMostMs: request.waitAtMostMs,
  })
}

/**
 * The writes of an installation and their order.
 *
 * What is over is restored first, and completely; see `commitRestored`. Then the record is written
 * before config.json: if the process is killed in between, the record names a run whose entry is
 * not in config.json, which the next one sees and forgets. The other way round, what the entry
 * replaced would be lost. So at every instant all that was replaced is in one of the two files, and
 * every entry of ours in config.json is in the record.
 *
 * @param written whether an earlier attempt of this run may have written config.json
 */
export async function installInto(
  store: Store,
  request: ProfileInstallation,
  written = { config: false },
): Promise<Installed> {
  const { path, id, job, profile, setCurrent, now } = request
  const warnings = [...store.warnings]
  const text = await store.read('config')
  const config = text === undefined ? undefined : parseServed(text, path)
  let log = parseRecord(await store.read('record'), path)
  if (log === 'damaged') {
    const aside = await store.setRecordAside()
    warnings.push(
      say`The record beside ${path} was damaged and is now ${aside}: it may hold a profile that an earlier job replaced.`,
    )
    log = EMPTY_UNDO_LOG
  }
  const onDisk: HomeState = { config, log }
  const isOwn = (entry: UndoEntry): boolean => entry.run === id
  // An attempt of this run that came no further than the record has replaced nothing.
  const found: HomeState = written.config
    ? onDisk
    : { config, log: { ...log, entries: log.entries.filter((entry) => !isOwn(entry)) } }
  const cleared = restore(found, (entry) => isOwn(entry) || isOver(entry, now))
  // A list that was repaired need not be written first: the profile goes into it at once.
  const isCleared = cleared.log.entries.length < found.log.entries.length
  if (isCleared) await commitRestored(store, onDisk, cleared)

  const expiration = request.expiration ?? new Date(now.getTime() + LONGEST_SESSION_MS)
  const next = install(cleared, { run: id, job, profile, setCurrent, expiration })
  const other = next.replacedRun
  if (other !== undefined && other.job !== job) {
    warnings.push(
      say`The profile ${JSON.stringify(profile.name)} in ${path} was written by another job that has not ended yet (${other.job}): its later steps will use this step's identity. Give each job a profile of its own, such as \`${[UNIQUE_NAME]}\`.`,
    )
  }
  await commitInstalled(store, isCleared ? cleared : onDisk, next, () => (written.config = true))
  return { warnings, current: next.config?.currentName ?? '' }
}

/** Throws unless the CLI would accept the file. An empty list is accepted: it will be repaired. */
function parseServed(text: string, path: string): ConfigText {
  const config = parseConfig(text, path)
  if (config.refusal !== undefined) throw refusalError(text, path, config.refusal)
  return config
}
