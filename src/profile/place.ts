/** Where config.json is, behind all links, and whose it is. */
import fs, { type Stats } from 'node:fs'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { say, type Prose } from '../text/prose.js'
import { ProfileError, systemErrorCode } from './profile-error.js'

/** What is at the end of a path's links. */
export interface Place {
  /** Where the file is or would be. Lock, record and temporary files are beside it. */
  readonly target: string
  readonly exists: boolean
}

/**
 * Finds the file behind `path`, as the kernel would.
 *
 * @throws ProfileError if its folder is missing, or if something other than a regular file is there
 */
export function locate(path: string): Place {
  const target = followLinks(path)
  const stats = fs.lstatSync(target, { throwIfNoEntry: false })
  if (stats?.isFile() === false) {
    const kind = stats.isDirectory() ? 'a directory' : 'a device, pipe or socket'
    throw new ProfileError(
      'profile-wrong-place',
      say`${target} is ${[kind]}, where the aliyun CLI keeps its profiles in a regular file: remove or rename it`,
    )
  }
  return { target, exists: stats !== undefined }
}

/**
 * Makes the folder of `path` if it is missing, and nothing above it.
 *
 * @returns whether it was made
 * @throws ProfileError if the home does not exist, or something else is in the folder's place
 */
export function makeFolder(path: string): boolean {
  const folder = dirname(path)
  const stats = fs.statSync(folder, { throwIfNoEntry: false })
  if (stats?.isDirectory() === true) return false
  if (stats !== undefined)
    throw new ProfileError('profile-wrong-place', say`${folder} is not a directory: remove or rename it`)
  if (fs.lstatSync(folder, { throwIfNoEntry: false }) !== undefined) {
    throw new ProfileError(
      'profile-wrong-place',
      say`${folder} is a symbolic link that leads nowhere: make the folder that it names, or remove the link`,
    )
  }
  try {
    fs.mkdirSync(folder, { mode: 0o755 })
    return true
  } catch (error) {
    const code = systemErrorCode(error)
    // Another job made it just now.
    if (code === 'EEXIST') return false
    if (code !== 'ENOENT') throw error
    throw new ProfileError(
      'profile-wrong-place',
      say`${folder} cannot be made: the home directory ${dirname(folder)} does not exist`,
    )
  }
}

/**
 * The path behind all symbolic links, whether or not there is a file. A link's text is resolved
 * from the folder that really holds the link, and `..` in it from what a linked folder leads to.
 */
function followLinks(path: string): string {
  let link = path
  for (let links = 0; links <= 40; links += 1) {
    const folder = realFolder(dirname(link), path, link)
    const place = join(folder, basename(link))
    const stats = fs.lstatSync(place, { throwIfNoEntry: false })
    if (stats?.isSymbolicLink() !== true) return place
    const text = fs.readlinkSync(place)
    // Not joined, which would take `..` by the letter.
    link = isAbsolute(text) ? text : `${folder}/${text}`
    if (/(?:^|[\\/])\.{0,2}$/.test(text)) return realFolder(link, path, link)
  }
  throw new ProfileError(
    'profile-wrong-place',
    say`${path} is a symbolic link that leads back to itself: remove it, or make it lead to a file`,
  )
}

function realFolder(folder: string, path: string, link: string): string {
  // Held by a descriptor, and its real path is what must not be trusted.
  if (/^\/proc\/self\/fd\/\d+$/.test(folder)) return folder
  try {
    // The other realpathSync normalises before it looks.
    return fs.realpathSync.native(folder)
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') {
      // Some drives of Windows have no real path.
      if (process.platform === 'win32') return folder
      throw error
    }
    if (link === path) return folder
    throw new ProfileError(
      'profile-wrong-place',
      say`${path} is a link to ${link}, whose folder does not exist: make the folder, or remove the link`,
    )
  }
}

/** Who may own what is believed and replaced. */
export interface Owners {
  /** The user as whom this process works. */
  readonly uid: number
  /** Root works in its home: what root wrote before is believed as well. */
  readonly trustsRoot: boolean
}

/** Whether a file's owner may decide what this process does. */
export function isTrusted({ uid }: Pick<Stats, 'uid'>, owners: Owners | undefined): boolean {
  return owners === undefined || uid === owners.uid || (owners.trustsRoot && uid === 0)
}

/**
 * Checks who owns the file and its folders.
 *
 * @param owners undefined if files have no owners, as on Windows
 * @returns warnings, if others can write what this step writes
 * @throws ProfileError if something is another user's, or a folder that its owner may not write
 */
export function checkOwners(path: string, target: string, owners: Owners | undefined): Prose[] {
  if (owners === undefined) return []
  const warnings: Prose[] = []
  const seen = new Set<string>()
  for (const place of [dirname(path), dirname(target), target]) {
    const stats = fs.statSync(place, { throwIfNoEntry: false })
    // On macOS one folder has two names: /var is a link to /private/var.
    if (stats === undefined || seen.has(`${stats.dev}:${stats.ino}`)) continue
    seen.add(`${stats.dev}:${stats.ino}`)
    if (!isTrusted(stats, owners)) {
      throw new ProfileError(
        'profile-wrong-place',
        say`${place} belongs to another user (uid ${stats.uid}): run the job as that user, or give it to this one with chown`,
      )
    }
    // access(2) asks what the real user may, and that is root.
    const worksForOwner = owners.trustsRoot && owners.uid !== 0 && stats.uid === owners.uid
    if (worksForOwner && stats.isDirectory() && (stats.mode & 0o300) !== 0o300) {
      throw new ProfileError(
        'profile-wrong-place',
        say`${place}: permission denied; its owner (uid ${stats.uid}), as whom this step works, may not write it: chmod u+wx it`,
      )
    }
    // A group of the user's own, which many systems give to each user, is nobody else.
    const writers = 0o002 | (stats.gid === process.getegid?.() ? 0 : 0o020)
    if ((stats.mode & writers) !== 0) {
      warnings.push(
        say`${place} is writable by other users, who could change the credentials of jobs: chmod go-w it`,
      )
    }
  }
  return warnings
}
