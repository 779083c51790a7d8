/**
 * Root, as in a container, in the home of another user. That user can put a link in the place of
 * anything in his home at any instant, and a path that root has just checked leads elsewhere. So
 * root works there with the user's own effective IDs: whatever a path leads to then, the user could
 * have done it himself.
 */
import fs from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { say } from '../text/prose.js'
import type { Owners } from './place.js'
import { ProfileError, systemErrorCode } from './profile-error.js'

/** The home of a user as this process works in it. */
export interface OwnedHome {
  /** The path by which config.json is reached. */
  readonly path: string
  readonly owners: Owners | undefined
  /** Opens a file as root for reading, though this process works as the home's owner. */
  readonly asRoot: <T>(work: () => T) => T
}

let acting: { readonly uid: number; readonly groups: readonly number[]; count: number } | undefined

/**
 * Does `work` as the owner of the home in which `path` lies, if this process is root and that is
 * another user; otherwise as it is. The effective IDs are the whole process's: nothing else may run
 * meanwhile that needs root's.
 *
 * @throws ProfileError if the IDs cannot be had
 */
export async function asHomeOwner<T>(path: string, work: (home: OwnedHome) => Promise<T>): Promise<T> {
  const uid = process.getuid?.()
  if (uid === undefined) return work({ path, owners: undefined, asRoot: (read) => read() })
  const plain = { path, owners: { uid, trustsRoot: false }, asRoot: <R>(read: () => R) => read() }
  if (uid !== 0) return work(plain)
  const owner = ownerOf(path)
  if (owner === undefined) return work(plain)
  if (owner.folderIsRoots) return inRootsFolder(path, owner.uid, work)
  become(owner)
  try {
    return await work({
      path,
      owners: { uid: owner.uid, trustsRoot: true },
      asRoot: (read) => asRoot(owner, read),
    })
  } finally {
    leave()
  }
}

interface HomeOwner {
  readonly uid: number
  readonly gid: number
  /** `.aliyun` itself is root's, as after a CLI that ran as root. */
  readonly folderIsRoots: boolean
}

/** The other user in whose home the file lies; undefined if it is root's own. */
function ownerOf(path: string): HomeOwner | undefined {
  const folder = fs.lstatSync(dirname(path), { throwIfNoEntry: false })
  const home = fs.statSync(dirname(dirname(path)), { throwIfNoEntry: false })
  const owner = folder !== undefined && folder.uid !== 0 ? folder : home
  if (owner === undefined || owner.uid === 0) return undefined
  // The home's group was given by root; a folder can have been moved there from one of root's
  // group.
  const { uid } = owner
  const gid = home?.uid === uid ? home.gid : owner.gid
  return { uid, gid, folderIsRoots: owner === home && folder !== undefined }
}

/**
 * Root's own folder in a user's home: the user cannot change what is in it, but can put another
 * folder in its place. So it is held by a descriptor.
 */
async function inRootsFolder<T>(
  path: string,
  uid: number,
  work: (home: OwnedHome) => Promise<T>,
): Promise<T> {
  const folder = fs.openSync(dirname(path), fs.constants.O_DIRECTORY | fs.constants.O_NOFOLLOW)
  try {
    const held = `/proc/self/fd/${folder}`
    const pinned = fs.existsSync(held) ? join(held, basename(path)) : path
    const file = fs.lstatSync(pinned, { throwIfNoEntry: false })
    if (fs.fstatSync(folder).uid !== 0 || file?.isSymbolicLink() === true) {
      throw new ProfileError(
        'profile-wrong-place',
        say`${path} leads out of a folder of root in the home of another user (uid ${uid}): run the job as that user`,
      )
    }
    return await work({ path: pinned, owners: { uid: 0, trustsRoot: true }, asRoot: (read) => read() })
  } catch (error) {
    throw error instanceof ProfileError ? renamed(error, `/proc/self/fd/${folder}`, dirname(path)) : error
  } finally {
    fs.closeSync(folder)
  }
}

/** The error with the folder's own name in place of its descriptor's. */
function renamed({ code, text }: ProfileError, held: string, folder: string): ProfileError {
  return new ProfileError(
    code,
    text.map((part) => (typeof part === 'string' ? part : { value: part.value.replaceAll(held, folder) })),
  )
}

function become({ uid, gid }: HomeOwner): void {
  if (acting !== undefined) {
    if (acting.uid !== uid) throw new RangeError('one process works in one home at a time')
    acting.count += 1
    return
  }
  const groups = process.getgroups?.() ?? []
  try {
    process.setgroups?.([gid])
    process.setegid?.(gid)
    process.seteuid?.(uid)
  } catch (error) {
    returnToRoot(groups)
    throw new ProfileError(
      'profile-system',
      say`this job runs as root in the home of another user (uid ${uid}) and cannot work as that user (${systemErrorCode(error) ?? 'refused'}): run it as that user`,
    )
  }
  acting = { uid, count: 1, groups }
}

function leave(): void {
  if (acting === undefined) return
  acting.count -= 1
  if (acting.count > 0) return
  const { groups } = acting
  acting = undefined
  returnToRoot(groups)
}

function returnToRoot(groups: readonly number[]): void {
  process.seteuid?.(0)
  process.setegid?.(process.getgid?.() ?? 0)
  process.setgroups?.([...groups])
}

/** Synchronous, so that nothing else of this process becomes root with it. */
function asRoot<T>({ uid }: HomeOwner, work: () => T): T {
  process.seteuid?.(0)
  try {
    return work()
  } finally {
    process.seteuid?.(uid)
  }
}
