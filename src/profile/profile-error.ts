/**
 * Why a profile cannot be written or taken back: the message names the file, the line where it applies, and the cure. It holds no secret
 * and no content of a file.
 */
export class ProfileError extends Error {
  override readonly name = 'ProfileError'
}

/** What a refused system call means to the owner of the file, or undefined where `error` is no system error. */
export function explainSystemError(error: unknown, path: string): ProfileError | undefined {
  const code = systemErrorCode(error)
  if (code === undefined) return undefined
  return new ProfileError(`${path}: ${MEANINGS.get(code) ?? `the system refused it (${code})`}`)
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
  ['EROFS', 'the file system is read-only (EROFS); give the job a home that it may write'],
  ['ENOSPC', 'no space is left on the device (ENOSPC); nothing was changed'],
  ['EDQUOT', 'the disk quota is used up (EDQUOT); nothing was changed'],
  ['EFBIG', 'the file would be larger than allowed (EFBIG); nothing was changed'],
  ['ELOOP', 'a loop of symbolic links (ELOOP); remove the links or make them lead to a file'],
  ['EISDIR', 'a directory stands in the place of the file; remove or rename it'],
  ['ENOTDIR', 'a part of this path that should be a directory is none (ENOTDIR)'],
  ['ENAMETOOLONG', 'the path is too long (ENAMETOOLONG)'],
  ['EBUSY', 'it is mounted by itself and so cannot be replaced (EBUSY); mount its folder instead'],
  ['ENOENT', 'no such file or directory (ENOENT)'],
  ['ESTALE', 'the network file system lost the file (ESTALE)'],
  ['EIO', 'input or output failed (EIO)'],
])
