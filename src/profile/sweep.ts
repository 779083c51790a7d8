import { randomUUID } from 'node:crypto'
import { uninstallProfile } from './uninstall.js'

/** Removes what killed runs left on this home once their sessions are over, for a step that writes no profile itself. */
export async function sweepExpired(path: string): Promise<void> {
  await uninstallProfile({ path, id: randomUUID(), now: new Date() })
}
