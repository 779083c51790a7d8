import { ActionError } from '../errors/action-error.js'
import { say, type Prose } from '../text/prose.js'

export type ProfileErrorCode =
  /** There is no home directory, or it depends on the working directory. */
  | 'profile-no-home'
  /** config.json is nothing that the CLI would accept. */
  | 'profile-invalid-file'
  /** Something else is where a file or folder should be, or it is another user's. */
  | 'profile-wrong-place'
  /** The system refused a call. */
  | 'profile-system'
  /** Others held the lock for as long as this run could wait. */
  | 'profile-locked'
  /** The record beside config.json was written by a newer version of this action. */
  | 'profile-newer-record'

/**
 * Why a profile cannot be written or restored: the message names the file, the line if there is
 * one, and the cure. It holds no secret and no content of a file.
 */
export class ProfileError extends ActionError {
  override readonly name = 'ProfileError'
  readonly code: ProfileErrorCode

  constructor(code: ProfileErrorCode, text: Prose) {
    super(text)
    this.code = code
  }
}

/** What a refused system call means to the owner of the file; undefined if `error` is none. */
export function explainSystemError(
  error: unknown,
  path: string,
  platform: NodeJS.Platform = process.platform,
): ProfileError | undefined {
  const code = systemErrorCode(error)
  if (code === undefined) return undefined
  const meaning =
    (platform === 'win32' ? WINDOWS_MEANINGS.get(code) : undefined) ??
    MEANINGS.get(code) ??
    say`the system refused it (${code})`
  return new ProfileError(
    'profile-system',
    say`${path}: ${typeof meaning === 'string' ? [meaning] : meaning}`,
  )
}

/** The code (ENOENT, EACCES, ...) of an error that a system call gave. */
export function systemErrorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error) || !('syscall' in error))
    return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

const MEANINGS: ReadonlyMap<string, string> = new Map([
  ['EACCES', 'permission denied (EACCES); let the user that runs this job read and write it and its folder'],
  ['EPERM', 'not permitted (EPERM); let the user that runs this job write it and its folder'],
  ['EROFS', 'the file system is read-only (EROFS); give the job a home that it can write'],
  ['ENOSPC', 'no space left on the device (ENOSPC); nothing was changed'],
  ['EDQUOT', 'the disk quota is used up (EDQUOT); nothing was changed'],
  ['EFBIG', 'the file would be larger than allowed (EFBIG); nothing was changed'],
  [
    'ELOOP',
    'a symbolic link in a place where none is followed, or a loop of links (ELOOP); remove the links',
  ],
  ['EISDIR', 'there is a directory in the place of the file; remove or rename it'],
  ['ENOTDIR', 'a part of this path that should be a directory is not one (ENOTDIR)'],
  ['ENAMETOOLONG', 'the path is too long (ENAMETOOLONG)'],
  ['EBUSY', 'it is mounted by itself and so cannot be replaced (EBUSY); mount its folder instead'],
  ['ENOENT', 'no such file or directory (ENOENT)'],
  ['ESTALE', 'the network file system lost the file (ESTALE)'],
  ['EIO', 'input or output failed (EIO)'],
])

/**
 * Windows refuses to replace or remove what a program has open, and says so in one of three ways.
 */
const WINDOWS_MEANINGS: ReadonlyMap<string, string> = new Map(
  ['EACCES', 'EPERM', 'EBUSY'].map((code) => [
    code,
    `access denied (${code}): the file is open in another program, or read-only, or this user may not write it; close the program, or clear the attribute with attrib -r`,
  ]),
)
