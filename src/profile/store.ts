/**
 * The files of one home: config.json, the record beside it, and the lock under which both change.
 */
import { randomBytes } from 'node:crypto'
import fs, { type BigIntStats } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { ActionError } from '../errors/action-error.js'
import { say, type Prose } from '../text/prose.js'
import { waitWhileHeldOpen } from './held-open.js'
import { asHomeOwner, type OwnedHome } from './home-owner.js'
import { LockLostError, withLock, type HeldLock, type LockOptions } from './lock.js'
import { checkOwners, isTrusted, locate, makeFolder } from './place.js'
import { explainSystemError, ProfileError, systemErrorCode } from './profile-error.js'
import { isMarkedEnded, withRunsEnded } from './undo-log.js'

export type StoredFile = 'config' | 'record'

/** A file's new text, undefined to remove it. Texts are the file's bytes, one character each. */
export type Change = readonly [file: StoredFile, text: string | undefined]

/** config.json and the record, while no other job can write them. */
export interface Store {
  /** What is wrong with the folder and need not stop anybody. */
  readonly warnings: readonly Prose[]
  /** Undefined if there is no such file. */
  readonly read: (file: StoredFile) => Promise<string | undefined>
  /**
   * Replaces or removes files, each at once, in this order, and each only if all of them are still
   * as they were read. Throws ChangedMeanwhileError otherwise: then the work begins anew.
   */
  readonly write: (changes: readonly Change[], onWritten?: (file: StoredFile) => void) => Promise<void>
  /** Marks runs as ended in the record as it lies there. Throws what the system refuses. */
  readonly markEnded: (runs: readonly string[]) => void
  /** Moves a damaged record out of the way and returns its new path. */
  readonly setRecordAside: () => Promise<string>
}

/** Another program wrote config.json between our look and our write. */
class ChangedMeanwhileError extends ActionError {
  override readonly name = 'ChangedMeanwhileError'
  readonly code = 'profile-changed-meanwhile'
}

/** The system calls that change files, so that a test can make them slow or fail. */
export interface SystemCalls {
  readonly open: (path: string, flags: number, mode: number) => number
  /** Makes a file's content survive a crash of the machine. */
  readonly sync: (descriptor: number) => Promise<void>
  readonly rename: (from: string, to: string) => void
  readonly unlink: (path: string) => void
}

const SYSTEM_CALLS: SystemCalls = {
  open: (path, flags, mode) => fs.openSync(path, flags, mode),
  sync: promisify(fs.fsync),
  rename: (from, to) => {
    fs.renameSync(from, to)
  },
  unlink: (path) => {
    fs.unlinkSync(path)
  },
}

export interface StoreOptions extends LockOptions {
  readonly calls?: Partial<SystemCalls>
}

/** Once the time to wait is over, the work is begun anew so often at most. */
const LAST_ATTEMPTS = 10

const LARGEST_FILE = 256 * 1024 * 1024

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL } = fs.constants
/** 0 where the system does not know them, as on Windows. */
const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants as Partial<typeof fs.constants>

export function recordPathOf(target: string): string {
  return `${target}.ci-record`
}

function lockPathOf(target: string): string {
  return `${target}.ci-lock`
}

/**
 * Does `work` on the files at and beside `path`, config.json's, under their lock, as the owner of
 * that home. The folder is made if it is missing; temporary files of killed writers are removed.
 * The work is done again if the lock was lost or another program wrote meanwhile.
 *
 * @throws ProfileError if the files cannot be had
 */
export async function withStore<T>(
  path: string,
  work: (store: Store, target: string) => Promise<T>,
  options: StoreOptions,
): Promise<T> {
  return atHome(path, async (home) => {
    makeFolder(home.path)
    for (;;) {
      const { target } = locate(home.path)
      const outcome = await withLock(
        lockPathOf(target),
        async (lock) => {
          // While we waited, a link may have been changed: then this is the wrong lock.
          if (locate(home.path).target !== target) return 'moved'
          const warnings = checkOwners(home.path, target, home.owners)
          removeTemporaryFiles(target)
          return repeatedly(lock, (found) =>
            work(openStore(target, warnings, home, lock, options, found), target),
          )
        },
        options,
      )
      if (outcome !== 'moved') return outcome.result
    }
  })
}

/** Does `work` as the owner of the home, and says in our words what the system refused. */
export async function atHome<T>(path: string, work: (home: OwnedHome) => Promise<T>): Promise<T> {
  return asHomeOwner(path, (home) => explained(path, () => work(home)))
}

/** Says in our words what the system refused. */
export async function explained<T>(path: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw explainSystemError(error, path) ?? error
  }
}

/** Whether a record, a lock or a temporary file is there: each may be alone, after a kill. */
export function hasTraces(target: string): boolean {
  return namesBeside(target).some((name) => name.startsWith(`${basename(target)}.ci-`))
}

export function hasTemporaryFiles(target: string): boolean {
  return temporaryFiles(target).length > 0
}

/** Reads a file whole; undefined if there is none. */
export async function readText(file: string, home?: OwnedHome): Promise<string | undefined> {
  return (await readWhole(file, home))?.text
}

/**
 * The record's text; undefined if there is none, '' if it is nothing that this user, or root,
 * wrote: it says what to put into this user's file.
 */
export async function readRecordText(target: string, home: OwnedHome): Promise<string | undefined> {
  return (await readRecordFile(target, home))?.text
}

/**
 * Marks runs as ended without the lock, which cannot be had, and without space, which there may be
 * none of. A holder of the lock that replaces the record looks at it once more right before.
 *
 * @returns whether the record now says so
 */
export async function markEndedWithoutLock(target: string, run: string, home: OwnedHome): Promise<boolean> {
  for (let attempt = 1; attempt <= 5; attempt += 1) {
    const found = await readRecordFile(target, home)
    if (found === undefined || found.text === '') return false
    const text = withRunsEnded(found.text, [run])
    if (text === found.text) return isMarkedEnded(text, run)
    writeInPlace(recordPathOf(target), found, text, home)
    await pause(5)
  }
  return false
}

async function repeatedly<T>(
  lock: HeldLock,
  work: (found: string | undefined) => Promise<T>,
): Promise<{ readonly result: T }> {
  let found: string | undefined
  for (let attempt = 1; ; attempt += 1) {
    try {
      return { result: await work(found) }
    } catch (error) {
      if (!(error instanceof ChangedByOpenFile || error instanceof ChangedMeanwhileError)) throw error
      if (attempt >= LAST_ATTEMPTS && performance.now() > lock.deadline) {
        throw new ProfileError('profile-locked', [
          "the aliyun CLI's config.json is being rewritten by another program all the time",
        ])
      }
      found = error instanceof ChangedByOpenFile ? error.found : undefined
    }
  }
}

/**
 * A program that had config.json open wrote into it right when it was replaced: what it wrote
 * counts, although it is in no file any more.
 */
class ChangedByOpenFile extends ChangedMeanwhileError {
  readonly found: string

  constructor(found: string) {
    super(['another program wrote into the file that was just replaced'])
    this.found = found
  }
}

/** A file as it was read. */
interface Snapshot {
  readonly text: string
  readonly stats: BigIntStats
}

function openStore(
  target: string,
  warnings: readonly Prose[],
  home: OwnedHome,
  { assertHeld }: HeldLock,
  options: StoreOptions,
  found: string | undefined,
): Store {
  const { platform = process.platform } = options
  const calls = { ...SYSTEM_CALLS, ...options.calls }
  const paths = { config: target, record: recordPathOf(target) }
  /** What each file was when it was read or written last. */
  const known = new Map<StoredFile, Snapshot | undefined>()

  const read = (file: StoredFile): Promise<Snapshot | undefined> =>
    explained(paths[file], () => (file === 'config' ? readWhole(target, home) : readRecordFile(target, home)))

  /** The last look before a write, as close to it as can be. */
  const assertUnchanged = (): void => {
    for (const [file, snapshot] of known) {
      const now = look(paths[file], home)
      if (now?.text !== snapshot?.text || now?.stats.ino !== snapshot?.stats.ino)
        throw new ChangedMeanwhileError(['another program wrote the file meanwhile'])
    }
  }

  const put = async (file: StoredFile, next: Prepared | undefined): Promise<void> => {
    const path = paths[file]
    const before = known.get(file)
    // What a program still writes into the old file can be seen through this descriptor only. On
    // Windows it would keep the file from being replaced.
    const watches = file === 'config' && before !== undefined && platform !== 'win32'
    const old = watches ? openToRead(path, home) : undefined
    try {
      await waitWhileHeldOpen(() => {
        assertHeld()
        assertUnchanged()
        prepareForTheInstant(next)
        if (!isSame(fs.lstatSync(path, { bigint: true, throwIfNoEntry: false }), before?.stats))
          throw new ChangedMeanwhileError(['another program wrote the file meanwhile'])
        // What is written between the line above and these is lost: some microseconds.
        if (next !== undefined) replaceBy(next, path, calls)
        else if (before !== undefined) calls.unlink(path)
      }, platform)
      known.set(file, asItLies(path, next))
      const written = old === undefined ? before?.text : readDescriptor(old)
      if (old === undefined || written === before?.text) return
      const text = await readUntilComplete(old)
      if (isComplete(text)) throw new ChangedByOpenFile(text)
    } finally {
      if (old !== undefined) fs.closeSync(old)
    }
  }

  return {
    warnings,
    read: async (file) => {
      const snapshot = await read(file)
      known.set(file, snapshot)
      return file === 'config' && found !== undefined ? found : snapshot?.text
    },
    write: async (changes, onWritten) => {
      const isRoots = known.get('config')?.stats.uid === 0n
      const prepared = new Map<StoredFile, Prepared>()
      try {
        for (const [file, text] of changes) {
          if (text === undefined) continue
          const path = paths[file]
          const mode = file === 'config' ? known.get(file)?.stats.mode : undefined
          prepared.set(file, await explained(path, () => prepare(path, text, mode, isRoots, home, calls)))
        }
        // All at once: a disk that is slow to sync takes its time once.
        await Promise.all(
          [...prepared].map(([file, { descriptor }]) => explained(paths[file], () => calls.sync(descriptor))),
        )
        for (const { close } of prepared.values()) close()
        for (const [file] of changes) {
          await explained(paths[file], () => put(file, prepared.get(file)))
          onWritten?.(file)
        }
      } finally {
        for (const { temporary, close } of prepared.values()) {
          close()
          removeQuietly(temporary)
        }
      }
    },
    markEnded: (runs) => {
      const before = known.get('record')
      if (before === undefined) return
      const text = withRunsEnded(before.text, runs)
      if (text === before.text) return
      assertHeld()
      writeInPlace(paths.record, before, text, home)
      known.set('record', asItLies(paths.record, { text, stats: before.stats }))
    },
    setRecordAside: () =>
      explained(paths.record, () => {
        const aside = `${paths.record}.damaged-${Date.now()}`
        assertHeld()
        calls.rename(paths.record, aside)
        known.set('record', undefined)
        return aside
      }),
  }
}

/** A temporary file that is ready to take a file's place. */
interface Prepared extends Snapshot {
  readonly temporary: string
  readonly descriptor: number
  /** Any number of times. */
  readonly close: () => void
}

/** Writes the text into a temporary file beside `file`. */
function prepare(
  file: string,
  text: string,
  mode: bigint | undefined,
  isRoots: boolean,
  home: OwnedHome,
  calls: SystemCalls,
): Prepared {
  const temporary = `${file}.ci-${randomBytes(8).toString('hex')}.tmp`
  const open = (): number => calls.open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
  // What root's own CLI wrote in a user's home stays root's, from the first byte.
  const descriptor = isRoots ? home.asRoot(open) : open()
  let isOpen = true
  const close = (): void => {
    if (isOpen) fs.closeSync(descriptor)
    isOpen = false
  }
  try {
    fs.writeFileSync(descriptor, text, 'latin1')
    if (mode !== undefined && (mode & 0o777n) === 0o400n) fs.fchmodSync(descriptor, 0o400)
    return { temporary, descriptor, close, text, stats: fs.fstatSync(descriptor, { bigint: true }) }
  } catch (error) {
    close()
    removeQuietly(temporary)
    throw error
  }
}

/**
 * Two things make a look and the rename after it come apart: code that runs for the first time, and
 * the scheduler, which does not interrupt a process at once that has just slept. On two busy cores
 * this halves what is lost of another program's writes.
 */
function prepareForTheInstant(next: Prepared | undefined): void {
  // To the name that it has: nothing happens.
  if (next !== undefined) fs.renameSync(next.temporary, next.temporary)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0.1)
}

function replaceBy({ temporary }: Prepared, path: string, calls: SystemCalls): void {
  try {
    calls.rename(temporary, path)
  } catch (error) {
    // Only a process that took our lock over removes our temporary file.
    throw systemErrorCode(error) === 'ENOENT'
      ? new LockLostError(["the temporary file was taken for a killed writer's"])
      : error
  }
}

/** Overwrites a file where it lies by a text of the same length. */
function writeInPlace(file: string, { stats, text: before }: Snapshot, text: string, home: OwnedHome): void {
  const open = (): number => fs.openSync(file, O_WRONLY | O_NOFOLLOW | O_NONBLOCK)
  const descriptor = stats.uid === 0n ? home.asRoot(open) : open()
  try {
    const now = fs.fstatSync(descriptor, { bigint: true })
    if (now.ino !== stats.ino || now.nlink !== 1n)
      throw new ChangedMeanwhileError(['the record was replaced meanwhile'])
    for (let start = 0; start < text.length; start += 1) {
      let end = start
      while (end < text.length && text.charAt(end) !== before.charAt(end)) end += 1
      if (end > start)
        fs.writeSync(descriptor, Buffer.from(text.slice(start, end), 'latin1'), 0, end - start, start)
      start = end
    }
  } finally {
    fs.closeSync(descriptor)
  }
}

/** What was just written, with the times that some systems give a file only when it is closed. */
function asItLies(path: string, written: Snapshot | undefined): Snapshot | undefined {
  const stats = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false })
  return written && { text: written.text, stats: stats ?? written.stats }
}

async function readRecordFile(target: string, home: OwnedHome): Promise<Snapshot | undefined> {
  const path = recordPathOf(target)
  const stats = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false })
  if (stats === undefined) return undefined
  if (!stats.isFile() || !isTrusted({ uid: Number(stats.uid) }, home.owners)) return { text: '', stats }
  return readWhole(path, home)
}

async function readWhole(file: string, home?: OwnedHome): Promise<Snapshot | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    const snapshot = await waitWhileHeldOpen(() => look(file, home))
    // An older aliyun CLI truncates the file first, so a reader can see half of it.
    if (snapshot === undefined || attempt === 5 || isComplete(snapshot.text)) return snapshot
    await pause(20)
  }
}

function isComplete(text: string): boolean {
  return /(?:\}|null)\s*$/.test(text.slice(-100))
}

async function readUntilComplete(descriptor: number): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    const text = readDescriptor(descriptor)
    if (attempt === 5 || isComplete(text)) return text
    await pause(20)
  }
}

/** Reads the file as it is at this instant; undefined if there is none. */
function look(file: string, home?: OwnedHome): Snapshot | undefined {
  let descriptor: number
  try {
    descriptor = openToRead(file, home)
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    const stats = fs.fstatSync(descriptor, { bigint: true })
    if (stats.size > LARGEST_FILE) {
      throw new ProfileError(
        'profile-invalid-file',
        say`${file} is larger than ${LARGEST_FILE / 1024 / 1024} MiB: remove what does not belong in it`,
      )
    }
    return { text: readDescriptor(descriptor), stats }
  } finally {
    fs.closeSync(descriptor)
  }
}

/** Never follows a link and never waits for a pipe: what was checked may have been replaced. */
function openToRead(file: string, home?: OwnedHome): number {
  const open = (): number => fs.openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  let descriptor: number
  try {
    descriptor = open()
  } catch (error) {
    const isRefused = systemErrorCode(error) === 'EACCES' && home?.owners?.trustsRoot === true
    if (!isRefused) throw error
    // Perhaps it is root's own, which the user cannot read: only that, under its only name.
    descriptor = home.asRoot(open)
    const { uid, nlink } = fs.fstatSync(descriptor)
    if (uid !== 0 || nlink !== 1) {
      fs.closeSync(descriptor)
      throw error
    }
  }
  if (fs.fstatSync(descriptor).isFile()) return descriptor
  fs.closeSync(descriptor)
  throw new ProfileError('profile-wrong-place', say`${file} is no regular file: remove or rename it`)
}

function readDescriptor(descriptor: number): string {
  const { size } = fs.fstatSync(descriptor)
  const buffer = Buffer.alloc(size + 1)
  let length = 0
  for (;;) {
    const read = fs.readSync(descriptor, buffer, length, buffer.length - length, length)
    length += read
    if (read === 0 || length === buffer.length) return buffer.toString('latin1', 0, length)
  }
}

function isSame(one: BigIntStats | undefined, other: BigIntStats | undefined): boolean {
  return (
    one?.ino === other?.ino &&
    one?.size === other?.size &&
    one?.mtimeNs === other?.mtimeNs &&
    one?.mode === other?.mode
  )
}

/** Removes what killed writers left: whoever writes holds the lock, and we hold it. */
function removeTemporaryFiles(target: string): void {
  for (const file of temporaryFiles(target)) removeQuietly(file)
}

function temporaryFiles(target: string): string[] {
  const name = basename(target)
  const isOurs = (candidate: string): boolean => {
    const stem = /^(.*)\.ci-[0-9a-f]{16}\.tmp$/s.exec(candidate)?.[1]
    return stem === name || stem === recordPathOf(name)
  }
  return namesBeside(target)
    .filter(isOurs)
    .map((candidate) => join(dirname(target), candidate))
}

function namesBeside(target: string): string[] {
  try {
    return fs.readdirSync(dirname(target))
  } catch {
    return []
  }
}

function removeQuietly(file: string): void {
  try {
    fs.unlinkSync(file)
  } catch {
    // Gone, or held open by a virus scanner: the next run tries again.
  }
}
