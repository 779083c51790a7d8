import { beforeEach, describe, expect, test } from '@jest/globals'
import { NODES, type Job, type StepInputs } from './support/job.js'
import { useJobs, useWorld } from './support/set-up.js'
import { ACCOUNT, DEPLOY_ROLE, OIDC_ROLE, PROVIDER_ARN } from './support/world.js'

/** The families of variables that hold a key, in the aliyun CLI's order: ID, secret, token. */
const FAMILIES = [
  ['ALIBABA_CLOUD_ACCESS_KEY_ID', 'ALIBABA_CLOUD_ACCESS_KEY_SECRET', 'ALIBABA_CLOUD_SECURITY_TOKEN'],
  ['ALIBABACLOUD_ACCESS_KEY_ID', 'ALIBABACLOUD_ACCESS_KEY_SECRET', 'ALIBABACLOUD_SECURITY_TOKEN'],
  ['ALICLOUD_ACCESS_KEY_ID', 'ALICLOUD_ACCESS_KEY_SECRET', 'ALICLOUD_SECURITY_TOKEN'],
  ['ACCESS_KEY_ID', 'ACCESS_KEY_SECRET', 'SECURITY_TOKEN'],
] as const

interface Key {
  readonly accessKeyId: string
  readonly accessKeySecret: string
  readonly securityToken?: string
}

const world = useWorld()
const startJob = useJobs(world)
let job: Job
let common: StepInputs
/** A session that something before this step has got. */
let temporary: Required<Key>

beforeEach(() => {
  common = { region: 'cn-hangzhou', 'sts-endpoint': world.standIn.sts.url }
  temporary = world.standIn.issueSession({ roleArn: OIDC_ROLE, roleSessionName: 'earlier' })
})

/** Variables of a family that hold a key. */
function holding(
  { accessKeyId, accessKeySecret, securityToken }: Key,
  family: readonly string[] = FAMILIES[0],
): Record<string, string> {
  const [id = '', secret = '', token = ''] = family
  return {
    [id]: accessKeyId,
    [secret]: accessKeySecret,
    ...(securityToken === undefined ? {} : { [token]: securityToken }),
  }
}

const calls = (): unknown[] =>
  world.standIn.requests.map(({ action, accessKeyId, status }) => [action, accessKeyId, status])

describe.each(NODES)('on %s', (node) => {
  const newJob = (env: Record<string, string>): Job => (job = startJob({ node, env }))

  test('a long-lived key in the environment assumes a role', async () => {
    newJob(holding(world.key))
    const main = await job.main({
      ...common,
      'credential-source': 'environment',
      'role-to-assume': DEPLOY_ROLE,
    })
    expect([main.exitCode, main.errors, main.warnings]).toEqual([0, [], []])
    expect(calls()).toEqual([['AssumeRole', world.key.accessKeyId, 200]])
    expect(main.outputs.get('credential-source')).toBe('environment')
    expect(main.log).toContain("Source:    the key in the job's environment")
    expect(main.masks).toEqual(expect.arrayContaining(Object.values(world.key)))
    const [post] = await job.posts()
    expect(post?.env.get('ALIBABA_CLOUD_ACCESS_KEY_ID')).toBe(world.key.accessKeyId)
  })

  test('a temporary key in the environment assumes a role', async () => {
    newJob(holding(temporary))
    const main = await job.main({
      ...common,
      'credential-source': 'environment',
      'role-to-assume': DEPLOY_ROLE,
    })
    expect([main.exitCode, main.errors, main.warnings]).toEqual([0, [], []])
    expect(calls()).toEqual([['AssumeRole', temporary.accessKeyId, 200]])
  })

  test('a temporary key without a role is passed on under every name after GetCallerIdentity has verified it', async () => {
    newJob(holding(temporary, FAMILIES[1]))
    const main = await job.main({ ...common, 'credential-source': 'environment', 'export-for': 'oss' })
    expect([main.exitCode, main.errors, main.warnings]).toEqual([0, [], []])
    expect(calls()).toEqual([['GetCallerIdentity', temporary.accessKeyId, 200]])
    expect(main.env.get('OSS_SESSION_TOKEN')).toBe(temporary.securityToken)
    expect(main.env.get('ALICLOUD_ACCESS_KEY')).toBe(temporary.accessKeyId)
    expect(main.outputs.get('arn')).toBe(`acs:ram::${ACCOUNT}:assumed-role/deploy-oidc/earlier`)
    expect(main.outputs.has('expiration')).toBe(false)
    expect(main.masks).toEqual(
      expect.arrayContaining([temporary.accessKeyId, temporary.accessKeySecret, temporary.securityToken]),
    )
  })

  test('a temporary key that STS rejects is not passed on', async () => {
    newJob(holding({ ...temporary, securityToken: temporary.securityToken.slice(0, -8) }))
    const main = await job.main({ ...common, 'credential-source': 'environment' })
    expect(main.errors).toEqual([expect.stringContaining('InvalidSecurityToken.Malformed')])
    expect([main.exitCode, main.env.size, main.outputs.size]).toEqual([1, 0, 0])
    expect(calls()).toHaveLength(1)
  })

  test('a long-lived key without a role is an error before any request', async () => {
    newJob(holding(world.key))
    const main = await job.main({ ...common, 'credential-source': 'environment' })
    expect(main.errors).toEqual([
      expect.stringMatching(/^role-to-assume: nothing given with a long-lived access key/),
    ])
    expect(calls()).toEqual([])
  })

  test('an environment without a key is an error that names the variables', async () => {
    newJob({
      ALIBABA_CLOUD_ACCESS_KEY_ID: world.key.accessKeyId,
      ALIBABACLOUD_ACCESS_KEY_SECRET: world.key.accessKeySecret,
    })
    const main = await job.main({
      ...common,
      'credential-source': 'environment',
      'role-to-assume': DEPLOY_ROLE,
    })
    expect(main.errors).toEqual([
      expect.stringMatching(/^credential-source: .* holds no key\. .*ALIBABA_CLOUD_ACCESS_KEY_ID/),
    ])
    expect(calls()).toEqual([])
  })

  test("the first complete set of variables is used, in the CLI's order, without another set's token", async () => {
    newJob({})
    const other = {
      accessKeyId: 'LTAIofAnother',
      accessKeySecret: 'secretOfAnother',
      securityToken: 'tokenOfAnother',
    }
    for (const [index, family] of FAMILIES.entries()) {
      const env = {
        // Before it a half, behind it a whole one.
        ...Object.fromEntries(
          FAMILIES.slice(0, index).flatMap(([id, , token]) => [
            [id, 'LTAIhalf'],
            [token, 'tokenOfNobody'],
          ]),
        ),
        ...Object.assign({}, ...FAMILIES.slice(index + 1).map((later) => holding(other, later))),
        ...holding({ ...world.key, accessKeySecret: ` ${world.key.accessKeySecret}\n` }, family),
      } as Record<string, string>
      const inputs = {
        ...common,
        'credential-source': 'environment',
        'role-to-assume': DEPLOY_ROLE,
        'export-environment-variables': 'false',
      }
      const main = await job.main({ ...inputs, 'output-credentials': 'true' }, env)
      expect([family, main.exitCode, main.errors]).toEqual([family, 0, []])
    }
    expect(calls()).toEqual(FAMILIES.map(() => ['AssumeRole', world.key.accessKeyId, 200]))
  })

  test('role-chaining: true means the environment, as in the official action', async () => {
    newJob({})
    const first = await job.main(world.byOidc)
    expect(first.exitCode).toBe(0)
    world.standIn.forget()
    const inputs: StepInputs = {
      ...common,
      'role-chaining': 'true',
      'role-to-assume': DEPLOY_ROLE,
      'role-session-expiration': '1800',
    }
    const alone = await job.main(inputs)
    expect([alone.exitCode, alone.errors, alone.warnings]).toEqual([0, [], []])
    expect(world.standIn.assumptions).toMatchObject([
      { signer: first.env.get('ALIBABA_CLOUD_ACCESS_KEY_ID'), roleArn: DEPLOY_ROLE, durationSeconds: 1800 },
    ])
    const beside = await job.main({ ...inputs, 'oidc-provider-arn': PROVIDER_ARN })
    expect([beside.exitCode, beside.errors]).toEqual([0, []])
    expect(beside.warnings).toEqual([
      expect.stringMatching(/^role-chaining: true .* oidc-provider-arn is not used\./),
    ])
    expect(world.standIn.requests.map(({ service, action }) => [service, action])).toEqual([
      ['sts', 'AssumeRole'],
      ['sts', 'AssumeRole'],
    ])
  })

  test('credentials in the environment are ignored unless credential-source asks for them', async () => {
    const full = {
      ...Object.assign({}, ...FAMILIES.map((family) => holding(temporary, family))),
      ALICLOUD_ACCESS_KEY: world.key.accessKeyId,
      ALICLOUD_SECRET_KEY: world.key.accessKeySecret,
      ALIBABA_CLOUD_ROLE_ARN: OIDC_ROLE,
      ALIBABA_CLOUD_OIDC_PROVIDER_ARN: PROVIDER_ARN,
      ALIBABA_CLOUD_OIDC_TOKEN_FILE: '/dev/null',
      ALIBABA_CLOUD_ECS_METADATA: 'role',
      ALIBABA_CLOUD_CREDENTIALS_URI: 'http://127.0.0.1:1/',
    } as Record<string, string>
    newJob(full)
    for (const inputs of [common, { ...common, 'role-to-assume': DEPLOY_ROLE }]) {
      const main = await job.main(inputs)
      expect(main.errors).toEqual([expect.stringMatching(/^credential-source: no source is given\./)])
      expect([main.exitCode, main.env.size]).toEqual([1, 0])
    }
    expect(world.standIn.requests).toEqual([])
  })

  test("a region in the environment is not taken for this step's region", async () => {
    newJob({
      ...holding(world.key),
      ALIBABA_CLOUD_REGION_ID: 'eu-central-1',
      ALICLOUD_REGION: 'eu-central-1',
    })
    const main = await job.main({
      ...common,
      region: '',
      'credential-source': 'environment',
      'role-to-assume': DEPLOY_ROLE,
    })
    expect([main.exitCode, main.errors]).toEqual([0, []])
    expect(main.outputs.has('region')).toBe(false)
    expect([...main.env.values()]).not.toContain('eu-central-1')
  })
})
