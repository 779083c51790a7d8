import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import type { Action } from '../stand-in/runner/action-manifest.js'

const MAX_BYTES = 1024 ** 3

/** Bytes. */
export interface DownloadSize {
  readonly dist: number
  /** Each file on its own, gzip -9. */
  readonly distGzipped: number
  /**
   * `git archive HEAD | gzip -9`, what every job downloads; undefined if the action's folder is
   * not the top of a git checkout.
   */
  readonly archive: number | undefined
}

export function downloadSize(action: Action): DownloadSize {
  const dist = distFiles(action).map((path) => readFileSync(path))
  const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + size, 0)
  return {
    dist: sum(dist.map((file) => file.length)),
    distGzipped: sum(dist.map(gzipped)),
    archive: archiveSize(action.folder),
  }
}

/** Every file in the folder (of the action's own) that holds main. */
function distFiles(action: Action): readonly string[] {
  const top = join(action.folder, relative(action.folder, action.main).split(sep)[0] ?? '')
  if (!statSync(top).isDirectory()) return [action.main, action.post]
  return readdirSync(top, { recursive: true, encoding: 'utf8' })
    .map((name) => join(top, name))
    .filter((path) => statSync(path).isFile())
    .sort()
}

function archiveSize(folder: string): number | undefined {
  try {
    if (realpathSync(git(folder, 'rev-parse', '--show-toplevel').toString().trim()) !== realpathSync(folder))
      return undefined
    return gzipped(git(folder, 'archive', 'HEAD'))
  } catch {
    return undefined
  }
}

function git(folder: string, ...args: string[]): Buffer {
  return execFileSync('git', ['-C', folder, ...args], {
    maxBuffer: MAX_BYTES,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
}

function gzipped(content: Buffer): number {
  // The program, not Node's zlib, whose sizes differ a little.
  return execFileSync('gzip', ['-9'], { input: content, maxBuffer: MAX_BYTES }).length
}
