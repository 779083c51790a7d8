import { beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  createRenewal,
  type FreshSession,
  type Renewal,
  type RenewalFailure,
} from '../src/refresh/renewal.js'

const MINUTE = 60_000
const DENIAL: RenewalFailure = {
  code: 'NoPermission',
  message: 'You are not authorized',
  requestId: 'R-1',
  transient: false,
}
const OUTAGE: RenewalFailure = { ...DENIAL, code: 'ServiceUnavailable', transient: true }

/** A mint under the test's hand: it settles when the test says. */
interface Minting {
  readonly resolve: (session: FreshSession) => Promise<void>
  readonly reject: (failure: RenewalFailure) => Promise<void>
}

let clock: number
let mints: Minting[]
let renewed: string[]
let count: number

const sessionOf = (seconds: number): FreshSession => {
  count += 1
  return {
    key: { accessKeyId: `STS.${count}`, accessKeySecret: 'secret', securityToken: 'token' },
    expiration: new Date(clock + seconds * 1000),
  }
}
const settled = async (): Promise<void> => new Promise((done) => setImmediate(done))
const never = new Promise<void>(() => undefined)

function start(seconds = 3600, random = 1): Renewal {
  return createRenewal({
    first: sessionOf(seconds),
    mint: () =>
      new Promise((resolve, reject) => {
        mints.push({
          resolve: async (session) => {
            resolve(session)
            await settled()
          },
          reject: async (failure) => {
            // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- what `explain` makes of it is the test's own
            reject(failure)
            await settled()
          },
        })
      }),
    explain: (failure) => failure as RenewalFailure,
    onRenewed: ({ key }) => renewed.push(key.accessKeyId),
    now: () => clock,
    random: () => random,
  })
}

const idOf = async (renewal: Renewal, patience = never): Promise<string> => {
  const current = await renewal.current(patience)
  return 'session' in current ? current.session.key.accessKeyId : current.failure.code
}
const last = (): Minting => {
  const minting = mints.at(-1)
  if (minting === undefined) throw new Error('nothing is being minted')
  return minting
}

beforeEach(() => {
  clock = Date.parse('2026-01-02T03:04:05Z')
  mints = []
  renewed = []
  count = 0
})

test('a session is renewed when a quarter of its life is over, and not before', async () => {
  const renewal = start(3600)
  expect(renewal.dueIn()).toBe(15 * MINUTE)
  clock += 15 * MINUTE - 1
  renewal.renewIfDue()
  expect(mints).toHaveLength(0)
  clock += 1
  renewal.renewIfDue()
  expect([mints.length, renewal.dueIn()]).toEqual([1, Infinity])
  expect(await idOf(renewal)).toBe('STS.1')
  await last().resolve(sessionOf(7200))
  expect([await idOf(renewal), renewal.dueIn(), renewed]).toEqual(['STS.2', 30 * MINUTE, ['STS.2']])
  expect([renewal.renewals(), renewal.expiresAt()]).toEqual([1, clock + 120 * MINUTE])
})

test('any number of clients share one request for a new session', async () => {
  const renewal = start(900)
  clock += 900_000
  const askers = Array.from({ length: 30 }, async () => idOf(renewal))
  renewal.renewIfDue()
  await settled()
  expect(mints).toHaveLength(1)
  await last().resolve(sessionOf(900))
  expect(new Set(await Promise.all(askers))).toEqual(new Set(['STS.2']))
  expect(mints).toHaveLength(1)
})

test('while renewals fail, the session is served until its last seconds, and then the failure', async () => {
  const renewal = start(900)
  clock += 225_000
  renewal.renewIfDue()
  await last().reject(DENIAL)
  clock += 900_000 - 225_000 - 2_001
  expect(await idOf(renewal, Promise.resolve())).toBe('STS.1')
  clock += 1
  const current = await renewal.current(Promise.resolve())
  expect(current).toEqual({ failure: DENIAL })
})

test('a client waits only for its own time, and the request under way serves the next one', async () => {
  const renewal = start(900)
  clock += 1_000_000
  expect(await idOf(renewal, Promise.resolve())).toBe('RenewalPending')
  const patient = idOf(renewal)
  await last().resolve(sessionOf(900))
  expect([await patient, mints.length]).toEqual(['STS.2', 1])
})

test('a machine that wakes up after hours renews at once', async () => {
  const renewal = start(900)
  clock += 8 * 3_600_000
  const asker = idOf(renewal)
  await last().resolve(sessionOf(900))
  expect(await asker).toBe('STS.2')
})

test('a clock that is set back leaves no gap without a session', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat({ max: 3_600_000 }),
      fc.nat({ max: 48 * 3_600_000 }),
      fc.boolean(),
      async (elapsed, setBack, fails) => {
        mints = []
        const renewal = start(3600)
        if (fails) {
          clock += renewal.dueIn()
          renewal.renewIfDue()
          await last().reject(OUTAGE)
          mints = []
        }
        const planned = renewal.dueIn()
        clock += Math.min(elapsed, planned - 1) - setBack
        renewal.renewIfDue()
        clock += planned
        renewal.renewIfDue()
        expect(mints).toHaveLength(1)
      },
    ),
  )
})

test('recovery needs nothing but a mint that succeeds', async () => {
  const renewal = start(900)
  clock += 1_000_000
  renewal.renewIfDue()
  await last().reject(DENIAL)
  expect(renewal.failure()).toEqual(DENIAL)
  clock += renewal.dueIn()
  renewal.renewIfDue()
  await last().resolve(sessionOf(900))
  expect([await idOf(renewal), renewal.failure()]).toEqual(['STS.2', undefined])
  expect(renewal.dueIn()).toBe(225_000)
})

describe('pauses between renewals that fail', () => {
  const pausesAfter = async (failure: RenewalFailure, times: number, random: number): Promise<number[]> => {
    const renewal = start(900, random)
    clock += 1_000_000
    const pauses: number[] = []
    for (let failures = 0; failures < times; failures++) {
      renewal.renewIfDue()
      await last().reject(failure)
      pauses.push(renewal.dueIn() / 1000)
      clock += renewal.dueIn()
    }
    return pauses
  }

  test('grow to five minutes while a denial lasts', async () => {
    expect(await pausesAfter(DENIAL, 10, 1)).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 300, 300])
    mints = []
    expect(await pausesAfter(DENIAL, 10, 0)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 150, 150])
  })

  test('grow to a minute while STS cannot be reached', async () => {
    expect(await pausesAfter(OUTAGE, 8, 1)).toEqual([2, 4, 8, 16, 32, 60, 60, 60])
  })

  test('hold for clients too: they get the failure at once, and no request is made for them', async () => {
    const renewal = start(900)
    clock += 1_000_000
    renewal.renewIfDue()
    await last().reject(DENIAL)
    clock += renewal.dueIn() - 1
    for (let asker = 0; asker < 100; asker++) expect(await idOf(renewal)).toBe('NoPermission')
    expect(mints).toHaveLength(1)
  })

  test('cost a few hundred calls in a day of denials, however many clients ask', async () => {
    const renewal = start(900, 0)
    const end = clock + 24 * 3_600_000
    while (clock < end) {
      const known = mints.length
      const asker = idOf(renewal)
      if (mints.length > known) await last().reject(DENIAL)
      await asker
      clock += 3_000
    }
    expect(mints.length).toBeLessThan((24 * 60) / 2 + 10)
  })
})

test('the same session returned again does not count as a renewal, and the source is asked again', async () => {
  const renewal = start(3600)
  const same = await renewal.current(never)
  if (!('session' in same)) throw new Error('there is no session')
  for (let times = 0; times < 200 && clock < same.session.expiration.getTime(); times++) {
    expect(renewal.dueIn()).toBeGreaterThanOrEqual(1_000)
    clock += renewal.dueIn()
    renewal.renewIfDue()
    if (clock < same.session.expiration.getTime()) await last().resolve(same.session)
  }
  expect([renewal.renewals(), renewed]).toEqual([0, []])
  // At the end it is asked as often as once a second for some seconds, and no more.
  expect(mints.length).toBeLessThan(60)
})

test('a session that has already expired when it arrives is not used', async () => {
  const renewal = start(900)
  clock += 500_000
  renewal.renewIfDue()
  await last().resolve(sessionOf(-1))
  expect(await idOf(renewal)).toBe('STS.1')
  expect(renewal.failure()?.code).toBe('SessionAlreadyOver')
  expect(renewal.dueIn()).toBe(2_000)
})

test('whatever fails, there is at most one request at a time, and a valid session or a reason', async () => {
  const steps = fc.array(
    fc.record({
      seconds: fc.nat({ max: 4_000 }),
      askers: fc.nat({ max: 3 }),
      outcome: fc.constantFrom('session', 'denial', 'outage', 'silence'),
    }),
    { maxLength: 30 },
  )
  await fc.assert(
    fc.asyncProperty(steps, async (story) => {
      mints = []
      const renewal = start(900)
      let open = 0
      for (const { seconds, askers, outcome } of story) {
        clock += seconds * 1000
        const before = mints.length
        renewal.renewIfDue()
        const asked = Array.from({ length: askers }, async () => renewal.current(Promise.resolve()))
        open += mints.length - before
        expect(open).toBeLessThanOrEqual(1)
        for (const current of await Promise.all(asked))
          if ('session' in current) expect(current.session.expiration.getTime()).toBeGreaterThan(clock)
          else expect(current.failure.code).not.toBe('')
        if (open === 0 || outcome === 'silence') continue
        open = 0
        if (outcome === 'session') await last().resolve(sessionOf(900))
        else await last().reject(outcome === 'denial' ? DENIAL : OUTAGE)
      }
    }),
  )
})
