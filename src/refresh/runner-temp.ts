import { accessSync, constants, statSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { say } from '../text/prose.js'
import { KeeperError } from './keeper-error.js'

/**
 * The runner's folder of temporary files, where the keeper has its own.
 *
 * @throws KeeperError if there is none, or none that can be written
 */
export function requireRunnerTemp({ RUNNER_TEMP: folder = '' }: Readonly<NodeJS.ProcessEnv>): string {
  try {
    if (!isAbsolute(folder) || !statSync(folder).isDirectory()) throw new Error('not a folder')
    accessSync(folder, constants.W_OK | constants.X_OK)
    return folder
  } catch (cause) {
    throw new KeeperError(
      say`refresh: RUNNER_TEMP (${folder}) does not name a folder that can be written. The runner sets it; a runner without it cannot keep credentials fresh.`,
      { cause },
    )
  }
}
