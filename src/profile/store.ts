/**
 * The files of one home: config.json, the record beside it, and the lock under which both change.
 */
import fs from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Prose } from '../text/prose.js'
import { waitWhileHeldOpen } from './held-open.js'
import { asHomeOwner, type OwnedHome } from './home-owner.js'
import { withLock, type HeldLock, type LockOptions } from './lock.js'
import {
  isAboutToBeReplaced,
  lockPathOf,
  recordPathOf,
  removeQuietly,
  removeTemporaryFiles,
} from './neighbours.js'
import { checkOwners, isTrusted, locate, makeFolder } from './place.js'
import { explainSystemError, ProfileError } from './profile-error.js'
import {
  ChangedMeanwhileError,
  prepareForTheInstant,
  prepareReplacement,
  replaceBy,
  SYSTEM_CALLS,
  writeInPlace,
  type Replacement,
  type SystemCalls,
} from './replacement.js'
import {
  isComplete,
  isSame,
  look,
  openToRead,
  readDescriptor,
  readUntilComplete,
  readWhole,
  type Snapshot,
} from './snapshot.js'
import { isMarkedEnded, withRunsEnded } from './undo-log.js'

/** The record is the file of the undo log. */
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
   * as they were read. Throws ChangedMeanwhileError otherwise: then the work starts again.
   */
  readonly write: (changes: readonly Change[], onWritten?: (file: StoredFile) => void) => Promise<void>
  /** Marks runs as ended in the record, in place. Throws what the system refuses. */
  readonly markEnded: (runs: readonly string[]) => void
  /** Moves a damaged record out of the way and returns its new path. */
  readonly setRecordAside: () => Promise<string>
}

/** How to wait for other jobs and programs, and what a test replaces. */
export interface StoreOptions extends LockOptions {
  /** For a program that is about to replace config.json, in milliseconds. */
  readonly writerPatienceMs?: number
  readonly calls?: Partial<SystemCalls>
}

/** How long a program that is about to replace config.json is waited for, in milliseconds. */
const WRITER_PATIENCE_MS = 500

/** How long a last look takes at most, in milliseconds, on a disk of the machine's own. */
const LAST_LOOK_MS = 0.1

/** Where it always takes longer, as on a network disk. */
const LAST_LOOKS = 5

/** Once the time to wait is over, the work is begun anew so often at most. */
const LAST_ATTEMPTS = 10

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
    for (let attempt = 1; ; attempt += 1) {
      makeFolder(home.path)
      const { target } = locate(home.path)
      const outcome = await withLock(
        lockPathOf(target),
        async (lock) => {
          if (hasMoved(home.path, target)) return 'moved'
          const warnings = checkOwners(home.path, target, home.owners)
          removeTemporaryFiles(target)
          return repeatedly(lock, (found) =>
            work(openStore(target, warnings, home, lock, options, found), target),
          )
        },
        options,
      ).catch((error: unknown) => {
        if (attempt >= LAST_ATTEMPTS || !hasMoved(home.path, target)) throw error
        return 'moved' as const
      })
      if (outcome !== 'moved') return outcome.result
      await pause(10)
    }
  })
}

/** Whether a link was changed meanwhile, or the folder removed: then it was the wrong lock. */
function hasMoved(path: string, target: string): boolean {
  return (
    locate(path).target !== target || fs.statSync(dirname(target), { throwIfNoEntry: false }) === undefined
  )
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
          "another program keeps rewriting the aliyun CLI's config.json",
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

function openStore(
  target: string,
  warnings: readonly Prose[],
  home: OwnedHome,
  { assertHeld }: HeldLock,
  options: StoreOptions,
  found: string | undefined,
): Store {
  const { platform = process.platform, writerPatienceMs = WRITER_PATIENCE_MS } = options
  const calls = { ...SYSTEM_CALLS, ...options.calls }
  const paths = { config: target, record: recordPathOf(target) }
  /** What each file was when it was read or written last. */
  const known = new Map<StoredFile, Snapshot | undefined>()

  /** What is in no file, and has to be written even if nothing is changed in it. */
  let unwritten = found

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

  const put = async (file: StoredFile, next: Replacement | undefined): Promise<void> => {
    const path = paths[file]
    const before = known.get(file)
    // What a program still writes into the old file can be seen through this descriptor only. On
    // Windows it would keep the file from being replaced.
    const watches = file === 'config' && before !== undefined && platform !== 'win32'
    const old = watches ? openToRead(path, home) : undefined
    try {
      const patienceEnds = performance.now() + writerPatienceMs
      // Before the record goes, too: after that, an ended session would be back for good.
      const isAwaited = (): boolean => performance.now() < patienceEnds && isAboutToBeReplaced(target)
      const attempt = (): boolean => {
        assertHeld()
        assertUnchanged()
        if (isAwaited()) return false
        prepareForTheInstant(next)
        if (!lookLast(path, before, isAwaited)) return false
        // What is written between that look and these lines is lost: some microseconds.
        if (next !== undefined) replaceBy(next, path, calls)
        else if (before !== undefined) calls.unlink(path)
        return true
      }
      while (!(await waitWhileHeldOpen(attempt, platform))) await pause(1)
      known.set(file, asItLies(path, next))
      if (file === 'config') unwritten = undefined
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
      return file === 'config' && unwritten !== undefined ? unwritten : snapshot?.text
    },
    write: async (wanted, onWritten) => {
      const isWhole = unwritten === undefined || wanted.some(([file]) => file === 'config')
      const changes: readonly Change[] = isWhole ? wanted : [['config', unwritten], ...wanted]
      const isRoots = known.get('config')?.stats.uid === 0n
      const prepared = new Map<StoredFile, Replacement>()
      try {
        for (const [file, text] of changes) {
          if (text === undefined) continue
          const path = paths[file]
          const mode = file === 'config' ? known.get(file)?.stats.mode : undefined
          prepared.set(
            file,
            await explained(path, () => prepareReplacement(path, text, mode, isRoots, home, calls)),
          )
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
      explained(paths.record, async () => {
        const aside = `${paths.record}.damaged-${Date.now()}`
        await waitWhileHeldOpen(() => {
          assertHeld()
          calls.rename(paths.record, aside)
        }, platform)
        known.set('record', undefined)
        return aside
      }),
  }
}

/**
 * The last look at a file before it is replaced.
 *
 * @returns false if another program is about to replace it
 * @throws ChangedMeanwhileError if one has
 */
function lookLast(path: string, before: Snapshot | undefined, isAwaited: () => boolean): boolean {
  for (let looks = 1; ; looks += 1) {
    const begin = performance.now()
    if (isAwaited()) return false
    if (!isSame(fs.lstatSync(path, { bigint: true, throwIfNoEntry: false }), before?.stats))
      throw new ChangedMeanwhileError(['another program wrote the file meanwhile'])
    // Otherwise this process was interrupted, perhaps after it had looked.
    if (performance.now() - begin < LAST_LOOK_MS || looks === LAST_LOOKS) return true
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
