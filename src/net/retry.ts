/**
 * The retry rule, for STS, the OIDC issuer and the metadata service alike: which failures are worth
 * another attempt (one table, decided in `shouldRetry`), how long to wait, when to give up.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { setTimeout as sleepFor } from 'node:timers/promises'
import { ActionError, textOf } from '../errors/action-error.js'
import { StsError } from '../sts/sts-error.js'
import { say, type Prose } from '../text/prose.js'
import { httpDate } from './server-time.js'
import { TransportError, type TransportFault } from './transport-error.js'

/** How many retries each rule allows in one series of attempts, within the policy's own limits. */
const RETRIES = {
  never: 0,
  always: Infinity,
  twice: 2,
  /** With a newly minted OIDC token. */
  'once with a fresh token': 1,
} as const

type RetryRule = keyof typeof RETRIES

/** How often each kind of network failure is retried. */
const TRANSPORT_RULES: Readonly<Record<TransportFault, RetryRule>> = {
  unreachable: 'always',
  broken: 'always',
  timeout: 'always',
  status: 'always',
  nonsense: 'always',
  tls: 'never',
  redirect: 'never',
  'proxy-unreachable': 'always',
  'proxy-forbidden': 'never',
  'proxy-authentication': 'never',
  'proxy-redirect': 'never',
  'proxy-tls': 'never',
  'proxy-refused': 'never',
  'proxy-unsupported': 'never',
  'proxy-invalid': 'never',
}

/**
 * What a refusal by STS allows: by its code, since the documents disagree on statuses (STS's error
 * documentation). The first row that matches decides; for a code in no row its status does.
 */
const STS_RULES: readonly (readonly [code: RegExp, rule: RetryRule])[] = [
  [/^AuthenticationFail\.OIDCToken\.Expired$/, 'once with a fresh token'],
  // RAM could not fetch the issuer's keys. It may be RAM's own bad moment, but seldom more than
  // twice.
  [/^AuthenticationFail\.OIDCToken\.IssuerConfigurationBroken$/, 'twice'],
  [/^(Throttling(\..*)?|InternalError|ServiceUnavailable|SignatureNonceUsed)$/, 'always'],
  // Families of codes that are final, whatever their status.
  [
    /^(AuthenticationFail|EntityNotExist|Forbidden|Incomplete|Invalid|Missing|NoPermission|SignatureDoesNotMatch|Unsupported)/,
    'never',
  ],
]

/** Whether an HTTP status says "not now", whoever answers. */
export function isTransientStatus(status: number): boolean {
  return status === 429 || status >= 500
}

function ruleFor(failure: unknown): RetryRule {
  if (failure instanceof TransportError) return TRANSPORT_RULES[failure.code]
  if (!(failure instanceof StsError)) return 'never'
  const row = STS_RULES.find(([code]) => code.test(failure.code))
  return row?.[1] ?? (isTransientStatus(failure.status) ? 'always' : 'never')
}

/** Whether to make another attempt, and on what terms. */
export type RetryDecision =
  | { readonly retry: false }
  | {
      readonly retry: true
      /** The least wait that the server asked for, in milliseconds; undefined if it did not say. */
      readonly retryAfterMs: number | undefined
      /** Whether the next attempt needs a newly minted OIDC token. */
      readonly freshToken: boolean
    }

/**
 * @param failure what the last attempt met
 * @param earlier what the attempts of this series met before
 */
export function shouldRetry(failure: unknown, earlier: readonly unknown[]): RetryDecision {
  const rule = ruleFor(failure)
  const granted = earlier.filter((each) => ruleFor(each) === rule).length
  if (granted >= RETRIES[rule]) return { retry: false }
  const known = failure instanceof StsError || failure instanceof TransportError
  return {
    retry: true,
    retryAfterMs: known ? failure.retryAfterMs : undefined,
    freshToken: rule === 'once with a fresh token',
  }
}

/**
 * Milliseconds: the first wait's upper bound, doubled with each attempt, and the highest it gets.
 */
const BACKOFF_MS = 500
const BACKOFF_LIMIT_MS = 8_000

/**
 * How far a series of attempts at one call may go. One for the whole step, since the deadline is
 * the step's.
 */
export interface RetryPolicy {
  /** Attempts at each call. */
  readonly maxAttempts: number
  /** On the clock of `performance.now()`. */
  readonly deadline: number
  /** The whole step's time in seconds, for messages. */
  readonly timeoutSeconds: number
  /** Takes one line for each retry. */
  readonly onRetry: (line: Prose) => void
  /** Takes one line for each request and each answer, for those who debug. */
  readonly trace: (line: Prose) => void
  readonly random?: () => number
  readonly sleep?: (ms: number) => Promise<void>
}

/** @param timeoutSeconds from now */
export function retryPolicy(
  maxAttempts: number,
  timeoutSeconds: number,
  { onRetry, trace }: Pick<RetryPolicy, 'onRetry' | 'trace'>,
): RetryPolicy {
  const deadline = performance.now() + timeoutSeconds * 1000
  return { maxAttempts, timeoutSeconds, deadline, onRetry, trace }
}

/**
 * For a call that only improves an error message: one attempt, within so many seconds from now,
 * with nothing in the log.
 */
export function onceWithin(seconds: number): RetryPolicy {
  return silentRetryPolicy(1, seconds)
}

/** A policy whose calls log nothing. */
export function silentRetryPolicy(maxAttempts: number, timeoutSeconds: number): RetryPolicy {
  const silent = (): void => undefined
  return retryPolicy(maxAttempts, timeoutSeconds, { onRetry: silent, trace: silent })
}

/** A call that was retried until attempts or time ran out. `cause` is what the last attempt met. */
export class RetriesExhaustedError extends ActionError {
  override readonly name = 'RetriesExhaustedError'
  readonly code = 'retries-exhausted'
  readonly call: string
  readonly attempts: number
  readonly elapsedMs: number
  readonly because: 'attempts' | 'deadline'

  constructor(
    call: string,
    attempts: number,
    elapsedMs: number,
    because: 'attempts' | 'deadline',
    allowed: Prose,
    cause: unknown,
  ) {
    super(
      say`${[call]}: gave up after ${attempts} attempt${[attempts === 1 ? '' : 's']} in ${[inSeconds(elapsedMs)]} (${allowed}); the last one: ${textOf(cause)}`,
      { cause },
    )
    this.call = call
    this.attempts = attempts
    this.elapsedMs = elapsedMs
    this.because = because
  }
}

/**
 * Makes a call, and makes it again while `shouldRetry` says so: exponential backoff with full
 * jitter, never before the server's Retry-After, never beyond the deadline.
 *
 * @param call the call's name for messages, such as AssumeRole
 * @param attempt called with whether it needs a newly minted OIDC token
 * @throws the failure itself if it is not worth a retry; RetriesExhaustedError if attempts or time
 * ran out
 */
export async function withRetries<T>(
  call: string,
  attempt: (freshToken: boolean) => Promise<T>,
  policy: RetryPolicy,
): Promise<T> {
  const { random = Math.random, sleep = sleepFor } = policy
  const start = performance.now()
  const failures: unknown[] = []
  let freshToken = false
  for (;;) {
    try {
      return await attempt(freshToken)
    } catch (failure) {
      const decision = shouldRetry(failure, failures)
      if (!decision.retry) throw failure
      failures.push(failure)
      freshToken = decision.freshToken
      const now = performance.now()
      const gaveUp = (because: 'attempts' | 'deadline', allowed: Prose): RetriesExhaustedError =>
        new RetriesExhaustedError(call, failures.length, now - start, because, allowed, failure)
      const byTime = say`timeout-seconds allows ${policy.timeoutSeconds} s for the whole step`
      if (now >= policy.deadline) throw gaveUp('deadline', byTime)
      if (failures.length >= policy.maxAttempts)
        throw gaveUp('attempts', say`retry-max-attempts allows ${policy.maxAttempts}`)
      const backoff = random() * Math.min(BACKOFF_LIMIT_MS, BACKOFF_MS * 2 ** (failures.length - 1))
      // Jitter on top of what the server asked: the runs it turned away together must not come back
      // together.
      const wait = decision.retryAfterMs === undefined ? backoff : decision.retryAfterMs + backoff / 4
      const later = [inSeconds(wait)]
      if (now + wait >= policy.deadline)
        throw gaveUp('deadline', say`${byTime}; the next attempt would have come ${later} later`)
      policy.onRetry(
        say`${[call]}: attempt ${failures.length} of ${policy.maxAttempts} failed (${textOf(failure)}); trying again in ${later}.`,
      )
      await sleep(wait)
    }
  }
}

/**
 * What the answer asks us to wait, in milliseconds: `x-acs-retry-after` (in milliseconds, as
 * Alibaba Cloud's SDKs read it), else Retry-After in seconds or as a date.
 */
export function retryAfterMs(headers: IncomingHttpHeaders): number | undefined {
  const own = headers['x-acs-retry-after']
  if (typeof own === 'string' && /^\d+$/.test(own)) return Number(own)
  const standard = headers['retry-after']
  if (standard === undefined) return undefined
  if (/^\d+$/.test(standard)) return Number(standard) * 1000
  const date = httpDate(standard)
  return date === undefined ? undefined : Math.max(0, date - Date.now())
}

/** `1.5 s` for 1500. */
export function inSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
