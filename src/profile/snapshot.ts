/** One file beside or behind config.json as it was read, and how to read it safely. */
import fs, { type BigIntStats } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { say } from '../text/prose.js'
import { waitWhileHeldOpen } from './held-open.js'
import type { OwnedHome } from './home-owner.js'
import { ProfileError, systemErrorCode } from './profile-error.js'

const LARGEST_FILE = 256 * 1024 * 1024

const { O_RDONLY } = fs.constants
/** 0 if the system does not know them, as on Windows. */
const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants as Partial<typeof fs.constants>

/** A file as it was read. */
export interface Snapshot {
  readonly text: string
  readonly stats: BigIntStats
}

/** Reads a file whole; undefined if there is none. */
export async function readText(file: string, home?: OwnedHome): Promise<string | undefined> {
  return (await readWhole(file, home))?.text
}

/** The same with the file's stats, by which a change is noticed. */
export async function readWhole(file: string, home?: OwnedHome): Promise<Snapshot | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    const snapshot = await waitWhileHeldOpen(() => look(file, home))
    // An older aliyun CLI truncates the file first, so a reader can see half of it.
    if (snapshot === undefined || attempt === 5 || isComplete(snapshot.text)) return snapshot
    await pause(20)
  }
}

/** Whether the text ends as JSON of an object or a `null` does. */
export function isComplete(text: string): boolean {
  return /(?:\}|null)\s*$/.test(text.slice(-100))
}

/** Reads an open file again and again for 80 ms, or until it is complete. */
export async function readUntilComplete(descriptor: number): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    const text = readDescriptor(descriptor)
    if (attempt === 5 || isComplete(text)) return text
    await pause(20)
  }
}

/** Reads the file as it is at this instant; undefined if there is none. */
export function look(file: string, home?: OwnedHome): Snapshot | undefined {
  const descriptor = openToRead(file, home)
  if (descriptor === undefined) return undefined
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

/**
 * Opens the file; undefined if there is none. Never follows a link and never waits for a pipe: what
 * was checked may have been replaced.
 */
export function openToRead(file: string, home?: OwnedHome): number | undefined {
  const open = (): number => fs.openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  let descriptor: number
  try {
    descriptor = open()
  } catch (error) {
    const code = systemErrorCode(error)
    if (code === 'ENOENT') return undefined
    if (code !== 'EACCES' || home?.owners?.trustsRoot !== true) throw error
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
  throw new ProfileError('profile-wrong-place', say`${file} is not a regular file: remove or rename it`)
}

/** The whole content of an open file. */
export function readDescriptor(descriptor: number): string {
  const { size } = fs.fstatSync(descriptor)
  const buffer = Buffer.alloc(size + 1)
  let length = 0
  for (;;) {
    const read = fs.readSync(descriptor, buffer, length, buffer.length - length, length)
    length += read
    if (read === 0 || length === buffer.length) return buffer.toString('latin1', 0, length)
  }
}

/** Whether two looks saw one file that nobody has changed in between. */
export function isSame(one: BigIntStats | undefined, other: BigIntStats | undefined): boolean {
  return (
    one?.ino === other?.ino &&
    one?.size === other?.size &&
    one?.mtimeNs === other?.mtimeNs &&
    one?.mode === other?.mode
  )
}
