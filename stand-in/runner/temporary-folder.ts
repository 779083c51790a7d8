import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const PAUSE_MS = 50
const ATTEMPTS = 400

/**
 * A folder for the time of a test, without links in its path: on macOS, the one for temporary files
 * is behind one.
 */
export function createTemporaryFolder(prefix: string): string {
  return realpathSync(mkdtempSync(join(tmpdir(), prefix)))
}

/**
 * Removes a folder with all that is in it. On Windows a process that has ended is let go of a
 * little later, and until then the system removes neither the folder in which it worked nor what it
 * had open. (rmSync's own `maxRetries` tries no folder again that is busy.)
 */
export function removeFolder(folder: string): void {
  for (let attempt = 1; ; attempt += 1) {
    try {
      rmSync(folder, { recursive: true, force: true })
      return
    } catch (error) {
      if (process.platform !== 'win32' || attempt === ATTEMPTS) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS)
    }
  }
}
