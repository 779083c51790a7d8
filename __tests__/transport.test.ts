import { createServer } from 'node:http'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { send, TransportError } from '../src/net/request.js'
import {
  RetriesExhaustedError,
  retryPolicy,
  withRetries,
  retryAfterMs,
  type RetryPolicy,
  type RetryDecision,
} from '../src/net/retry.js'

const FAILURE = new TransportError('broken', 'sts.example', 'it broke')
const PASSING = (): RetryDecision => ({ retryAfterMs: undefined })
const HOUR_MS = 3_600_000

/** A patience that waits for nothing, and what it was asked to wait and to say. */
function recorded(given: Partial<RetryPolicy> = {}): { how: RetryPolicy; waits: number[]; lines: string[] } {
  const waits: number[] = []
  const lines: string[] = []
  const how: RetryPolicy = {
    maxAttempts: 5,
    deadline: performance.now() + HOUR_MS,
    timeoutSeconds: 3600,
    onRetry: (line) => lines.push(line),
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
  failure: Error = FAILURE,
): { attempt: () => Promise<string>; made: () => number } {
  let attempts = 0
  return {
    attempt: async () => (++attempts <= times ? Promise.reject(failure) : Promise.resolve('done')),
    made: () => attempts,
  }
}

/** What the call came to where it was not a success. */
async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (failure: unknown) => failure,
  )
}

describe('withRetries', () => {
  test('a success needs one attempt, no wait and no line', async () => {
    const { how, waits, lines } = recorded()
    expect(await withRetries('Call', failing(0).attempt, PASSING, how)).toBe('done')
    expect([waits, lines]).toEqual([[], []])
  })

  test('waits twice as long each time, up to a cap, and says so in one line each', async () => {
    const { how, waits, lines } = recorded({ maxAttempts: 8 })
    expect(await withRetries('Call', failing(7).attempt, PASSING, how)).toBe('done')
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 8000, 8000])
    expect(lines).toHaveLength(7)
    expect(lines[0]).toBe('Call: attempt 1 of 8 failed (sts.example: it broke); trying again in 0.5 s.')
    expect(lines[6]).toBe('Call: attempt 7 of 8 failed (sts.example: it broke); trying again in 8.0 s.')
  })

  test('the whole of a wait is jitter', async () => {
    for (const [random, expected] of [
      [0, [0, 0]],
      [0.5, [250, 500]],
    ] as const) {
      const { how, waits } = recorded({ random: () => random })
      await withRetries('Call', failing(2).attempt, PASSING, how)
      expect(waits).toEqual(expected)
    }
  })

  test('never comes back before the server said, and not with all the others at once', async () => {
    const asked = recorded({ random: () => 0.5 })
    await withRetries('Call', failing(2).attempt, () => ({ retryAfterMs: 30_000 }), asked.how)
    expect(asked.waits).toEqual([30_062.5, 30_125])
    const now = recorded({ random: () => 0 })
    await withRetries('Call', failing(1).attempt, () => ({ retryAfterMs: 0 }), now.how)
    expect(now.waits).toEqual([0])
  })

  test('a final failure is thrown as it is, at the first attempt or later', async () => {
    const first = failing(1)
    expect(await failureOf(withRetries('Call', first.attempt, () => 'final', recorded().how))).toBe(FAILURE)
    expect(first.made()).toBe(1)
    const later = failing(9)
    const judge = (): RetryDecision => (later.made() < 3 ? PASSING() : 'final')
    expect(await failureOf(withRetries('Call', later.attempt, judge, recorded().how))).toBe(FAILURE)
    expect(later.made()).toBe(3)
  })

  test('attempts run out: as many as are allowed, and the error names them and the last cause', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 20 }), async (maxAttempts) => {
        const call = failing(99)
        const { how, waits, lines } = recorded({ maxAttempts })
        const gaveUp = await failureOf(withRetries('Call', call.attempt, PASSING, how))
        expect(gaveUp).toBeInstanceOf(RetriesExhaustedError)
        expect(gaveUp).toMatchObject({
          call: 'Call',
          attempts: maxAttempts,
          because: 'attempts',
          cause: FAILURE,
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

  test('a wait that would pass the deadline is not begun', async () => {
    const call = failing(9)
    const { how, waits } = recorded({ deadline: performance.now() + 60_000, timeoutSeconds: 60 })
    const gaveUp = await failureOf(withRetries('Call', call.attempt, () => ({ retryAfterMs: 60_000 }), how))
    expect(gaveUp).toMatchObject({ attempts: 1, because: 'deadline', cause: FAILURE })
    expect((gaveUp as RetriesExhaustedError).message).toMatch(
      /timeout-seconds allows 60 s for the whole step; the next attempt would have come 60\.1 s later\); the last one: sts\.example/,
    )
    expect([call.made(), waits]).toEqual([1, []])
  })

  test.each([Infinity, Number.MAX_SAFE_INTEGER])(
    'a server that asks for %d ms ends the series',
    async (retryAfter) => {
      expect(
        await failureOf(
          withRetries('Call', failing(9).attempt, () => ({ retryAfterMs: retryAfter }), recorded().how),
        ),
      ).toMatchObject({
        attempts: 1,
        because: 'deadline',
      })
    },
  )

  test('the deadline, once passed, ends the series whatever attempts are left', async () => {
    const call = failing(9)
    const { how } = recorded({ deadline: performance.now() - 1, timeoutSeconds: 1 })
    const gaveUp = await failureOf(withRetries('Call', call.attempt, PASSING, how))
    expect(gaveUp).toMatchObject({ attempts: 1, because: 'deadline' })
    expect((gaveUp as RetriesExhaustedError).message).toContain(
      '(timeout-seconds allows 1 s for the whole step); the last one: sts.example: it broke',
    )
  })

  test('one deadline holds for all calls of a step', () => {
    const lines: string[] = []
    const { deadline, ...rest } = retryPolicy(3, 60, (line) => lines.push(line))
    expect(rest).toMatchObject({ maxAttempts: 3, timeoutSeconds: 60 })
    expect(deadline - performance.now()).toBeGreaterThan(0)
    expect(deadline - performance.now()).toBeLessThanOrEqual(60_000)
  })

  test('what is thrown need not be an error', async () => {
    const { how, lines } = recorded({ maxAttempts: 2 })
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- a library may
    const gaveUp = await failureOf(withRetries('Call', async () => Promise.reject('words'), PASSING, how))
    expect(gaveUp).toMatchObject({ cause: 'words' })
    expect(lines).toEqual(['Call: attempt 1 of 2 failed (words); trying again in 0.5 s.'])
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

  test('a date to come', () => {
    const wait = retryAfterMs({ 'retry-after': new Date(Date.now() + HOUR_MS).toUTCString() }) ?? 0
    expect(wait).toBeGreaterThan(HOUR_MS / 2)
    expect(wait).toBeLessThanOrEqual(HOUR_MS)
  })
})

describe('TransportError', () => {
  test.each([
    ['unreachable', true],
    ['broken', true],
    ['timeout', true],
    ['status', true],
    ['nonsense', true],
    ['tls', false],
    ['proxy', false],
    ['redirect', false],
  ] as const)('%s: worth another attempt: %s', (fault, transient) => {
    expect(new TransportError(fault, 'host', 'x').transient).toBe(transient)
  })

  test('names the host, and the proxy on the way', () => {
    expect(new TransportError('broken', 'host:1', 'x', { proxy: 'proxy:2' }).message).toBe(
      'host:1 (by the proxy proxy:2): x',
    )
  })
})

describe('send', () => {
  /** A server that answers with so much of a body and then nothing more, or breaks off. */
  const answerPart = async (then: 'silence' | 'reset'): Promise<unknown> => {
    const server = createServer((_, response) => {
      response.writeHead(200, { 'content-length': 100 })
      response.write('a part', () => {
        if (then === 'reset') response.destroy()
      })
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    try {
      const url = new URL(`http://127.0.0.1:${port}`)
      return await send({ method: 'GET', url, headers: {} }, { deadline: performance.now() + 300 }).catch(
        (failure: unknown) => failure,
      )
    } finally {
      server.closeAllConnections()
      server.close()
    }
  }

  test('an answer that never ends is a time-out, and one that breaks off a broken connection', async () => {
    expect(await answerPart('silence')).toMatchObject({ fault: 'timeout' })
    expect(await answerPart('reset')).toMatchObject({ fault: 'broken' })
  })
})
