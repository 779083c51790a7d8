/** How a file is written: beside it first, then at once. */
import fs from 'node:fs'
import { promisify } from 'node:util'
import { ActionError } from '../errors/action-error.js'
import type { OwnedHome } from './home-owner.js'
import { LockLostError } from './lock.js'
import { removeQuietly, temporaryPathOf } from './neighbours.js'
import { systemErrorCode } from './profile-error.js'
import type { Snapshot } from './snapshot.js'

const { O_WRONLY, O_CREAT, O_EXCL } = fs.constants
/** 0 if the system does not know them, as on Windows. */
const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants as Partial<typeof fs.constants>

/** Another program wrote the file between our look and our write. */
export class ChangedMeanwhileError extends ActionError {
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

/** The real ones. */
export const SYSTEM_CALLS: SystemCalls = {
  open: (path, flags, mode) => fs.openSync(path, flags, mode),
  sync: promisify(fs.fsync),
  rename: (from, to) => {
    fs.renameSync(from, to)
  },
  unlink: (path) => {
    fs.unlinkSync(path)
  },
}

/** A temporary file that is ready to take a file's place. */
export interface Replacement extends Snapshot {
  readonly temporary: string
  readonly descriptor: number
  /** Any number of times. */
  readonly close: () => void
}

/** Writes the text into a temporary file beside `file`. */
export function prepareReplacement(
  file: string,
  text: string,
  mode: bigint | undefined,
  isRoots: boolean,
  home: OwnedHome,
  calls: SystemCalls,
): Replacement {
  const temporary = temporaryPathOf(file)
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
export function prepareForTheInstant(next: Replacement | undefined): void {
  // To the name that it has: nothing happens.
  if (next !== undefined) replaceBy(next, next.temporary, SYSTEM_CALLS)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0.1)
}

/**
 * Puts the temporary file in the place of `path`, at once.
 *
 * @throws LockLostError if it is gone; what the system refuses
 */
export function replaceBy({ temporary }: Replacement, path: string, calls: SystemCalls): void {
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
export function writeInPlace(
  file: string,
  { stats, text: before }: Snapshot,
  text: string,
  home: OwnedHome,
): void {
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
