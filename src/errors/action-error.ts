/**
 * The base of every error that this action throws on purpose. Errors are told apart by `code`, never by
 * their messages.
 */
export abstract class ActionError extends Error {
  /** Stable and unique for a kind of failure; STS's own codes are `StsError.stsCode`. */
  abstract readonly code: string
}
