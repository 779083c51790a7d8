import fs from 'node:fs'

/**
 * Where root, as in a container, works in the folder of another user, gives a new file to the owner of `model`, so that this user's own
 * jobs can read it and take it back. Anywhere else, and where the system refuses, nothing happens.
 */
export function giveToOwner(path: string, model: string): void {
  if (process.getuid?.() !== 0) return
  try {
    const { uid, gid } = fs.statSync(model)
    fs.chownSync(path, uid, gid)
  } catch {
    // Root without the right to do so, as over NFS: the file stays root's.
  }
}
