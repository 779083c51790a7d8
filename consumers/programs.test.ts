/**
 * Each program makes a call with what the step left: by the variables alone, by the profile alone,
 * and with a session that has expired.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { startJob, type Job, type StepInputs } from '../__tests__/support/job.js'
import type { World } from '../__tests__/support/world.js'
import { startRealWorld } from './network.js'
import { PROGRAMS, runIn, type Answer, type Place, type Program, type ProgramName } from './programs.js'
import { keepResult } from './results.js'

const PROFILE_ALONE: StepInputs = { profile: 'ci', 'export-environment-variables': 'false' }
const EVERY_TOOL: StepInputs = { 'export-for': 'oss packer serverless-devs' }

/** What each says of an expired session, in the words that its users will search for. */
const EXPIRED: Readonly<Record<ProgramName, string | undefined>> = {
  go: 'InvalidSecurityToken.Expired',
  node: 'InvalidSecurityToken.Expired',
  nodeV1: 'InvalidSecurityToken.Expired',
  python: 'InvalidSecurityToken.Expired',
  java: 'Specified SecurityToken is expired',
  cli: 'InvalidSecurityToken.Expired',
  terraform: 'SecurityTokenExpired',
  tofu: 'SecurityTokenExpired',
  ossPython: 'SecurityTokenExpired',
  // It only resolves the key.
  serverlessDevs: undefined,
}

const WRITE_OBJECTS: readonly ProgramName[] = ['terraform', 'tofu', 'ossPython']

let world: World
let job: Job

beforeEach(async () => {
  world = await startRealWorld()
  job = startJob({ standIn: world.standIn })
})
afterEach(async () => {
  job.remove()
  await world.standIn.close()
})

/** Runs main, and gives the ARN that it handed on, and what a later step has. */
async function handOn(inputs: StepInputs): Promise<{ readonly arn: string; readonly place: Place }> {
  const main = await job.main({ ...world.byKey, ...inputs })
  expect([main.exitCode, main.errors, main.warnings]).toEqual([0, [], []])
  world.standIn.forget()
  // AssumeRole's own answer names the session by its role, every other service by its being
  // assumed.
  const arn = (main.outputs.get('arn') ?? '').replace(':role/', ':assumed-role/')
  return { arn, place: { standIn: world.standIn, home: job.home, env: Object.fromEntries(job.env) } }
}

const versionOf = (answer: Answer): string => ('version' in answer ? answer.version : '')

/** Everything that STS was asked has been signed by the session. */
function onlyBy(arn: string): void {
  const callers = world.standIn.requests.map(({ action, caller }) => [action, caller])
  for (const caller of callers) expect(caller).toEqual(['GetCallerIdentity', arn])
}

for (const [key, program] of Object.entries(PROGRAMS) as [ProgramName, Program][]) {
  const title = program.missing === undefined ? program.name : `${program.name} (${program.missing})`
  const expired = EXPIRED[key]
  ;(program.missing === undefined ? describe : describe.skip)(title, () => {
    test('uses the session', async () => {
      const { arn, place } = await handOn(EVERY_TOOL)
      const byVariables = await program.ask(place)
      expect(byVariables).toEqual({ arn, version: expect.stringMatching(/^\d+\.\d+\.\d+/) })
      onlyBy(arn)

      if (program.byProfile !== undefined) {
        job.remove()
        job = startJob({ standIn: world.standIn })
        const other = await handOn(PROFILE_ALONE)
        expect(other.place.env).toEqual({})
        expect(await program.ask({ ...other.place, env: program.byProfile.env ?? {} })).toEqual({
          arn,
          version: versionOf(byVariables),
        })
        onlyBy(arn)
      }
      keepResult(key, {
        version: versionOf(byVariables),
        variables: program.byVariables,
        profile: program.byProfile?.how ?? 'no',
        expired: expired === undefined ? '' : `\`${expired}\``,
      })
    })

    if (expired !== undefined)
      test('says that the session has expired', async () => {
        const { place } = await handOn({ ...EVERY_TOOL, 'role-duration-seconds': '900' })
        world.standIn.advanceClock(900)
        expect(await program.ask(place)).toEqual({ error: expect.stringContaining(expired) })
      })

    // Else what is said of these would prove nothing.
    if (WRITE_OBJECTS.includes(key))
      test('is refused by the stand-in for OSS with a wrong secret, and without the token', async () => {
        const { place } = await handOn(EVERY_TOOL)
        const changed = (names: readonly string[], value: string): Place => ({
          ...place,
          env: { ...place.env, ...Object.fromEntries(names.map((name) => [name, value])) },
        })
        const wrong = await program.ask(changed(['ALICLOUD_SECRET_KEY', 'OSS_ACCESS_KEY_SECRET'], 'wrong'))
        expect(wrong).toEqual({ error: expect.stringContaining('SignatureDoesNotMatch') })
        const bare = await program.ask(changed(['ALICLOUD_SECURITY_TOKEN', 'OSS_SESSION_TOKEN'], ''))
        expect(bare).toEqual({ error: expect.stringContaining('AccessDenied') })
      })

    test('finds nothing after post', async () => {
      const { place } = await handOn({ ...EVERY_TOOL, profile: 'ci' })
      for (const post of await job.posts()) expect([post.exitCode, post.warnings]).toEqual([0, []])
      const env = { ...Object.fromEntries(job.env), ...program.byProfile?.env }
      expect(await program.ask({ ...place, env })).toEqual({ error: expect.any(String) })
      expect(world.standIn.requests.filter(({ caller }) => caller !== undefined)).toEqual([])
    })
  })
}

;(PROGRAMS.cli.missing === undefined ? describe : describe.skip)(
  `aliyun configure${PROGRAMS.cli.missing === undefined ? '' : ` (${PROGRAMS.cli.missing})`}`,
  () => {
    test('lists the profile as current and valid, and gets it back', async () => {
      const { place } = await handOn(PROFILE_ALONE)
      const list = await runIn(place, 'aliyun', ['configure', 'list'])
      expect(list.stdout).toMatch(/^ci \*\s*\| StsToken:\S+\s*\| Valid\s*\| cn-hangzhou\s*\|/m)
      const get = await runIn(place, 'aliyun', ['configure', 'get'])
      expect(JSON.parse(get.stdout)).toMatchObject({ name: 'ci', mode: 'StsToken', region_id: 'cn-hangzhou' })
    })

    // The CLI reads the file into its own structures and writes all of it anew: other bytes, the
    // same meaning.
    describe('rewrites the file between main and post', () => {
      const configure = async (...args: readonly string[]): Promise<void> => {
        const place = { standIn: world.standIn, home: job.home, env: {} }
        expect((await runIn(place, 'aliyun', ['configure', ...args])).exitCode).toBe(0)
      }
      const setKey = async (profile: string): Promise<void> =>
        configure(
          'set',
          '--profile',
          profile,
          ...'--mode AK --region cn-beijing --access-key-id LTAIown --access-key-secret own'.split(' '),
        )
      const config = (): { current: string; profiles: { name: string; mode: string }[] } =>
        JSON.parse(readFileSync(job.configFile, 'utf8')) as ReturnType<typeof config>
      const names = (): string[] => config().profiles.map(({ name }) => name)
      const takeBack = async (): Promise<void> => {
        for (const post of await job.posts()) expect([post.exitCode, post.warnings]).toEqual([0, []])
        expect(readdirSync(dirname(job.configFile)).filter((name) => name.includes('.ci-'))).toEqual([])
        // Exit code 0 says little: the CLI has it for a file that it cannot read, too.
        const place = { standIn: world.standIn, home: job.home, env: {} }
        expect((await runIn(place, 'aliyun', ['configure', 'list'])).stdout).not.toMatch(/ERROR/)
      }

      test('configure set of another profile, which becomes the current one and stays', async () => {
        await setKey('mine')
        await handOn({ profile: 'ci' })
        expect(config().current).toBe('ci')
        await setKey('other')
        expect(config()).toMatchObject({
          current: 'other',
          profiles: [{}, { name: 'mine' }, { name: 'ci', mode: 'StsToken' }, { name: 'other' }],
        })
        await takeBack()
        expect([config().current, names()]).toEqual(['other', ['default', 'mine', 'other']])
      })

      test("configure set of the step's own profile: its keys are still this step's", async () => {
        await setKey('mine')
        await handOn({ profile: 'ci' })
        await configure('set', '--profile', 'ci', '--region', 'cn-shanghai')
        expect(config().profiles.at(-1)).toMatchObject({
          name: 'ci',
          mode: 'StsToken',
          region_id: 'cn-shanghai',
        })
        await takeBack()
        expect([config().current, names()]).toEqual(['mine', ['default', 'mine']])
      })

      test("configure set in the place of the step's own profile: it is the user's, and stays", async () => {
        await setKey('mine')
        await handOn({ profile: 'ci' })
        await setKey('ci')
        await takeBack()
        expect([config().current, config().profiles.at(-1)]).toMatchObject(['ci', { name: 'ci', mode: 'AK' }])
      })

      test("configure delete of the step's own profile: nothing comes back", async () => {
        await setKey('mine')
        const before = names()
        await handOn({ profile: 'ci' })
        await configure('delete', '--profile', 'ci')
        await takeBack()
        expect(names()).toEqual(before)
        expect(names()).toContain(config().current)
      })

      test('configure set of a profile that the step covers: what was covered comes back all the same', async () => {
        await setKey('mine')
        await handOn({ profile: 'mine' })
        await setKey('other')
        await takeBack()
        expect(config().profiles.find(({ name }) => name === 'mine')).toMatchObject({
          mode: 'AK',
          access_key_id: 'LTAIown',
        })
      })
    })
  },
)
