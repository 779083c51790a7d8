import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { NODES, startJob, type Job, type StepInputs } from './support/job.js'
import { DEPLOY_ROLE, startWorld, type World } from './support/world.js'

let world: World
let job: Job

beforeAll(async () => {
  world = await startWorld()
})
afterAll(async () => {
  await world.standIn.close()
})
afterEach(() => {
  job.remove()
})

/** A developer's own profile, as the CLI keeps it on a self-hosted runner. */
const profileFile = (fields: object): string =>
  JSON.stringify({ current: 'mine', profiles: [{ name: 'mine', ...fields }], meta_path: '' })
const STALE = {
  mode: 'AK',
  access_key_id: 'LTAIusersOwnKey00001',
  access_key_secret: 'usersOwnSecret000001',
  region_id: 'cn-hangzhou',
}

const FROM_ENVIRONMENT: StepInputs = {
  'credential-source': 'environment',
  'access-key-id': '',
  'access-key-secret': '',
  'role-to-assume': '',
}
const PROFILE: StepInputs = { profile: 'ci' }
const OUTPUTS_ALONE: StepInputs = { 'export-environment-variables': 'false', 'output-credentials': 'true' }

describe.each(NODES)('on %s', (node) => {
  const warningsOf = async (
    inputs: StepInputs,
    env: Record<string, string>,
    config?: string,
  ): Promise<readonly string[]> => {
    job = startJob({ standIn: world.standIn, node, env })
    if (config !== undefined) {
      mkdirSync(dirname(job.configFile))
      writeFileSync(job.configFile, config)
    }
    const main = await job.main({ ...world.byKey, ...inputs })
    expect([main.exitCode, main.errors]).toEqual([0, []])
    // The last thing that is read must be that it worked.
    expect(main.stdout.trimEnd().split('\n').at(-1)).toBe('::endgroup::')
    expect(`${main.stdout}${main.stderr}`).not.toContain('usersOwn')
    return main.warnings
  }

  test.each([
    ['variables', {}],
    ['variables and a profile', PROFILE],
    ['everything', { ...PROFILE, 'output-credentials': 'true', 'export-for': 'oss packer serverless-devs' }],
    ['outputs alone', OUTPUTS_ALONE],
  ] as [string, StepInputs][])('an ordinary run with %s gives no warning', async (_, inputs) => {
    expect(await warningsOf(inputs, {})).toEqual([])
  })

  test.each([
    [
      'a current profile with a key of its own',
      {},
      STALE,
      /^The aliyun CLI's current profile "mine" \(mode AK\) takes precedence over/,
    ],
    [
      'a current profile that assumes a role',
      {},
      { mode: 'EcsRamRole', ram_role_name: 'x', region_id: 'x' },
      /\(mode EcsRamRole\) takes precedence/,
    ],
    [
      'a current profile with another region',
      {},
      { mode: '', region_id: 'eu-central-1' },
      /has the region eu-central-1, .*cn-hangzhou\./,
    ],
    [
      'a variable that names a profile',
      { ALIBABA_CLOUD_PROFILE: 'mine' },
      STALE,
      /^ALIBABA_CLOUD_PROFILE names the profile "mine"/,
    ],
    [
      'a role for Terraform',
      { ALIBABA_CLOUD_ROLE_ARN: 'acs:ram::1:role/x' },
      undefined,
      /^ALIBABA_CLOUD_ROLE_ARN names a role: Terraform/,
    ],
    ["ossutil's variables", { OSS_ACCESS_KEY_ID: 'LTAIx' }, undefined, /^OSS_ACCESS_KEY_ID: ossutil/],
    ["Packer's variable", { SECURITY_TOKEN: 'CAISx' }, undefined, /^SECURITY_TOKEN: Packer will use/],
    [
      "Serverless Devs' variables",
      { AccountID: '1', AccessKeyID: 'x', AccessKeySecret: '' },
      undefined,
      /Serverless Devs prefers these/,
    ],
  ] as [string, Record<string, string>, object | undefined, RegExp][])(
    '%s is warned about',
    async (_, env, config, warning) => {
      const warnings = await warningsOf({}, env, config === undefined ? undefined : profileFile(config))
      expect(warnings).toEqual([expect.stringMatching(warning)])
    },
  )

  test('the credentials of the CLI written in Python are warned about, but not if there is a config.json', async () => {
    job = startJob({ standIn: world.standIn, node })
    const folder = join(job.home, '.aliyuncli')
    mkdirSync(folder)
    writeFileSync(join(folder, 'credentials'), '[default]\naliyun_access_key_secret = usersOwnSecret\n')
    const { warnings } = await job.main(world.byKey)
    expect(warnings).toEqual([
      expect.stringMatching(/\.aliyuncli.credentials holds a key of the earlier CLI/),
    ])
    expect((await job.main({ ...world.byKey, ...PROFILE })).warnings).toEqual([])
  })

  test('a key of the environment that is passed on as it is conflicts with nothing', async () => {
    const { accessKeyId, accessKeySecret, securityToken } = world.standIn.issueSession({
      roleArn: DEPLOY_ROLE,
      roleSessionName: 'earlier',
    })
    const env = {
      ACCESS_KEY_ID: accessKeyId,
      ACCESS_KEY_SECRET: accessKeySecret,
      SECURITY_TOKEN: securityToken,
    }
    job = startJob({ standIn: world.standIn, node, env })
    const main = await job.main({ ...world.byKey, ...FROM_ENVIRONMENT })
    expect([main.exitCode, main.warnings]).toEqual([0, []])
  })

  test("the suggested fixes work: this step's own profile, its variables, ALIBABA_CLOUD_IGNORE_PROFILE=TRUE", async () => {
    expect(await warningsOf(PROFILE, {}, profileFile(STALE))).toEqual([])
    job.remove()
    expect(
      await warningsOf(
        { 'export-for': 'oss,packer' },
        { OSS_ACCESS_KEY_ID: 'LTAIx', SECURITY_TOKEN: 'CAISx' },
      ),
    ).toEqual([])
    job.remove()
    expect(await warningsOf({}, { ALIBABA_CLOUD_IGNORE_PROFILE: 'TRUE' }, profileFile(STALE))).toEqual([])
  })

  test('a config.json that the CLI cannot read is warned about, and does not affect the variables', async () => {
    const warnings = await warningsOf({}, {}, '{"current": "usersOwn')
    expect(warnings).toEqual([expect.stringMatching(/^The aliyun CLI may fail in this job\. .*config\.json/)])
    job.remove()
    expect(await warningsOf({}, { HOME: '' })).toEqual([])
  })
})
