/**
 * The lock that the jobs on one home take in turn: a directory, in which the holder's signature
 * lies, an empty file.
 *
 * - Nobody's clock matters. The holder changes the signature's modification time every second;
 *   whoever waits looks whether it changes, and measures the time by its own monotonic clock.
 *   (Process IDs would say nothing: jobs that share a home may live in different containers.)
 * - A stale lock is removed by the signature seen in it. A directory with another signature is not
 *   empty and so cannot be removed: of two processes that find the same stale lock, the slower one
 *   cannot remove the fresh lock of the faster one.
 * - The holder sees at any time whether the lock is still its own.
 * - On a full disk, where no directory can be made, an empty file takes its place.
 */
import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { ActionError } from '../errors/action-error.js'
import { say } from '../text/prose.js'
import { isHeldOpen, waitWhileHeldOpen } from './held-open.js'
import { removeQuietly } from './neighbours.js'
import { explainSystemError, ProfileError, systemErrorCode } from './profile-error.js'

/** A lock without a sign of life for so long belongs to a killed process. Milliseconds. */
const STALE_AFTER_MS = 10_000

const SIGN_OF_LIFE_EVERY_MS = 1_000

/** How the lock is waited for. */
export interface LockOptions {
  /** How long to wait for others, in milliseconds; 0 for a single try. */
  readonly waitAtMostMs: number
  readonly staleAfterMs?: number
  readonly platform?: NodeJS.Platform
}

/**
 * Thrown inside the work if another process has taken the lock over. The work is done again then.
 */
export class LockLostError extends ActionError {
  override readonly name = 'LockLostError'
  readonly code = 'profile-lock-lost'
}

/** The lock, as the work sees it. */
export interface HeldLock {
  /** Throws LockLostError if the lock is no longer ours: to be called right before each write. */
  readonly assertHeld: () => void
  /** On the clock of `performance.now()`: after it the work should not be started again. */
  readonly deadline: number
}

/**
 * Does `work` while holding the lock at `path`. Work that loses the lock, as a process does that
 * was suspended for too long, is done again from the start, so it must be repeatable.
 *
 * @throws ProfileError profile-locked if the lock cannot be had in time, profile-system if the
 *   system refuses it
 */
export async function withLock<T>(
  path: string,
  work: (lock: HeldLock) => Promise<T>,
  options: LockOptions,
): Promise<T> {
  const deadline = performance.now() + options.waitAtMostMs
  for (;;) {
    const lock = await acquire(path, deadline, options)
    try {
      const result = await work({ assertHeld: lock.assertHeld, deadline })
      // If it was lost after the last write, another process may have read before that write and
      // written after it.
      lock.assertHeld()
      return result
    } catch (error) {
      if (!(error instanceof LockLostError)) throw error
      if (performance.now() > deadline) throw lockedError(path)
    } finally {
      await lock.release()
    }
  }
}

interface Lock {
  readonly assertHeld: () => void
  readonly release: () => Promise<void>
}

async function acquire(path: string, deadline: number, options: LockOptions): Promise<Lock> {
  const { staleAfterMs = STALE_AFTER_MS, platform = process.platform } = options
  let seen: { readonly sign: string; readonly since: number } | undefined
  for (;;) {
    const lock = tryLock(path, platform)
    if (lock !== 'held by another' && !(lock instanceof ProfileError)) return lock
    const now = performance.now()
    const holder = observe(path)
    if (holder === undefined || holder.sign !== seen?.sign) seen = holder && { sign: holder.sign, since: now }
    else if (now - seen.since >= (holder.isUnsigned ? staleAfterMs / 10 : staleAfterMs)) {
      holder.remove()
      seen = undefined
      continue
    }
    if (now >= deadline) throw lock instanceof ProfileError ? lock : lockedError(path)
    await pause(Math.min(10 + Math.random() * 40, Math.max(1, deadline - now)))
  }
}

function lockedError(path: string): ProfileError {
  return new ProfileError(
    'profile-locked',
    say`${path}: other jobs held this lock for as long as this step could wait; if no job is running on this home, remove it`,
  )
}

function tryLock(path: string, platform: NodeJS.Platform): Lock | 'held by another' | ProfileError {
  try {
    fs.mkdirSync(path)
  } catch (error) {
    const code = systemErrorCode(error)
    if (code === 'EEXIST') return 'held by another'
    if (code === 'ENOSPC' || code === 'EDQUOT') return tryLockFile(path)
    const refusal = explainSystemError(error, path, platform)
    if (refusal === undefined) throw error
    // On Windows a directory that is being removed refuses to be made for a moment.
    if (isHeldOpen(error, platform)) return refusal
    throw refusal
  }
  const signature = join(path, randomUUID())
  try {
    fs.writeFileSync(signature, '', { flag: 'wx', mode: 0o600 })
  } catch (error) {
    removeIfEmpty(path)
    // Another process took the unsigned directory for a killed process's.
    if (systemErrorCode(error) === 'ENOENT') return 'held by another'
    const refusal = explainSystemError(error, path, platform)
    if (refusal !== undefined && isHeldOpen(error, platform)) return refusal
    throw refusal ?? error
  }
  if (fs.readdirSync(path).length > 1) {
    // This is another process's directory, made after ours was taken for a stale one. At least one
    // of the two sees it, and begins again.
    fs.rmSync(signature, { force: true })
    removeIfEmpty(path)
    return 'held by another'
  }
  return heldLock(
    signature,
    // Not existsSync, which asks what the real user may: root on a network disk may nothing.
    () => fs.lstatSync(signature, { throwIfNoEntry: false }) !== undefined,
    async () => {
      await waitWhileHeldOpen(() => {
        fs.unlinkSync(signature)
      }, platform)
      // On Windows the signature is still there while a waiting process looks at it.
      for (let attempt = 1; !removeIfEmpty(path) && platform === 'win32' && attempt <= 20; attempt += 1)
        await pause(10)
    },
  )
}

function tryLockFile(path: string): Lock | 'held by another' {
  try {
    fs.writeFileSync(path, '', { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return 'held by another'
    throw explainSystemError(error, path) ?? error
  }
  const { ino } = fs.statSync(path)
  const isOurs = (): boolean => fs.lstatSync(path, { throwIfNoEntry: false })?.ino === ino
  return heldLock(path, isOurs, () => {
    if (isOurs()) fs.unlinkSync(path)
  })
}

function heldLock(signature: string, isOurs: () => boolean, remove: () => void | Promise<void>): Lock {
  // A count and not a time: it changes whatever happens to the clock.
  let beat = Math.floor(Date.now() / 1000)
  const timer = setInterval(() => {
    beat += 1
    fs.utimes(signature, beat, beat, () => undefined)
  }, SIGN_OF_LIFE_EVERY_MS)
  timer.unref()
  return {
    assertHeld: () => {
      if (!isOurs()) throw new LockLostError(['the lock was taken over'])
    },
    release: async () => {
      clearInterval(timer)
      try {
        await remove()
      } catch {
        // A lock that was lost, or that the system does not let go, must not undo work that is
        // done: it goes stale.
      }
    },
  }
}

interface Holder {
  /** Changes with the holder and with each of its signs of life. */
  readonly sign: string
  /** A directory that its maker has not signed yet; removing it is safe at any time. */
  readonly isUnsigned: boolean
  /** Removes the lock, and no other one than was seen. */
  readonly remove: () => void
}

/** Looks at the lock of another process; undefined if there is none any more. */
function observe(path: string): Holder | undefined {
  const stats = fs.lstatSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return undefined
  if (!stats.isDirectory()) {
    return {
      sign: `${stats.ino} ${stats.mtimeMs}`,
      isUnsigned: false,
      remove: () => {
        if (fs.lstatSync(path, { throwIfNoEntry: false })?.ino === stats.ino) fs.rmSync(path, { force: true })
      },
    }
  }
  let names: string[]
  try {
    names = fs.readdirSync(path)
  } catch {
    return undefined
  }
  const beats = names.map((name) => fs.lstatSync(join(path, name), { throwIfNoEntry: false })?.mtimeMs)
  return {
    sign: JSON.stringify([stats.ino, names, beats]),
    isUnsigned: names.length === 0,
    remove: () => {
      for (const name of names) removeQuietly(join(path, name))
      removeIfEmpty(path)
    },
  }
}

/** Whether the folder is gone. */
function removeIfEmpty(folder: string): boolean {
  try {
    fs.rmdirSync(folder)
    return true
  } catch (error) {
    // Not empty, or gone: it is another's.
    return systemErrorCode(error) === 'ENOENT'
  }
}
