import { expect, test } from '@jest/globals'
import { stsTime } from '../src/handover/sts-time.js'
import type { Inputs } from '../src/inputs/inputs.js'
import type { Session } from '../src/sts/role-chain.js'

const inputs = (roles: string[]): Inputs =>
  ({ roles, session: { durationSeconds: 3600 } }) as unknown as Inputs
const session = (expiration: string | undefined): Session => ({ expiration }) as unknown as Session

test("the time is taken from the session that STS issued, whatever this machine's clock says", () => {
  expect(stsTime(session('2031-01-02T04:04:05Z'), inputs(['r']))).toEqual(new Date('2031-01-02T03:04:05Z'))
})

test.each([
  [undefined, ['r']],
  ['2031-01-02T04:04:05Z', []],
])(
  "the time is this machine's if no role was assumed or the expiration is unknown (%s, %j)",
  (expiration, roles) => {
    const before = Date.now()
    const time = stsTime(session(expiration), inputs(roles)).getTime()
    expect(time).toBeGreaterThanOrEqual(before)
    expect(time).toBeLessThanOrEqual(Date.now())
  },
)
