/**
 * Sessions that end after seconds, and programs that go on working: one process each, or command
 * after command. All of them run at the same time, in one job that refreshes and in one that does
 * not.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startJob, type Job, type StepInputs } from '../__tests__/support/job.js'
import { DEPLOY_ROLE, type World } from '../__tests__/support/world.js'
import { startRealWorld } from './network.js'
import { PROGRAMS, type Answer, type Place, type Program, type ProgramName } from './programs.js'

/** Seconds. */
const LIFETIME = 12
const LONG_ENOUGH = 28

/**
 * What each says of a session that has expired while it worked. Those that read files ask with what
 * they find at each start.
 */
const EXPIRED: Partial<Record<ProgramName, string>> = {
  go: 'InvalidSecurityToken.Expired',
  node: 'InvalidSecurityToken.Expired',
  python: 'InvalidSecurityToken.Expired',
  java: 'Specified SecurityToken is expired',
  cli: 'InvalidSecurityToken.Expired',
  terraform: 'SecurityTokenExpired',
  tofu: 'SecurityTokenExpired',
}

let world: World
const jobs: Job[] = []

beforeAll(async () => {
  world = await startRealWorld()
  world.standIn.setSessionLifetime(DEPLOY_ROLE, LIFETIME)
})
afterAll(async () => {
  for (const job of jobs) {
    await job.posts()
    job.remove()
  }
  await world.standIn.close()
})

async function handOn(inputs: StepInputs): Promise<{ readonly arn: string; readonly place: Place }> {
  const job = startJob({ standIn: world.standIn })
  jobs.push(job)
  const main = await job.main({ ...world.byKey, profile: 'ci', ...inputs })
  expect([main.exitCode, main.errors, main.warnings]).toEqual([0, [], []])
  const arn = (main.outputs.get('arn') ?? '').replace(':role/', ':assumed-role/')
  return { arn, place: { standIn: world.standIn, home: job.home, env: Object.fromEntries(job.env) } }
}

/**
 * One process, or one after the other, until the time is over or something fails; with how many
 * sessions it was.
 */
async function keepAsking(program: Program, place: Place): Promise<Answer> {
  if (program.keepAsking !== undefined) return program.keepAsking(place, LONG_ENOUGH)
  const end = performance.now() + LONG_ENOUGH * 1000
  for (;;) {
    const answer = await program.ask(place)
    if ('error' in answer || performance.now() > end) return answer
    await delay(500)
  }
}

const tried = (Object.keys(EXPIRED) as ProgramName[]).filter((name) => PROGRAMS[name].missing === undefined)
const missing = (Object.keys(EXPIRED) as ProgramName[]).filter((name) => PROGRAMS[name].missing !== undefined)

describe('a job that outlives its session', () => {
  test(
    'loses no call with refresh, and its credentials without',
    async () => {
      const [fresh, stale] = await Promise.all([handOn({ refresh: 'true' }), handOn({})])
      const run = async (place: Place): Promise<[ProgramName, Answer][]> =>
        Promise.all(
          tried.map(async (name): Promise<[ProgramName, Answer]> => [
            name,
            await keepAsking(PROGRAMS[name], place),
          ]),
        )
      const [withRefresh, without] = await Promise.all([run(fresh.place), run(stale.place)])

      for (const [name, answer] of withRefresh)
        expect([name, answer]).toEqual([name, { arn: fresh.arn, version: expect.any(String) }])
      for (const [name, answer] of without)
        expect([name, answer]).toEqual([name, { error: expect.stringContaining(EXPIRED[name] ?? '') }])

      // Over two expiries at least: the first session, and one after another had come and gone.
      const sessions = new Set(
        world.standIn.requests.flatMap(({ action, status, accessKeyId }) =>
          action === 'GetCallerIdentity' && status === 200 ? [accessKeyId] : [],
        ),
      )
      expect(sessions.size).toBeGreaterThan(4)
      const calls = world.standIn.requests.filter(({ action }) => action === 'GetCallerIdentity')
      const mints = world.standIn.assumptions.length
      console.log(
        `refresh: ${calls.length} calls by ${tried.join(', ')} with ${sessions.size} sessions; ${mints} AssumeRole`,
      )
    },
    (LONG_ENOUGH + 60) * 1000,
  )

  if (missing.length > 0) test.skip(`the same for ${missing.join(', ')}, which are not here`, () => undefined)
})
