import { setTimeout as pause } from 'node:timers/promises'
import { systemErrorCode } from './profile-error.js'

/** How long a file that another program holds open is waited for, in milliseconds. */
const PATIENCE_MS = 5_000

/** So that a program which opens the file again and again leaves a gap that is found. */
const LONGEST_PAUSE_MS = 20

const REFUSALS = new Set(['EPERM', 'EACCES', 'EBUSY'])

/** Whether the system refused something because a program has it open, or it is being removed. */
export function isHeldOpen(error: unknown, platform: NodeJS.Platform): boolean {
  return platform === 'win32' && REFUSALS.has(systemErrorCode(error) ?? '')
}

/**
 * Does `attempt`, and on Windows does it again for some seconds while the system refuses it: a file
 * that another program has open can be neither replaced nor removed there, and most programs have
 * it open for a moment only. Elsewhere a refusal is final.
 *
 * @throws the last refusal, and whatever else `attempt` throws
 */
export async function waitWhileHeldOpen<T>(
  attempt: () => T | Promise<T>,
  platform: NodeJS.Platform = process.platform,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  const deadline = performance.now() + patienceMs
  for (let waitMs = 5; ; waitMs = Math.min(waitMs * 2, LONGEST_PAUSE_MS)) {
    try {
      return await attempt()
    } catch (error) {
      if (!isHeldOpen(error, platform) || performance.now() > deadline) throw error
      await pause(waitMs)
    }
  }
}
