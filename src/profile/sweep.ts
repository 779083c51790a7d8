import { hasTemporaryFiles } from './neighbours.js'
import { locate } from './place.js'
import { atHome, readRecordText, withStore } from './store.js'
import { isOver, parseRecord } from './transaction.js'
import { uninstallFrom } from './uninstall.js'

/**
 * Restores what ended runs left on this home, for a step that writes no profile itself. It takes no
 * lock unless there is something to do, and waits for none: whoever holds it does the same. Never
 * throws.
 *
 * @param now a time that STS has vouched for
 */
export async function sweepExpired(path: string, now: Date): Promise<void> {
  try {
    const isDue = await atHome(path, async (home) => {
      const { target } = locate(home.path)
      const log = parseRecord(await readRecordText(target, home), path)
      if (log === 'damaged') return false
      return hasTemporaryFiles(target) || log.entries.some((entry) => isOver(entry, now))
    })
    if (isDue)
      await withStore(path, (store) => uninstallFrom(store, { path, id: undefined, now }), {
        waitAtMostMs: 0,
      })
  } catch {
    // The step does not depend on it, and whoever writes a profile here will hear of it.
  }
}
