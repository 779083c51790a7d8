import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  isTransientStatus,
  onceWithin,
  RetriesExhaustedError,
  retryAfterMs,
  retryPolicy,
  shouldRetry,
  withRetries,
  type RetryPolicy,
} from '../src/net/retry.js'
import { TransportError, type TransportFault } from '../src/net/transport-error.js'
import { StsError } from '../src/sts/sts-error.js'
import { plain } from '../src/text/prose.js'

const HOUR_MS = 3_600_000
const TRANSIENT = new TransportError('broken', 'sts.example', ['it broke'])
const DENIAL = stsError('NoPermission')

function stsError(code: string, status = 400, retryAfterMs?: number): StsError {
  return new StsError({
    call: 'AssumeRoleWithOIDC',
    code,
    reason: 'words',
    status,
    host: 'sts.example',
    requestId: undefined,
    recommend: undefined,
    accessDeniedDetail: undefined,
    clockSkewMs: undefined,
    retryAfterMs,
  })
}

describe('the table: what is worth another attempt', () => {
  const AGAIN = { retry: true, retryAfterMs: undefined, freshToken: false }
  const NEVER = { retry: false }

  test.each([
    ['unreachable', true],
    ['broken', true],
    ['timeout', true],
    ['status', true],
    ['nonsense', true],
    ['tls', false],
    ['redirect', false],
    ['proxy-unreachable', true],
    ['proxy-forbidden', false],
    ['proxy-authentication', false],
    ['proxy-redirect', false],
    ['proxy-tls', false],
    ['proxy-refused', false],
    ['proxy-unsupported', false],
    ['proxy-invalid', false],
  ] as const satisfies readonly (readonly [TransportFault, boolean])[])(
    'a network failure %s: %s',
    (code, retried) => {
      const failure = new TransportError(code, 'sts.example', ['words'])
      expect(shouldRetry(failure, [])).toEqual(retried ? AGAIN : NEVER)
      expect(shouldRetry(failure, Array<unknown>(19).fill(failure))).toEqual(retried ? AGAIN : NEVER)
    },
  )

  test.each([
    ['Throttling', 400, true],
    ['Throttling.User', 400, true],
    ['ThrottlingUser', 400, false],
    ['InternalError', 400, true],
    ['ServiceUnavailable', 404, true],
    ['SignatureNonceUsed', 400, true],
    // A denial stays one, whatever status it comes with; a code in no row is judged by its status.
    ['NoPermission', 500, false],
    ['EntityNotExist.Role', 503, false],
    ['InvalidAccessKeyId.NotFound', 429, false],
    ['AuthenticationFail.NoPermission', 500, false],
    ['Odd.Moment', 500, true],
    ['Odd.Moment', 429, true],
    ['Odd.Moment', 400, false],
    ['', 502, true],
  ] as const)('%s from STS with status %d: %s', (code, status, retried) => {
    expect(shouldRetry(stsError(code, status), [])).toEqual(retried ? AGAIN : NEVER)
  })

  test('an expired OIDC token is retried once, with a fresh one', () => {
    const expired = stsError('AuthenticationFail.OIDCToken.Expired', 401)
    expect(shouldRetry(expired, [])).toEqual({ ...AGAIN, freshToken: true })
    expect(shouldRetry(expired, [TRANSIENT, TRANSIENT])).toEqual({ ...AGAIN, freshToken: true })
    expect(shouldRetry(expired, [TRANSIENT, expired, TRANSIENT])).toEqual(NEVER)
  })

  test('IssuerConfigurationBroken is retried twice', () => {
    const broken = stsError('AuthenticationFail.OIDCToken.IssuerConfigurationBroken')
    expect(shouldRetry(broken, [])).toEqual(AGAIN)
    expect(shouldRetry(broken, [broken, TRANSIENT])).toEqual(AGAIN)
    expect(shouldRetry(broken, [broken, TRANSIENT, broken])).toEqual(NEVER)
  })

  test('nothing else is retried: neither our own errors, nor what a library throws', () => {
    const exhausted = new RetriesExhaustedError('Call', 1, 1, 'attempts', [], TRANSIENT)
    for (const failure of [exhausted, new Error('words'), 'words', undefined, null])
      expect(shouldRetry(failure, [])).toEqual(NEVER)
  })

  test('the wait that the server asked for is passed on', () => {
    const busy = new TransportError('status', 'sts.example', ['busy'], { retryAfterMs: 250 })
    expect(shouldRetry(busy, [])).toEqual({ ...AGAIN, retryAfterMs: 250 })
    expect(shouldRetry(stsError('Throttling', 400, 30), [])).toEqual({ ...AGAIN, retryAfterMs: 30 })
  })

  test.each([
    [200, false],
    [302, false],
    [400, false],
    [428, false],
    [429, true],
    [430, false],
    [499, false],
    [500, true],
    [503, true],
    [599, true],
  ])('status %d says "not now": %s', (status, transient) => {
    expect(isTransientStatus(status)).toBe(transient)
  })
})

/** "Not now, and not before so many milliseconds." */
const busy = (wait: number): TransportError =>
  new TransportError('status', 'sts.example', ['it is busy'], { retryAfterMs: wait })

/** A policy that waits for nothing, and what it was asked to wait and to say. */
function recorded(given: Partial<RetryPolicy> = {}): { how: RetryPolicy; waits: number[]; lines: string[] } {
  const waits: number[] = []
  const lines: string[] = []
  const how: RetryPolicy = {
    trace: () => undefined,
    maxAttempts: 5,
    deadline: performance.now() + HOUR_MS,
    timeoutSeconds: 3600,
    onRetry: (line) => lines.push(plain(line)),
    random: () => 1,
    sleep: async (ms) => {
      waits.push(ms)
      return Promise.resolve()
    },
    ...given,
  }
  return { how, waits, lines }
}

/** A call that fails so many times, and the number of its attempts. */
function failing(
  times: number,
  failure: Error = TRANSIENT,
): { attempt: () => Promise<string>; made: () => number } {
  let attempts = 0
  return {
    attempt: async () => (++attempts <= times ? Promise.reject(failure) : Promise.resolve('done')),
    made: () => attempts,
  }
}

/** The error of a call that must fail. */
async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (failure: unknown) => failure,
  )
}

describe('withRetries', () => {
  test('makes one attempt if it succeeds, without a wait or a line in the log', async () => {
    const { how, waits, lines } = recorded()
    expect(await withRetries('Call', failing(0).attempt, how)).toBe('done')
    expect([waits, lines]).toEqual([[], []])
  })

  test('waits twice as long each time, up to a cap, and says so in one line each', async () => {
    const { how, waits, lines } = recorded({ maxAttempts: 8 })
    expect(await withRetries('Call', failing(7).attempt, how)).toBe('done')
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 8000, 8000])
    expect(lines).toHaveLength(7)
    expect(lines[0]).toBe('Call: attempt 1 of 8 failed (sts.example: it broke); trying again in 0.5 s.')
    expect(lines[6]).toBe('Call: attempt 7 of 8 failed (sts.example: it broke); trying again in 8.0 s.')
  })

  test('chooses each wait at random between nothing and its upper bound', async () => {
    for (const [random, expected] of [
      [0, [0, 0]],
      [0.5, [250, 500]],
    ] as const) {
      const { how, waits } = recorded({ random: () => random })
      await withRetries('Call', failing(2).attempt, how)
      expect(waits).toEqual(expected)
    }
  })

  test('waits at least as long as the server asked, plus a random time', async () => {
    const asked = recorded({ random: () => 0.5 })
    await withRetries('Call', failing(2, busy(30_000)).attempt, asked.how)
    expect(asked.waits).toEqual([30_062.5, 30_125])
    const now = recorded({ random: () => 0 })
    await withRetries('Call', failing(1, busy(0)).attempt, now.how)
    expect(now.waits).toEqual([0])
  })

  test('throws a failure that is not worth a retry as it is, at the first attempt or later', async () => {
    const first = failing(1, DENIAL)
    expect(await failureOf(withRetries('Call', first.attempt, recorded().how))).toBe(DENIAL)
    expect(first.made()).toBe(1)
    let made = 0
    const later = async (): Promise<never> => Promise.reject(++made < 3 ? TRANSIENT : DENIAL)
    expect(await failureOf(withRetries('Call', later, recorded().how))).toBe(DENIAL)
    expect(made).toBe(3)
  })

  test('asks for a fresh OIDC token only in the attempt after an expired one', async () => {
    const failures = [TRANSIENT, stsError('AuthenticationFail.OIDCToken.Expired'), TRANSIENT]
    const told: boolean[] = []
    const attempt = async (freshToken: boolean): Promise<string> => {
      told.push(freshToken)
      const failure = failures.shift()
      return failure === undefined ? Promise.resolve('done') : Promise.reject(failure)
    }
    expect(await withRetries('Call', attempt, recorded().how)).toBe('done')
    expect(told).toEqual([false, false, true, false])
  })

  test('makes as many attempts as allowed, and the error names their number and the last cause', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 20 }), async (maxAttempts) => {
        const call = failing(99)
        const { how, waits, lines } = recorded({ maxAttempts })
        const gaveUp = await failureOf(withRetries('Call', call.attempt, how))
        expect(gaveUp).toBeInstanceOf(RetriesExhaustedError)
        expect(gaveUp).toMatchObject({
          call: 'Call',
          attempts: maxAttempts,
          because: 'attempts',
          cause: TRANSIENT,
        })
        expect((gaveUp as RetriesExhaustedError).message).toMatch(
          new RegExp(
            `^Call: gave up after ${maxAttempts} attempts? in 0\\.\\d s \\(retry-max-attempts allows ${maxAttempts}\\); the last one: sts\\.example: it broke$`,
          ),
        )
        expect([call.made(), waits.length, lines.length]).toEqual([
          maxAttempts,
          maxAttempts - 1,
          maxAttempts - 1,
        ])
      }),
    )
  })

  test('does not begin a wait that would pass the deadline', async () => {
    const failure = busy(60_000)
    const call = failing(9, failure)
    const { how, waits } = recorded({ deadline: performance.now() + 60_000, timeoutSeconds: 60 })
    const gaveUp = await failureOf(withRetries('Call', call.attempt, how))
    expect(gaveUp).toMatchObject({ attempts: 1, because: 'deadline', cause: failure })
    expect((gaveUp as RetriesExhaustedError).message).toMatch(
      /timeout-seconds allows 60 s for the whole step; the next attempt would have come 60\.1 s later\); the last one: sts\.example/,
    )
    expect([call.made(), waits]).toEqual([1, []])
  })

  test.each([Infinity, Number.MAX_SAFE_INTEGER])(
    'gives up if the server asks for a wait of %d ms',
    async (retryAfter) => {
      expect(
        await failureOf(withRetries('Call', failing(9, busy(retryAfter)).attempt, recorded().how)),
      ).toMatchObject({
        attempts: 1,
        because: 'deadline',
      })
    },
  )

  test('gives up once the deadline has passed, whatever attempts are left', async () => {
    const call = failing(9)
    const { how } = recorded({ deadline: performance.now() - 1, timeoutSeconds: 1 })
    const gaveUp = await failureOf(withRetries('Call', call.attempt, how))
    expect(gaveUp).toMatchObject({ attempts: 1, because: 'deadline' })
    expect((gaveUp as RetriesExhaustedError).message).toContain(
      '(timeout-seconds allows 1 s for the whole step); the last one: sts.example: it broke',
    )
  })

  test('has one deadline for all calls of a step', () => {
    const { deadline, ...rest } = retryPolicy(3, 60, recorded().how)
    expect(rest).toMatchObject({ maxAttempts: 3, timeoutSeconds: 60 })
    expect(deadline - performance.now()).toBeGreaterThan(0)
    expect(deadline - performance.now()).toBeLessThanOrEqual(60_000)
  })

  test('makes one silent attempt with its own deadline for a call that only improves a message', async () => {
    const call = failing(9)
    const how = onceWithin(3)
    expect(await failureOf(withRetries('Call', call.attempt, how))).toMatchObject({
      attempts: 1,
      cause: TRANSIENT,
    })
    expect(call.made()).toBe(1)
    expect(how.deadline - performance.now()).toBeLessThanOrEqual(3_000)
  })

  test('accepts that something other than an error is thrown', async () => {
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- a library may
    const thrown = withRetries('Call', async () => Promise.reject('words'), recorded().how)
    expect(await failureOf(thrown)).toBe('words')
  })

  test("keeps other people's words as values, so that no line contains a workflow command of theirs", async () => {
    const hostile = '::error::x\n::stop-commands::y'
    const { how, lines } = recorded({ maxAttempts: 2 })
    const failure = new TransportError('status', 'sts.example', [{ value: hostile }])
    const gaveUp = await failureOf(withRetries('Call', failing(9, failure).attempt, how))
    for (const text of [...lines, (gaveUp as Error).message]) {
      expect(text.split('\n')).toHaveLength(1)
      expect(text).toContain('\\u{a}')
    }
  })
})

describe('retryAfterMs', () => {
  test.each([
    [{}, undefined],
    [{ 'retry-after': '3' }, 3000],
    [{ 'retry-after': '0' }, 0],
    [{ 'x-acs-retry-after': '250' }, 250],
    [{ 'x-acs-retry-after': '250', 'retry-after': '3' }, 250],
    [{ 'x-acs-retry-after': 'soon', 'retry-after': '3' }, 3000],
    [{ 'x-acs-retry-after': '-1' }, undefined],
    [{ 'x-acs-retry-after': ['1', '2'] }, undefined],
    [{ 'retry-after': 'soon' }, undefined],
    [{ 'retry-after': '1.5' }, undefined],
    [{ 'retry-after': '-5' }, undefined],
    [{ 'retry-after': '' }, undefined],
    [{ 'retry-after': 'Thu, 01 Jan 1970 00:00:00 GMT' }, 0],
  ] as [Record<string, string | string[]>, number | undefined][])('%j: %s', (headers, wait) => {
    expect(retryAfterMs(headers)).toBe(wait)
  })

  test('a date in the future', () => {
    const wait = retryAfterMs({ 'retry-after': new Date(Date.now() + HOUR_MS).toUTCString() }) ?? 0
    expect(wait).toBeGreaterThan(HOUR_MS / 2)
    expect(wait).toBeLessThanOrEqual(HOUR_MS)
  })
})
