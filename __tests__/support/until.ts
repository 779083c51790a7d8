import { setTimeout as pause } from 'node:timers/promises'

const PAUSE = 5
const ATTEMPTS = 4_000

/**
 * Waits for something that another process does.
 *
 * @param what names it in the error
 * @throws Error if it has not happened after 20 seconds or more
 */
export async function until(condition: () => boolean, what: string): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (condition()) return
    await pause(PAUSE)
  }
  throw new Error(`${what} did not happen`)
}
