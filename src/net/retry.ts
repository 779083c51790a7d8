/** The retry rule: which failures are transient, how long to wait, when to give up. */
import type { IncomingHttpHeaders } from 'node:http'
import { setTimeout as sleepFor } from 'node:timers/promises'
import { seconds, TransportError } from './request.js'

const BACKOFF_BASE_MS = 500
const BACKOFF_CAP_MS = 8_000

/** How far a series of attempts at one call may go, and how it waits. One for the whole step, since the deadline is the step's. */
export interface RetryPolicy {
  /** At each call. */
  readonly maxAttempts: number
  /** On the clock of `performance.now()`. */
  readonly deadline: number
  /** The whole step's time in seconds, for messages. */
  readonly timeoutSeconds: number
  /** Takes one line for each retry. */
  readonly onRetry: (line: string) => void
  readonly random?: () => number
  readonly sleep?: (ms: number) => Promise<void>
}

export function retryPolicy(
  maxAttempts: number,
  timeoutSeconds: number,
  onRetry: (line: string) => void,
): RetryPolicy {
  return { maxAttempts, timeoutSeconds, deadline: performance.now() + timeoutSeconds * 1000, onRetry }
}

/** A call that was tried again until attempts or time ran out. `cause` is what the last attempt met. */
export class RetriesExhaustedError extends Error {
  override readonly name = 'RetriesExhaustedError'
  readonly call: string
  readonly attempts: number
  readonly elapsedMs: number
  readonly because: 'attempts' | 'deadline'

  constructor(
    call: string,
    attempts: number,
    elapsedMs: number,
    because: 'attempts' | 'deadline',
    allowed: string,
    cause: unknown,
  ) {
    super(
      `${call}: gave up after ${attempts} attempt${attempts === 1 ? '' : 's'} in ${seconds(elapsedMs)} (${allowed}); the last one: ${messageOf(cause)}`,
      { cause },
    )
    this.call = call
    this.attempts = attempts
    this.elapsedMs = elapsedMs
    this.because = because
  }
}

/** What an error asks of its caller: nothing (not worth another attempt), or another attempt, perhaps not before some time has passed. */
export type RetryDecision = 'final' | { readonly retryAfterMs: number | undefined }

/** What a failure on the way means; anything but a passing TransportError is final. */
export function decideOnNetworkFailure(failure: unknown): RetryDecision {
  return failure instanceof TransportError && failure.transient
    ? { retryAfterMs: failure.retryAfterMs }
    : 'final'
}

/**
 * Makes a call, and makes it again while its failures are passing ones: exponential backoff with full jitter, never before the server's
 * Retry-After, never beyond the deadline.
 *
 * @param call the call's name for messages, such as AssumeRole
 * @param judge what a failure means
 * @throws the failure itself where it is final at the first attempt or later; RetriesExhaustedError where attempts or time ran out
 */
export async function withRetries<T>(
  call: string,
  attempt: () => Promise<T>,
  judge: (failure: unknown) => RetryDecision,
  how: RetryPolicy,
): Promise<T> {
  const { random = Math.random, sleep = sleepFor } = how
  const start = performance.now()
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt()
    } catch (failure) {
      const verdict = judge(failure)
      if (verdict === 'final') throw failure
      const now = performance.now()
      const gaveUp = (because: 'attempts' | 'deadline', allowed: string): RetriesExhaustedError =>
        new RetriesExhaustedError(call, attempts, now - start, because, allowed, failure)
      const byTime = `timeout-seconds allows ${how.timeoutSeconds} s for the whole step`
      if (now >= how.deadline) throw gaveUp('deadline', byTime)
      if (attempts >= how.maxAttempts)
        throw gaveUp('attempts', `retry-max-attempts allows ${how.maxAttempts}`)
      const backoff = random() * Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** (attempts - 1))
      // Jitter on top of what the server asked: the runs it turned away together must not come back together.
      const wait = verdict.retryAfterMs === undefined ? backoff : verdict.retryAfterMs + backoff / 4
      if (now + wait >= how.deadline)
        throw gaveUp('deadline', `${byTime}; the next attempt would have come ${seconds(wait)} later`)
      how.onRetry(
        `${call}: attempt ${attempts} of ${how.maxAttempts} failed (${messageOf(failure)}); trying again in ${seconds(wait)}.`,
      )
      await sleep(wait)
    }
  }
}

/**
 * What the answer asks us to wait: `x-acs-retry-after` in milliseconds (Alibaba Cloud's SDKs), else Retry-After in seconds or as a date.
 */
export function retryAfterMs(headers: IncomingHttpHeaders): number | undefined {
  const own = headers['x-acs-retry-after']
  if (typeof own === 'string' && /^\d+$/.test(own)) return Number(own)
  const standard = headers['retry-after']
  if (standard === undefined) return undefined
  if (/^\d+$/.test(standard)) return Number(standard) * 1000
  // Date.parse takes "1.5" and "-5" for dates too; HTTP's begin with the day of the week.
  const date = /^[A-Za-z]{3}/.test(standard) ? Date.parse(standard) : NaN
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now())
}

function messageOf(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure)
}
