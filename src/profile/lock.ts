import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { ProfileError, explainSystemError, systemErrorCode } from './profile-error.js'
import { giveToOwner } from './owner.js'

/** A lock that was held for this long without a sign of life belongs to a killed process. Milliseconds. */
export const STALE_AFTER = 10_000

/** How long to wait for others, in milliseconds: long enough to see a killed process's lock go stale and to wait for a crowd behind it. */
export const WAIT_AT_MOST = 30_000

/** Thrown inside `withLock`'s work where another process has taken the lock over. The work is then done again from the start. */
export class LockLostError extends Error {
  override readonly name = 'LockLostError'
}

export interface HeldLock {
  /** Throws LockLostError where the lock is no longer ours: to be called right before each write. */
  readonly assertHeld: () => void
}

/**
 * Does `work` while holding the lock directory `path`. The lock is a directory with a sign of life (its modification time), since the
 * processes that share a home may live in different containers and know nothing of each other's IDs. Work that loses the lock, as a process
 * does that was suspended for longer than STALE_AFTER, is done again, so it must bear repetition. Throws ProfileError where the lock is not
 * to be had in time.
 */
export async function withLock<T>(
  path: string,
  work: (lock: HeldLock) => Promise<T>,
  waitAtMost = WAIT_AT_MOST,
): Promise<T> {
  const deadline = Date.now() + waitAtMost
  for (;;) {
    const held = await acquire(path, deadline)
    try {
      const result = await work(held)
      // Losing it after the last write means that another process may have read before that write and written after it.
      held.assertHeld()
      return result
    } catch (error) {
      if (!(error instanceof LockLostError) || Date.now() > deadline)
        throw error instanceof LockLostError ? lockedError(path) : error
    } finally {
      await held.release()
    }
  }
}

interface Acquired extends HeldLock {
  readonly release: () => Promise<void>
}

async function acquire(path: string, deadline: number): Promise<Acquired> {
  // Loaded where a profile is written only: most steps write none.
  const { default: lockfile } = await import('proper-lockfile')
  for (;;) {
    const signed = new SignedDirectory(path)
    try {
      const release = await lockfile.lock(path, {
        lockfilePath: path,
        realpath: false,
        stale: STALE_AFTER,
        fs: signed.fileSystem,
        // Nothing to do here: the signature says at each write whether the lock is ours.
        onCompromised: () => undefined,
      })
      return {
        assertHeld: () => {
          if (!signed.isOurs()) throw new LockLostError('the lock was taken over')
        },
        release: async () => {
          // A lock that was lost, or that the system does not let go, must not undo work that is done: it goes stale.
          await release().catch(() => undefined)
          signed.removeIfOurs()
        },
      }
    } catch (error) {
      const code = systemErrorCode(error) ?? (error as { readonly code?: unknown }).code
      if (code !== 'ELOCKED' && code !== 'EEXIST' && code !== 'ENOTEMPTY')
        throw explainSystemError(error, path) ?? error
    }
    if (Date.now() > deadline) throw lockedError(path)
    await pause(10 + Math.random() * 40)
  }
}

function lockedError(path: string): ProfileError {
  return new ProfileError(
    `${path}: other jobs have held this lock all the time; if no job is running on this home, remove it`,
  )
}

/**
 * The lock directory with the holder's signature, an empty file, in it. proper-lockfile removes a stale lock by its name: of two processes
 * that find the same stale lock, the slower would remove the fresh lock of the faster. With a signature inside, a directory that is not the
 * one that was found stale is not empty and cannot be removed, and a holder sees at any time whether the lock is still its own.
 */
class SignedDirectory {
  readonly #path: string
  readonly #signature: string
  #held = false

  constructor(path: string) {
    this.#path = path
    this.#signature = join(path, randomUUID())
  }

  isOurs(): boolean {
    return fs.existsSync(this.#signature)
  }

  /** proper-lockfile forgets a lock whose sign of life it could not give. */
  removeIfOurs(): void {
    try {
      if (this.#held) this.#remove()
    } catch {
      // It is another process's by now.
    }
  }

  /** What proper-lockfile uses of node:fs, with signing in making the directory, and unsigning in removing it. */
  get fileSystem(): object {
    return {
      stat: fs.stat,
      utimes: fs.utimes,
      mkdir: (_path: string, callback: (error: unknown) => void) => {
        answer(() => {
          this.#make()
        }, callback)
      },
      rmdir: (_path: string, callback: (error: unknown) => void) => {
        answer(() => {
          this.#remove()
        }, callback)
      },
      rmdirSync: () => {
        this.#remove()
      },
    }
  }

  #make(): void {
    fs.mkdirSync(this.#path)
    giveToOwner(this.#path, dirname(this.#path))
    try {
      fs.writeFileSync(this.#signature, '', { flag: 'wx', mode: 0o600 })
    } catch (error) {
      // Another process took the unsigned directory for the stale one that it was about to remove.
      if (systemErrorCode(error) === 'ENOENT') throw lockedByAnother()
      removeIfEmpty(this.#path)
      throw error
    }
    if (fs.readdirSync(this.#path).length > 1) {
      // This is another process's directory, made after ours was taken for a stale one. One of the two at least sees it, and begins again.
      fs.unlinkSync(this.#signature)
      removeIfEmpty(this.#path)
      throw lockedByAnother()
    }
    this.#held = true
  }

  #remove(): void {
    if (this.#held) {
      this.#held = false
      fs.unlinkSync(this.#signature)
    } else {
      // The list is read before the age, so that it is the stale directory's: a newer one would be young.
      const signatures = fs.readdirSync(this.#path)
      if (fs.statSync(this.#path).mtimeMs >= Date.now() - STALE_AFTER) return
      for (const signature of signatures) fs.rmSync(join(this.#path, signature), { force: true })
    }
    fs.rmdirSync(this.#path)
  }
}

/** What mkdir says of a directory that is there. */
function lockedByAnother(): Error {
  return Object.assign(new Error('locked by another process'), { code: 'EEXIST' })
}

function removeIfEmpty(folder: string): void {
  try {
    fs.rmdirSync(folder)
  } catch {
    // Not empty, or gone: it is another's.
  }
}

function answer(action: () => void, callback: (error: unknown) => void): void {
  let failure: unknown = null
  try {
    action()
  } catch (error) {
    failure = error
  }
  setImmediate(callback, failure)
}
