import { plain, type Prose } from '../text/prose.js'

/**
 * The base of every error that this action throws on purpose. Errors are told apart by `code`,
 * never by their messages. `text` is the message with our words and others' values kept apart;
 * `message` is its rendering for a log.
 */
export abstract class ActionError extends Error {
  /** Stable and unique for a kind of failure. */
  abstract readonly code: string
  readonly text: Prose

  constructor(text: Prose, options?: ErrorOptions) {
    super(plain(text), options)
    this.text = text
  }
}

/**
 * The message of anything thrown. A value that is not an Error is not shown: it may hold anything.
 */
export function textOf(failure: unknown): Prose {
  if (failure instanceof ActionError) return failure.text
  if (failure instanceof Error) return [{ value: failure.message }]
  if (typeof failure === 'string') return [{ value: failure }]
  return [`an unexpected ${failure === null ? 'null' : typeof failure} was thrown`]
}
