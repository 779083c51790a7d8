import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { example, HAS_ACT, NODES, runWorkflow } from './act.js'
import { ACCOUNT, PRODUCTION, STAGING, startAccounts, type Accounts } from './accounts.js'
import { arnIn, configOf, credentialVariables, deployIn, EMPTIED, ownerConfig, variablesOf } from './sights.js'

let accounts: Accounts
beforeAll(async () => {
  accounts = await startAccounts()
})
beforeEach(() => {
  accounts.standIn.forget()
})
afterAll(async () => accounts.standIn.close())

const describeWithAct = HAS_ACT ? describe : describe.skip

describeWithAct('the examples, run by act', () => {
  test.each(['oidc.yml', 'node24.yml'].flatMap((name) => NODES.map((node) => [name, node] as const)))('%s on %s', async (name, node) => {
    const run = await runWorkflow(accounts, { '.github/workflows/deploy.yml': example(name) }, { node })
    const deploy = run.sight('deploy.sh')
    expect(run).toMatchObject({ exitCode: 0, hosts: ['sts.cn-hangzhou.aliyuncs.com:443'], config: undefined })
    expect(deploy.identity).toBe(deployIn(ACCOUNT))
    expect(credentialVariables(deploy)).toEqual(variablesOf(deploy, 'cn-hangzhou'))
    expect(deploy.config).toBeUndefined()
    expect(run.ends.map(credentialVariables)).toEqual([EMPTIED])
    expect(run.ends[0]?.identity).toBeUndefined()
    expect(run.log).not.toMatch(/::warning|deprecat|DEP0\d/i)
  })

  test.each(NODES)('access-key.yml on %s', async (node) => {
    const config = ownerConfig(accounts.key)
    const secrets = { ALIBABA_CLOUD_ACCESS_KEY_ID: accounts.key.accessKeyId, ALIBABA_CLOUD_ACCESS_KEY_SECRET: accounts.key.accessKeySecret }
    const run = await runWorkflow(accounts, { '.github/workflows/deploy.yml': example('access-key.yml') }, { node, secrets, config })
    const aliyun = run.sight('aliyun')
    const { current, profiles } = configOf(aliyun.config)
    expect(run.exitCode).toBe(0)
    expect(aliyun.args).toEqual(['oss', 'cp', '--recursive', 'site', 'oss://my-site'])
    expect(aliyun.identity).toBe(deployIn(ACCOUNT))
    expect(current).toBe('ci')
    expect(profiles.map(({ name, mode }) => [name, mode])).toEqual([
      ['owner', 'AK'],
      ['ci', 'StsToken'],
    ])
    expect(profiles[1]?.access_key_id).toBe(aliyun.env.ALIBABA_CLOUD_ACCESS_KEY_ID)
    expect(accounts.standIn.assumptions.map(({ durationSeconds }) => durationSeconds)).toEqual([900])
    expect(run.config).toBe(config)
    expect(run.ends.map(({ identity }) => identity)).toEqual([`acs:ram::${ACCOUNT}:user/ci`])
  })

  test('role-chain.yml', async () => {
    const run = await runWorkflow(accounts, { '.github/workflows/deploy.yml': example('role-chain.yml') })
    const deploy = run.sight('deploy.sh')
    expect(run.exitCode).toBe(0)
    expect(deploy.identity).toBe(deployIn(PRODUCTION))
    expect(credentialVariables(deploy)).toEqual(variablesOf(deploy, 'cn-hangzhou'))
    expect(accounts.standIn.assumptions).toMatchObject([
      { action: 'AssumeRoleWithOIDC', roleArn: `acs:ram::${STAGING}:role/ci`, durationSeconds: 900 },
      { action: 'AssumeRole', roleArn: `acs:ram::${PRODUCTION}:role/deploy`, durationSeconds: 3600 },
    ])
    expect(run.ends.map(credentialVariables)).toEqual([EMPTIED])
  })

  test('two-accounts.yml', async () => {
    const run = await runWorkflow(
      accounts,
      { '.github/workflows/deploy.yml': example('two-accounts.yml') },
      { config: ownerConfig(accounts.key) },
    )
    const deploy = run.sight('deploy.sh')
    expect(run.exitCode).toBe(0)
    expect(run.hosts).toEqual(['sts.cn-hangzhou.aliyuncs.com:443', 'sts.cn-shanghai.aliyuncs.com:443'])
    expect(run.sight('aliyun').identity).toBe(deployIn(STAGING))
    expect(deploy.identity).toBe(deployIn(PRODUCTION))
    expect(credentialVariables(deploy)).toEqual({ ALIBABA_CLOUD_PROFILE: 'production' })
    expect(configOf(deploy.config).profiles.map(({ name, region_id: region }) => [name, region])).toEqual([
      ['owner', 'cn-beijing'],
      ['staging', 'cn-hangzhou'],
      ['production', 'cn-shanghai'],
    ])
    expect(run.ends.map(credentialVariables)).toEqual([{}])
  })

  test.each([undefined, 'owner'])('one-after-the-other.yml, in a home whose profile is %s', async (owner) => {
    const config = owner === undefined ? {} : { config: ownerConfig(accounts.key) }
    const own = owner === undefined ? [] : [owner]
    // The job's own region is what the first step covers.
    const files = { '.github/workflows/deploy.yml': `${example('one-after-the-other.yml')}env:\n  ALICLOUD_REGION: eu-central-1\n` }
    const run = await runWorkflow(accounts, files, config)
    const [staging, production] = run.sights
    if (staging === undefined || production === undefined) throw new Error(run.log)
    expect(run.exitCode).toBe(0)
    expect([staging.args, production.args]).toEqual([['staging'], ['production']])
    expect([staging.identity, production.identity]).toEqual([deployIn(STAGING), deployIn(PRODUCTION)])
    expect(credentialVariables(staging)).toEqual(variablesOf(staging, 'cn-hangzhou'))
    expect(credentialVariables(production)).toEqual(variablesOf(production, 'cn-shanghai'))
    expect(configOf(staging.config)).toMatchObject({ current: 'staging', profiles: [...own, 'staging'].map((name) => ({ name })) })
    expect(configOf(production.config)).toMatchObject({
      current: 'production',
      profiles: [...own, 'staging', 'production'].map((name) => ({ name })),
    })
    expect(run.ends.map(credentialVariables)).toEqual([{ ...EMPTIED, ALICLOUD_REGION: 'eu-central-1' }])
  })

  test.each([false, true])('matrix.yml, both jobs at once, with a profile each: %s', async (withProfile) => {
    const profile = withProfile ? '\n          profile: account-${{ matrix.account }}' : ''
    const met = meeting(2)
    const run = await runWorkflow(
      accounts,
      { '.github/workflows/deploy.yml': example('matrix.yml').replace('region: ${{ matrix.region }}', `$&${profile}`) },
      { config: ownerConfig(accounts.key), answer: ({ program }) => (program === 'deploy.sh' ? met().then(() => ({})) : {}) },
    )
    const jobs = run.sights.filter(({ program }) => program === 'deploy.sh')
    expect(run.exitCode).toBe(0)
    expect(jobs.map(({ identity, env }) => [identity, env.ALIBABA_CLOUD_REGION_ID]).sort()).toEqual([
      [deployIn(STAGING), 'cn-hangzhou'],
      [deployIn(PRODUCTION), 'eu-central-1'],
    ])
    expect([...run.hosts].sort()).toEqual(['sts.cn-hangzhou.aliyuncs.com:443', 'sts.eu-central-1.aliyuncs.com:443'])
    expect(configOf(run.config).profiles.map(({ name }) => name)).toEqual(['owner'])
    expect(run.ends.map(credentialVariables)).toEqual([EMPTIED, EMPTIED])
  })

  test('outputs.yml', async () => {
    const run = await runWorkflow(accounts, { '.github/workflows/deploy.yml': example('outputs.yml') })
    const logIn = run.sight('log-in.sh')
    const [id, secret, token] = [logIn.env.ACCESS_KEY_ID, logIn.env.ACCESS_KEY_SECRET, logIn.env.SECURITY_TOKEN]
    expect(run.exitCode).toBe(0)
    expect(id).toBe(accounts.standIn.assumptions[0]?.accessKeyId)
    expect(accounts.standIn.secrets()).toEqual(expect.arrayContaining([secret, token]))
    expect(credentialVariables(logIn)).toEqual({})
    const [account, arn, expiration, ...more] = run.sight('report.sh').args
    expect([account, arn, more]).toEqual([ACCOUNT, arnIn(ACCOUNT), []])
    expect(expiration).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  })

  test('token-file.yml', async () => {
    const token = await accounts.standIn.issuer.mint({ sub: 'deployer', aud: 'sts.aliyuncs.com' })
    const run = await runWorkflow(
      accounts,
      { '.github/workflows/deploy.yml': example('token-file.yml') },
      { answer: ({ program }) => (program === 'ask-for-oidc-token.sh' ? { stdout: token } : {}) },
    )
    expect(run.exitCode).toBe(0)
    expect(run.sight('deploy.sh').identity).toBe(deployIn(ACCOUNT))
    expect(accounts.standIn.assumptions).toMatchObject([{ caller: 'deployer' }])
    expect(accounts.standIn.requests.filter(({ service }) => service === 'issuer')).toEqual([])
    expect(run.log).not.toContain('::warning')
  })

  test('cleanup-false.yml', async () => {
    const run = await runWorkflow(
      accounts,
      { '.github/workflows/deploy.yml': example('cleanup-false.yml') },
      { config: ownerConfig(accounts.key), leavesHome: true },
    )
    expect(run.exitCode).toBe(0)
    expect(run.config).toBe(run.sight('start-backup.sh').config)
    expect(configOf(run.config)).toMatchObject({ current: 'owner', profiles: [{ name: 'owner' }, { name: 'backup', mode: 'StsToken' }] })
    expect(configOf(run.config).profiles[1]?.access_key_id).toBe(accounts.standIn.assumptions[0]?.accessKeyId)
    expect(run.ends.map(credentialVariables)).toEqual([{}])
  })

  test.each(NODES)('composite/ on %s', async (node) => {
    const run = await runWorkflow(
      accounts,
      {
        '.github/workflows/deploy.yml': example('composite/deploy.yml'),
        '.github/actions/alibaba-cloud/action.yml': example('composite/action.yml'),
      },
      { node },
    )
    const deploy = run.sight('deploy.sh')
    expect(run.exitCode).toBe(0)
    expect(run.sight('check-quota.sh').identity).toBe(deployIn(ACCOUNT))
    expect(deploy.identity).toBe(deployIn(ACCOUNT))
    expect(deploy.args).toEqual([arnIn(ACCOUNT)])
    expect(configOf(deploy.config).current).toBe('ci')
    expect(run.ends.map(credentialVariables)).toEqual([EMPTIED])
    expect(run.ends[0]?.config).toBeUndefined()
  })

  test('reusable/', async () => {
    const run = await runWorkflow(
      accounts,
      { '.github/workflows/deploy.yml': example('reusable/deploy.yml'), '.github/workflows/release.yml': example('reusable/release.yml') },
      { workflow: 'release.yml' },
    )
    const report = run.sight('report.sh')
    expect(run.exitCode).toBe(0)
    expect(run.sight('deploy.sh').identity).toBe(deployIn(ACCOUNT))
    expect(report.args).toEqual([arnIn(ACCOUNT)])
    expect(credentialVariables(report)).toEqual({})
    expect(run.ends.map(credentialVariables)).toEqual([EMPTIED, {}])
  })
})

/** A promise for each of so many callers, kept when the last has come. */
function meeting(size: number): () => Promise<void> {
  let open = (): void => undefined
  const all = new Promise<void>((done) => (open = done))
  let count = 0
  return async () => {
    count += 1
    if (count === size) open()
    return all
  }
}
