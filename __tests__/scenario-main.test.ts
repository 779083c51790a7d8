import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { hashOf } from '../src/handover/state.js'
import { dirname } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { NODES, type Job, type JobOptions, type StepResult } from './support/job.js'
import { useJobs, useWorld } from './support/set-up.js'
import { ACCOUNT, DEPLOY_ROLE, OIDC_ROLE } from './support/world.js'

const world = useWorld()
const startJob = useJobs(world)
let job: Job

const SESSION_NAME = 'GitHubActions-octo-org-octo-repo-1234567890'

/** The step's own session, as a later step has it. */
function sessionIn({ env }: Pick<StepResult, 'env'>): { id: string; secret: string; token: string } {
  const value = (name: string): string => env.get(name) ?? ''
  return {
    id: value('ALIBABA_CLOUD_ACCESS_KEY_ID'),
    secret: value('ALIBABA_CLOUD_ACCESS_KEY_SECRET'),
    token: value('ALIBABA_CLOUD_SECURITY_TOKEN'),
  }
}

describe.each(NODES)('on %s', (node) => {
  const newJob = (options: Partial<JobOptions> = {}): Job => (job = startJob({ node, ...options }))

  test('an access key assumes a role: these are all the masks, requests, variables, outputs, state and log lines', async () => {
    newJob()
    const main = await job.main(world.byKey)
    const { id, secret, token } = sessionIn(main)

    expect(main.exitCode).toBe(0)
    expect(main.stderr).toBe('')
    expect(main.masks).toEqual([
      world.key.accessKeyId,
      world.key.accessKeySecret,
      world.standIn.issuer.requestToken,
      id,
      secret,
      token,
    ])
    const expiration = main.outputs.get('expiration') ?? ''
    expect(main.log.split('\n')).toEqual([
      `##[group]Alibaba Cloud identity: ${DEPLOY_ROLE}/${SESSION_NAME}`,
      `Account:   ${ACCOUNT}`,
      'Region:    cn-hangzhou',
      'Source:    the access key of the inputs',
      `Expires:   ${expiration} (in 60 minutes)`,
      expect.stringMatching(/^RequestId: [0-9A-F-]{36}$/),
      'Exported:  the ALIBABA_CLOUD_*, ALIBABACLOUD_* and ALICLOUD_* variables',
      'When the job ends: the variables are restored.',
      '##[endgroup]',
      '',
    ])

    expect([...main.env]).toEqual([
      ['ALIBABA_CLOUD_ACCESS_KEY_ID', id],
      ['ALIBABA_CLOUD_ACCESS_KEY_SECRET', secret],
      ['ALIBABA_CLOUD_SECURITY_TOKEN', token],
      ['ALIBABACLOUD_ACCESS_KEY_ID', id],
      ['ALIBABACLOUD_ACCESS_KEY_SECRET', secret],
      ['ALIBABACLOUD_SECURITY_TOKEN', token],
      ['ALICLOUD_ACCESS_KEY', id],
      ['ALICLOUD_SECRET_KEY', secret],
      ['ALICLOUD_SECURITY_TOKEN', token],
      ['ALIBABA_CLOUD_REGION_ID', 'cn-hangzhou'],
      ['ALIBABA_CLOUD_REGION', 'cn-hangzhou'],
      ['ALICLOUD_REGION', 'cn-hangzhou'],
      ['ALIBABACLOUD_REGION_ID', 'cn-hangzhou'],
    ])
    expect(id).toMatch(/^STS\./)
    expect([...main.outputs]).toEqual([
      ['account-id', ACCOUNT],
      ['arn', `${DEPLOY_ROLE}/${SESSION_NAME}`],
      ['role-session-name', SESSION_NAME],
      ['expiration', expiration],
      ['credential-source', 'access-key'],
      ['region', 'cn-hangzhou'],
    ])
    expect(expiration).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    expect(JSON.parse(main.state.get('state') ?? '')).toEqual({
      version: 2,
      cleanup: true,
      variables: Object.fromEntries(
        [...main.env].map(([name, value]) => [name, { before: '', exported: hashOf(value) }]),
      ),
    })
    expect(main.summary).toBe('')

    expect(
      world.standIn.requests.map(({ service, method, action, status }) => [service, method, action, status]),
    ).toEqual([['sts', 'POST', 'AssumeRole', 200]])
    expect(world.standIn.requests[0]?.query).toEqual({
      RoleArn: DEPLOY_ROLE,
      RoleSessionName: SESSION_NAME,
      DurationSeconds: '3600',
    })
    expect(world.standIn.requests[0]?.headers.authorization).toMatch(/^ACS3-HMAC-SHA256 /)
  })

  test('an OIDC token is masked before it is sent to STS, and travels in the body', async () => {
    newJob()
    const main = await job.main({
      ...world.byOidc,
      'role-duration-seconds': '7200',
      'role-session-name': 'nightly build #7',
    })
    const { id, secret, token } = sessionIn(main)
    const [issued, assumed] = world.standIn.requests

    expect(main.exitCode).toBe(0)
    const oidcToken = assumed?.form.OIDCToken ?? ''
    expect(main.masks).toEqual([world.standIn.issuer.requestToken, oidcToken, id, secret, token])
    expect(issued?.query.audience).toBe('sts.aliyuncs.com')
    expect(assumed).toMatchObject({ action: 'AssumeRoleWithOIDC', query: {}, status: 200 })
    expect(world.standIn.assumptions).toMatchObject([
      { roleArn: OIDC_ROLE, durationSeconds: 7200, roleSessionName: 'nightly-build--7', signer: undefined },
    ])
    expect(main.outputs.get('role-session-name')).toBe('nightly-build--7')
    expect(main.outputs.get('credential-source')).toBe('oidc')
    expect(main.log).toContain('Source:    the OIDC token of this job')
    expect(main.log).toContain('(in 120 minutes)')
  })

  test('the profile on a clean home is what the aliyun CLI would write, byte for byte', async () => {
    newJob()
    const main = await job.main({ ...world.byKey, profile: 'ci', 'set-current-profile': 'false' })
    const { id, secret, token } = sessionIn(main)
    const fields = [
      ['name', 'ci'],
      ['mode', 'StsToken'],
      ['access_key_id', id],
      ['access_key_secret', secret],
      ['sts_token', token],
      ['region_id', 'cn-hangzhou'],
      ['output_format', 'json'],
      ['language', 'en'],
      ['site', 'china'],
    ].map(([name, value]) => `\t\t\t"${name ?? ''}": "${value ?? ''}"`)
    expect(readFileSync(job.configFile, 'utf8')).toBe(
      `{\n\t"current": "ci",\n\t"profiles": [\n\t\t{\n${fields.join(',\n')}\n\t\t}\n\t],\n\t"meta_path": ""\n}`,
    )
    // Windows has no mode bits.
    if (process.platform !== 'win32') expect(statSync(job.configFile).mode & 0o777).toBe(0o600)
    expect(main.outputs.get('profile')).toBe('ci')
    expect(main.log).toContain(`Profile:   "ci" in ${job.configFile}`)
  })

  test('every export, every output and every session option can be requested at once', async () => {
    newJob()
    const main = await job.main({
      ...world.byKey,
      'export-for': 'oss, packer\nserverless-devs',
      'output-credentials': 'TRUE',
      'mask-account-id': 'true',
      'role-external-id': 'x-1',
      'source-identity': 'octocat',
      'inline-session-policy':
        '{\n  "Version": "1",\n  "Statement": [ { "Effect": "Allow", "Action": "oss:*", "Resource": "*" } ]\n}',
      'allowed-account-ids': `999, ${ACCOUNT}`,
    })
    const { id, secret, token } = sessionIn(main)
    expect(main.exitCode).toBe(0)
    expect([...main.env].slice(13)).toEqual([
      ['OSS_ACCESS_KEY_ID', id],
      ['OSS_ACCESS_KEY_SECRET', secret],
      ['OSS_SESSION_TOKEN', token],
      ['OSS_REGION', 'cn-hangzhou'],
      ['SECURITY_TOKEN', token],
      [
        'default_serverless_devs_key',
        JSON.stringify({
          AccountID: ACCOUNT,
          AccessKeyID: id,
          AccessKeySecret: secret,
          SecurityToken: token,
        }),
      ],
      ['serverless_devs_access_cicd_alias_name', 'default_serverless_devs_key'],
    ])
    expect([...main.outputs].slice(-6)).toEqual([
      ['access-key-id', id],
      ['access-key-secret', secret],
      ['security-token', token],
      ['aliyun-access-key-id', id],
      ['aliyun-access-key-secret', secret],
      ['aliyun-security-token', token],
    ])
    expect(main.masks).toContain(ACCOUNT)
    expect(main.stdout.replaceAll(`::add-mask::${ACCOUNT}`, '')).not.toContain(ACCOUNT)
    expect(world.standIn.assumptions).toMatchObject([
      {
        externalId: 'x-1',
        sourceIdentity: 'octocat',
        policy: '{"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:*","Resource":"*"}]}',
      },
    ])
  })

  test('without a region, no region variable is exported, and no empty value', async () => {
    newJob()
    const main = await job.main({ ...world.byKey, region: ' ', 'export-for': 'oss' })
    expect(main.exitCode).toBe(0)
    expect([...main.env.keys()].filter((name) => name.includes('REGION'))).toEqual([])
    expect([...main.env.values()]).not.toContain('')
    expect(main.outputs.has('region')).toBe(false)
  })

  test('if only outputs are requested, nothing is exported and post restores nothing', async () => {
    newJob()
    const main = await job.main({
      ...world.byKey,
      'export-environment-variables': 'false',
      'output-credentials': 'true',
    })
    expect(main.env.size).toBe(0)
    expect(main.outputs.get('access-key-id')).toMatch(/^STS\./)
    expect(main.warnings).toEqual([])
    const [post] = await job.posts()
    expect(post?.env.size).toBe(0)
    expect(post?.stdout).toBe('')
  })

  test('a step that passes on nothing warns', async () => {
    newJob()
    const main = await job.main({ ...world.byKey, 'export-environment-variables': 'false' })
    expect(main.exitCode).toBe(0)
    expect(main.warnings).toEqual([expect.stringMatching(/^This step passes no credentials on/)])
  })

  test('a temporary key without a role is passed on after GetCallerIdentity has verified it', async () => {
    newJob()
    const session = world.standIn.issueSession({ roleArn: DEPLOY_ROLE, roleSessionName: 'earlier' })
    const main = await job.main({
      ...world.byKey,
      'role-to-assume': '',
      'access-key-id': session.accessKeyId,
      'access-key-secret': session.accessKeySecret,
      'security-token': session.securityToken,
    })
    expect(main.exitCode).toBe(0)
    expect(sessionIn(main)).toEqual({
      id: session.accessKeyId,
      secret: session.accessKeySecret,
      token: session.securityToken,
    })
    expect(world.standIn.requests.map(({ action, status }) => [action, status])).toEqual([
      ['GetCallerIdentity', 200],
    ])
    expect(main.outputs.get('arn')).toBe(`acs:ram::${ACCOUNT}:assumed-role/deploy/earlier`)
    expect(main.outputs.has('expiration')).toBe(false)
    expect(main.outputs.has('role-session-name')).toBe(false)
  })

  test('a temporary key can assume a role', async () => {
    newJob()
    const session = world.standIn.issueSession({ roleArn: OIDC_ROLE, roleSessionName: 'earlier' })
    const main = await job.main({
      ...world.byKey,
      'access-key-id': session.accessKeyId,
      'access-key-secret': session.accessKeySecret,
      'security-token': ` ${session.securityToken}\n`,
    })
    expect(main.exitCode).toBe(0)
    expect(world.standIn.assumptions).toMatchObject([{ roleArn: DEPLOY_ROLE, signer: session.accessKeyId }])
  })

  test('all input errors are reported in one message, before any request, without a secret', async () => {
    newJob()
    const main = await job.main({
      ...world.byKey,
      'access-key-secret': 'abc def',
      'role-duration-seconds': '12h',
      'role-to-assume': 'deploy',
      'sts-endpoint': 'http://sts.aliyuncs.com',
      cleanup: 'yes',
      profile: 'ci',
      region: '',
    })
    expect(main.exitCode).toBe(1)
    expect(main.errors).toEqual([
      [
        '6 inputs need a change:',
        '- role-to-assume: got "deploy", the name of a role without its account. Accepted: acs:ram::<account ID>:role/<role name>; the name alone only with oidc-provider-arn, which gives the account.',
        '- access-key-secret: white space or a character outside ASCII within the value (not shown, since it is secret). Accepted: the value as RAM or STS issued it.',
        '- role-duration-seconds: got "12h". Accepted: a whole number of seconds from 900 to 43200.',
        '- region: nothing given. Accepted: a region ID such as cn-hangzhou: the aliyun CLI refuses a profile without a region.',
        '- sts-endpoint: got "http://sts.aliyuncs.com". Accepted: a host such as sts.cn-hangzhou.aliyuncs.com, or its https URL without path, query and user; http only for a loopback address.',
        '- cleanup: got "yes". Accepted: true or false.',
        '',
        'More: `docs/troubleshooting.md`',
      ].join('\n'),
    ])
    expect(world.standIn.requests).toEqual([])
    expect([main.env.size, main.outputs.size, main.state.size]).toEqual([0, 0, 0])
  })

  test('a misspelt input is an error, because a misspelt safety input would protect nothing', async () => {
    newJob()
    const main = await job.main(world.byKey, { 'INPUT_ALLOWED-ACCOUNT-ID': '42', 'INPUT_FETCH-DEPTH': '1' })
    expect(main.exitCode).toBe(1)
    expect(main.errors).toEqual([
      'allowed-account-id: this action has no such input. Accepted: the name allowed-account-ids.\n\nMore: `docs/troubleshooting.md`',
    ])
    expect(world.standIn.requests).toEqual([])
  })

  test('the name of a role alone gets the account of oidc-provider-arn', async () => {
    newJob()
    const main = await job.main({ ...world.byOidc, 'role-to-assume': OIDC_ROLE.split('/')[1] ?? '' })
    expect(main.exitCode).toBe(0)
    expect(world.standIn.assumptions).toMatchObject([{ roleArn: OIDC_ROLE }])
  })

  test.each([
    ['a broken file', '{"current": '],
    ['a file of another kind', '[]'],
    ['an empty file', ''],
  ])(
    '%s instead of config.json stops the step before any request; it is named and left as it is',
    async (_, text) => {
      newJob()
      mkdirSync(dirname(job.configFile))
      writeFileSync(job.configFile, text)
      const main = await job.main({ ...world.byKey, profile: 'ci' })
      expect(main.exitCode).toBe(1)
      expect(main.errors).toEqual([expect.stringContaining(job.configFile)])
      expect(readFileSync(job.configFile, 'utf8')).toBe(text)
      expect(world.standIn.requests).toEqual([])
      expect(main.env.size).toBe(0)
    },
  )

  test('if STS refuses the role, there is one request, and nothing is exported, written or set', async () => {
    newJob()
    const main = await job.main({
      ...world.byKey,
      'role-to-assume': `acs:ram::${ACCOUNT}:role/absent`,
      profile: 'ci',
    })
    expect(main.exitCode).toBe(1)
    expect(main.errors).toEqual([expect.stringContaining('EntityNotExist.Role')])
    expect(world.standIn.requests).toHaveLength(1)
    expect([main.env.size, main.outputs.size]).toEqual([0, 0])
    expect(() => statSync(job.configFile)).toThrow('ENOENT')
  })

  test('an account that is not allowed fails the step before anything is exported', async () => {
    newJob()
    const main = await job.main({
      ...world.byKey,
      'allowed-account-ids': '42,43',
      profile: 'ci',
      'output-credentials': 'true',
    })
    expect(main.exitCode).toBe(1)
    expect(main.errors).toEqual([expect.stringMatching(new RegExp(`account ${ACCOUNT}.*42, 43`))])
    expect([main.env.size, main.outputs.size]).toEqual([0, 0])
    expect(() => statSync(job.configFile)).toThrow('ENOENT')
  })

  test('outside a runner (no GITHUB_ENV) the step fails instead of printing credentials', async () => {
    newJob()
    const main = await job.main(world.byKey, { GITHUB_ENV: '' })
    expect(main.exitCode).toBe(1)
    expect(main.errors).toEqual([expect.stringMatching(/^GITHUB_ENV does not name a file/)])
    expect(world.standIn.requests).toEqual([])
  })
})
