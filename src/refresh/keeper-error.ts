import { ActionError } from '../errors/action-error.js'

/** The credentials cannot be kept fresh: the keeper did not start, or has nothing to start from. */
export class KeeperError extends ActionError {
  override readonly name = 'KeeperError'
  readonly code = 'keeper'
}
