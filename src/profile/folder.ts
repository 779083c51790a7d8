import { randomBytes } from 'node:crypto'
import fs, { type Stats } from 'node:fs'
import { basename, dirname, isAbsolute, join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { ProfileError, explainSystemError, systemErrorCode } from './profile-error.js'
import { LockLostError, withLock, type HeldLock } from './lock.js'
import { giveToOwner } from './owner.js'

/** config.json and the record, while nobody else of ours can write them. Texts are the files' bytes, one character each. */
export interface Store {
  /** What is amiss with the folder and need not stop anybody. */
  readonly warnings: readonly string[]
  /** Undefined where there is no such file. */
  readonly readConfig: () => Promise<string | undefined>
  readonly readRecord: () => Promise<string | undefined>
  /** Replaces the file at once, or removes it where `text` is undefined. */
  readonly writeConfig: (text: string | undefined) => Promise<void>
  readonly writeRecord: (text: string | undefined) => Promise<void>
  /** Moves a record that cannot be read out of the way and returns its new path. */
  readonly setRecordAside: () => Promise<string>
}

/** The system calls that change files, so that a test can make them fail. */
export interface WritingCalls {
  readonly open: typeof fs.promises.open
  readonly rename: typeof fs.promises.rename
  readonly unlink: typeof fs.promises.unlink
}

const LARGEST_FILE = 256 * 1024 * 1024

export function recordPathOf(path: string): string {
  return `${path}.ci-record`
}

function lockPathOf(path: string): string {
  return `${path}.ci-lock`
}

/** Whether a record, a lock or a temporary file is beside config.json: each may be the only one, depending on where a run was killed. */
export function hasTraces(path: string): boolean {
  return (
    fs.existsSync(dirname(path)) &&
    fs.readdirSync(dirname(path)).some((name) => name.startsWith(`${basename(path)}.ci-`))
  )
}

/**
 * Does `work` on the files at and beside `path`, config.json's, under their lock; the folder is made where it is missing. Killed writers'
 * temporary files go. The work is done again where the lock was lost. Throws ProfileError where the files cannot be had.
 */
export async function withStore<T>(
  path: string,
  work: (store: Store) => Promise<T>,
  calls: WritingCalls = fs.promises,
): Promise<T> {
  return explained(path, async () => {
    makeFolder(dirname(path))
    return withLock(lockPathOf(path), async (lock) => {
      const { target } = locate(path)
      const warnings = checkOwners(path)
      tidy(path, target)
      return work(openStore(path, target, warnings, lock, calls))
    })
  })
}

export interface Place {
  /** Where the file is or would be, after all links. */
  readonly target: string
  readonly exists: boolean
}

/** Finds the file behind `path`. Throws ProfileError where what is there is no regular file. */
export function locate(path: string): Place {
  const target = followLinks(path)
  const stats = fs.statSync(target, { throwIfNoEntry: false })
  if (stats?.isFile() === false) {
    throw new ProfileError(
      `${target} is ${kindOf(stats)}, where the aliyun CLI keeps its profiles in a regular file: remove or rename it`,
    )
  }
  return { target, exists: stats !== undefined }
}

/**
 * Whose the file and its folders are: throws ProfileError where they are another user's, and returns warnings where others may write them.
 */
export function checkOwners(path: string): string[] {
  const { target } = locate(path)
  const warnings: string[] = []
  for (const place of new Set([dirname(path), dirname(target), target])) {
    const stats = fs.statSync(place, { throwIfNoEntry: false })
    if (stats === undefined) continue
    if (belongsToAnother(stats)) {
      throw new ProfileError(
        `${place} belongs to another user (uid ${stats.uid}): run the job as that user, or give it to this one with chown`,
      )
    }
    if (process.platform !== 'win32' && (stats.mode & 0o022) !== 0) {
      warnings.push(
        `${place} may be written by other users, who could so change the credentials of jobs: chmod go-w it`,
      )
    }
  }
  return warnings
}

/** Reads a whole file as one character a byte; undefined where there is none. */
export async function readText(path: string): Promise<string | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    const text = readOnce(path)
    // An aliyun CLI that is writing just now truncates the file first and so shows half of it.
    if (text === undefined || attempt === 5 || /(?:\}|null)\s*$/.test(text.slice(-100))) return text
    await pause(20)
  }
}

/** Says in our words what the system refused. */
export async function explained<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw explainSystemError(error, path) ?? error
  }
}

function readOnce(path: string): string | undefined {
  try {
    const size = fs.statSync(path).size
    if (size > LARGEST_FILE)
      throw new ProfileError(
        `${path} is larger than ${LARGEST_FILE / 1024 / 1024} MiB: remove what does not belong in it`,
      )
    return fs.readFileSync(path, 'latin1')
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

function openStore(
  path: string,
  target: string,
  warnings: readonly string[],
  { assertHeld }: HeldLock,
  calls: WritingCalls,
): Store {
  const recordPath = recordPathOf(path)
  const write = async (file: string, text: string | undefined) => {
    await explained(file, () =>
      text === undefined ? remove(file, assertHeld, calls) : replace(file, text, assertHeld, calls),
    )
  }
  return {
    warnings,
    readConfig: () => explained(target, () => readText(target)),
    readRecord: () =>
      explained(recordPath, async () => {
        const stats = fs.lstatSync(recordPath, { throwIfNoEntry: false })
        if (stats === undefined) return undefined
        // Only what this user wrote says what to put into this user's file.
        return !stats.isFile() || belongsToAnother(stats) ? '' : readText(recordPath)
      }),
    writeConfig: (text) => write(target, text),
    writeRecord: (text) => write(recordPath, text),
    setRecordAside: () =>
      explained(recordPath, async () => {
        const aside = `${recordPath}.damaged-${Date.now()}`
        assertHeld()
        await calls.rename(recordPath, aside)
        return aside
      }),
  }
}

/** Writes beside the file, synchronises, and renames over it. */
async function replace(
  file: string,
  text: string,
  assertHeld: () => void,
  calls: WritingCalls,
): Promise<void> {
  const existing = fs.statSync(file, { throwIfNoEntry: false })
  const temporary = `${file}.ci-${randomBytes(8).toString('hex')}.tmp`
  const handle = await calls.open(temporary, 'wx', 0o600)
  try {
    try {
      await handle.writeFile(text, 'latin1')
      if (existing !== undefined && (existing.mode & 0o777) === 0o400) await handle.chmod(0o400)
      giveToOwner(temporary, existing === undefined ? dirname(file) : file)
      await handle.sync()
    } finally {
      await handle.close()
    }
    assertHeld()
    await calls.rename(temporary, file)
  } catch (error) {
    await calls.unlink(temporary).catch(() => undefined)
    // Only a process that took our lock over removes our temporary file.
    throw systemErrorCode(error) === 'ENOENT'
      ? new LockLostError("the temporary file was taken for a killed writer's")
      : error
  }
  await syncFolder(dirname(file))
}

async function remove(file: string, assertHeld: () => void, calls: WritingCalls): Promise<void> {
  assertHeld()
  try {
    await calls.unlink(file)
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error
  }
  await syncFolder(dirname(file))
}

/** Makes a rename last. Not every system lets a directory be opened, and the files are right without it. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await fs.promises.open(folder)
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch {
    // See above.
  }
}

/** Removes what killed writers left: whoever writes holds the lock, and we hold it. */
function tidy(path: string, target: string): void {
  const files = [path, recordPathOf(path), target]
  for (const folder of new Set(files.map((file) => dirname(file)))) {
    for (const name of fs.readdirSync(folder)) {
      const stem = /^(.*)\.ci-[0-9a-f]{16}\.tmp$/s.exec(name)?.[1]
      if (stem !== undefined && files.includes(join(folder, stem)))
        fs.rmSync(join(folder, name), { force: true })
    }
  }
}

function makeFolder(folder: string): void {
  if (fs.existsSync(folder)) return
  const first = fs.mkdirSync(folder, { recursive: true, mode: 0o755 })
  if (first !== undefined) giveToOwner(folder, dirname(first))
}

/** The path behind all symbolic links, whether or not there is a file. */
function followLinks(path: string): string {
  let target = path
  for (let links = 0; links <= 40; links += 1) {
    const stats = fs.lstatSync(target, { throwIfNoEntry: false })
    if (stats === undefined) {
      if (target !== path && !fs.existsSync(dirname(target))) {
        throw new ProfileError(
          `${path} is a link to ${target}, whose folder does not exist: make the folder, or remove the link`,
        )
      }
      return target
    }
    if (!stats.isSymbolicLink()) return target
    const link = fs.readlinkSync(target)
    target = isAbsolute(link) ? link : resolve(fs.realpathSync(dirname(target)), link)
  }
  throw new ProfileError(
    `${path} is a symbolic link that leads back to itself: remove it, or make it lead to a file`,
  )
}

function belongsToAnother({ uid }: Stats): boolean {
  const own = process.getuid?.()
  return own !== undefined && own !== 0 && uid !== own
}

function kindOf(stats: Stats): string {
  return stats.isDirectory() ? 'a directory' : 'a device, pipe or socket'
}
