import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { startOss } from '../../stand-in/oss.js'
import {
  asForGithub,
  example,
  EXAMPLES_FOLDER,
  HAS_ACT,
  NODES,
  runWorkflow,
  type RunOptions,
  type WorkflowRun,
} from './act.js'
import {
  ACCOUNT,
  ISSUERS,
  PRODUCTION,
  SERVICE_ACCOUNT,
  STAGING,
  startAccounts,
  type Accounts,
} from './accounts.js'
import type { EcsJob } from './ecs-job.js'
import {
  arnIn,
  configOf,
  credentialVariables,
  deployIn,
  EMPTIED,
  ownerConfig,
  variablesOf,
} from './sights.js'

let accounts: Accounts
beforeAll(async () => {
  accounts = await startAccounts()
})
beforeEach(() => {
  accounts.standIn.forget()
})
afterAll(async () => accounts.standIn.close())

const describeWithAct = HAS_ACT ? describe : describe.skip

/** Runs an example as the repository's only workflow. */
async function runExample(name: string, options: RunOptions = {}): Promise<WorkflowRun> {
  return runWorkflow(accounts, { '.github/workflows/deploy.yml': asForGithub(example(name)) }, options)
}

/** The secrets that examples of access keys ask for. */
function keySecrets(): Record<string, string> {
  const { accessKeyId, accessKeySecret } = accounts.key
  return { ALIBABA_CLOUD_ACCESS_KEY_ID: accessKeyId, ALIBABA_CLOUD_ACCESS_KEY_SECRET: accessKeySecret }
}

/**
 * Runs an example if the jobs' tokens come from another issuer than GitHub's own, with other
 * claims.
 */
async function runAt(
  name: string,
  issuer: string,
  claims: Readonly<Record<string, string>> = {},
): Promise<WorkflowRun> {
  const elsewhere = await startAccounts(issuer)
  Object.assign(elsewhere.standIn.issuer.claims, claims)
  try {
    return await runWorkflow(elsewhere, { '.github/workflows/deploy.yml': asForGithub(example(name)) })
  } finally {
    await elsewhere.standIn.close()
  }
}

/** The SHA by which an example pins an action. */
function pinOf(action: string, name: string): string {
  const pin = new RegExp(`uses: ${action}@([0-9a-f]{40}) # v`).exec(example(name))?.[1]
  if (pin === undefined) throw new Error(`${name} does not pin ${action}`)
  return pin
}

/** Where the composite action and the reusable workflow are. */
const OTHER_REPOSITORY = `octo-org/ci@${pinOf('octo-org/ci/alibaba-cloud', 'composite/deploy.yml')}`

const CLI_ARCHIVE =
  'https://github.com/aliyun/aliyun-cli/releases/download/v3.4.11/aliyun-cli-linux-3.4.11-amd64.tgz'
const TERRAFORM_ARCHIVE = 'https://releases.hashicorp.com/terraform/1.11.4/terraform_1.11.4_linux_amd64.zip'

/** Which examples are not run, and why. They are linted all the same. */
const NOT_RUN: Readonly<Record<string, string>> = {
  'container-job.yml': 'act runs a job in a container by Docker only',
}

const SOURCE = readFileSync(import.meta.filename, 'utf8')
const EXAMPLES = readdirSync(EXAMPLES_FOLDER).filter((name) => name.endsWith('.yml'))

test.each(EXAMPLES.filter((name) => !(name in NOT_RUN)))('%s has a test below', (name) => {
  expect(SOURCE).toMatch(new RegExp(`(xample\\(|runAt\\(|each\\(\\[.*)\\s*'${name}'`))
})

test('README.md lists each example, and says which are not run', () => {
  const rows = example('README.md')
    .split('\n')
    .filter((line) => line.startsWith('| ['))
  const listed = rows.flatMap((row) => [...row.matchAll(/\]\(([^)]+)\)/g)].map((match) => match[1] ?? ''))
  const all = readdirSync(EXAMPLES_FOLDER, { recursive: true, encoding: 'utf8' })
  expect(listed.toSorted()).toEqual(all.filter((name) => /\.(yml|tf)$/.test(name)).toSorted())
  const notRun = rows.filter((row) => row.endsWith(' - |')).map((row) => /\]\(([^)]+)\)/.exec(row)?.[1])
  expect(notRun.toSorted()).toEqual(Object.keys(NOT_RUN).toSorted())
})

test('what is not run is there', () => {
  expect(EXAMPLES).toEqual(expect.arrayContaining(Object.keys(NOT_RUN)))
})

const TERRAFORM = spawnSync('sh', ['-c', 'command -v terraform'], { encoding: 'utf8' }).stdout.trim()

describeWithAct('the examples, run by act', () => {
  test.each(['oidc.yml', 'node24.yml'].flatMap((name) => NODES.map((node) => [name, node] as const)))(
    '%s on %s',
    async (name, node) => {
      const run = await runWorkflow(accounts, { '.github/workflows/deploy.yml': example(name) }, { node })
      const deploy = run.sight('deploy.sh')
      expect(run).toMatchObject({
        exitCode: 0,
        hosts: ['sts.cn-hangzhou.aliyuncs.com:443'],
        config: undefined,
      })
      expect(deploy.identity).toBe(deployIn(ACCOUNT))
      expect(credentialVariables(deploy)).toEqual(variablesOf(deploy, 'cn-hangzhou'))
      expect(deploy.config).toBeUndefined()
      expect(run.ends.map(credentialVariables)).toEqual([EMPTIED])
      expect(run.ends[0]?.identity).toBeUndefined()
      expect(run.log).not.toMatch(/::warning|deprecat|DEP0\d/i)
    },
  )

  test.each(NODES)('access-key.yml on %s', async (node) => {
    const config = ownerConfig(accounts.key)
    const run = await runExample('access-key.yml', { node, secrets: keySecrets(), config })
    const aliyun = run.sight('aliyun')
    const { current, profiles } = configOf(aliyun.config)
    expect(run.exitCode).toBe(0)
    expect(run.downloads).toEqual([CLI_ARCHIVE])
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
    const files = {
      '.github/workflows/deploy.yml': `${example('one-after-the-other.yml')}env:\n  ALICLOUD_REGION: eu-central-1\n`,
    }
    const run = await runWorkflow(accounts, files, config)
    const [staging, production] = run.sights
    if (staging === undefined || production === undefined) throw new Error(run.log)
    expect(run.exitCode).toBe(0)
    expect([staging.args, production.args]).toEqual([['staging'], ['production']])
    expect([staging.identity, production.identity]).toEqual([deployIn(STAGING), deployIn(PRODUCTION)])
    expect(credentialVariables(staging)).toEqual(variablesOf(staging, 'cn-hangzhou'))
    expect(credentialVariables(production)).toEqual(variablesOf(production, 'cn-shanghai'))
    expect(configOf(staging.config)).toMatchObject({
      current: 'staging',
      profiles: [...own, 'staging'].map((name) => ({ name })),
    })
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
      {
        '.github/workflows/deploy.yml': example('matrix.yml').replace(
          'region: ${{ matrix.region }}',
          `$&${profile}`,
        ),
      },
      {
        config: ownerConfig(accounts.key),
        answer: ({ program }) => (program === 'deploy.sh' ? met().then(() => ({})) : {}),
      },
    )
    const jobs = run.sights.filter(({ program }) => program === 'deploy.sh')
    expect(run.exitCode).toBe(0)
    expect(jobs.map(({ identity, env }) => [identity, env.ALIBABA_CLOUD_REGION_ID]).sort()).toEqual([
      [`acs:ram::${STAGING}:assumed-role/deploy/1-staging`, 'cn-hangzhou'],
      [`acs:ram::${PRODUCTION}:assumed-role/deploy/1-production`, 'eu-central-1'],
    ])
    expect([...run.hosts].sort()).toEqual([
      'sts.cn-hangzhou.aliyuncs.com:443',
      'sts.eu-central-1.aliyuncs.com:443',
    ])
    expect(configOf(run.config).profiles.map(({ name }) => name)).toEqual(['owner'])
    expect(run.ends.map(credentialVariables)).toEqual([EMPTIED, EMPTIED])
  })

  test('outputs.yml', async () => {
    const run = await runWorkflow(accounts, { '.github/workflows/deploy.yml': example('outputs.yml') })
    const logIn = run.sight('log-in.sh')
    const [id, secret, token] = [
      logIn.env.ACCESS_KEY_ID,
      logIn.env.ACCESS_KEY_SECRET,
      logIn.env.SECURITY_TOKEN,
    ]
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
    expect(configOf(run.config)).toMatchObject({
      current: 'owner',
      profiles: [{ name: 'owner' }, { name: 'backup', mode: 'StsToken' }],
    })
    expect(configOf(run.config).profiles[1]?.access_key_id).toBe(accounts.standIn.assumptions[0]?.accessKeyId)
    expect(run.ends.map(credentialVariables)).toEqual([{}])
  })

  test.each(NODES)('composite/ on %s', async (node) => {
    const run = await runWorkflow(
      accounts,
      {
        '.github/workflows/deploy.yml': example('composite/deploy.yml'),
      },
      {
        node,
        repositories: { [OTHER_REPOSITORY]: { 'alibaba-cloud/action.yml': example('composite/action.yml') } },
      },
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
      { '.github/workflows/release.yml': example('reusable/release.yml') },
      {
        workflow: 'release.yml',
        repositories: {
          [OTHER_REPOSITORY]: { '.github/workflows/deploy.yml': example('reusable/deploy.yml') },
        },
      },
    )
    const report = run.sight('report.sh')
    expect(run.exitCode).toBe(0)
    expect(run.sight('deploy.sh').identity).toBe(deployIn(ACCOUNT))
    expect(report.args).toEqual([arnIn(ACCOUNT)])
    expect(credentialVariables(report)).toEqual({})
    expect(run.ends.map(credentialVariables)).toEqual([EMPTIED, {}])
  })

  test('aliyun-cli.yml, which installs the CLI by itself', async () => {
    const run = await runExample('aliyun-cli.yml')
    const aliyun = run.sight('aliyun')
    expect(run.exitCode).toBe(0)
    expect(run.downloads).toEqual([CLI_ARCHIVE])
    expect(aliyun.identity).toBe(deployIn(ACCOUNT))
    expect(credentialVariables(aliyun)).toEqual(variablesOf(aliyun, 'cn-hangzhou'))
    expect(aliyun.workspace.filter((path) => /aliyun|tgz/.test(path))).toEqual([])
  })

  test.each(['aliyun-cli.yml', 'terraform.yml'])(
    '%s: an archive of another checksum is not installed',
    async (name) => {
      const run = await runExample(name, { fitChecksums: false })
      expect(run.exitCode).toBe(1)
      expect(run.downloads).toHaveLength(1)
      expect(run.log).toMatch(/(aliyun\.tgz|terraform\.zip): FAILED/)
      expect(run.sights.map(({ program }) => program)).toEqual(['(end)'])
      // The credentials' step comes after the installation.
      expect(accounts.standIn.requests).toEqual([])
    },
  )

  test('self-hosted-keys.yml, both jobs at once', async () => {
    const config = ownerConfig(accounts.key)
    const met = meeting(2)
    // act does not know strategy.job-index.
    const written = example('self-hosted-keys.yml')
    expect(written).toContain('PROFILE: ci-${{ github.run_id }}-${{ strategy.job-index }}')
    const adapted = written.replace('strategy.job-index', 'matrix.bucket')
    const run = await runWorkflow(
      accounts,
      { '.github/workflows/deploy.yml': adapted },
      {
        config,
        secrets: keySecrets(),
        installed: ['aliyun'],
        answer: ({ program }) => (program === 'aliyun' ? met().then(() => ({})) : {}),
      },
    )
    const jobs = run.sights.filter(({ program }) => program === 'aliyun')
    expect(run.exitCode).toBe(0)
    expect(jobs.map(({ args }) => args.join(' ')).sort()).toEqual([
      '--profile ci-1-assets oss sync assets oss://my-assets',
      '--profile ci-1-downloads oss sync downloads oss://my-downloads',
    ])
    for (const { identity, config: during, env } of jobs) {
      expect(identity).toBe(deployIn(ACCOUNT))
      expect(configOf(during).current).toBe('owner')
      expect(env.ALIBABA_CLOUD_ACCESS_KEY_ID).toBeUndefined()
    }
    expect(run.config).toBe(config)
  })

  test('terraform.yml', async () => {
    const main = 'terraform/main.tf'
    const run = await runWorkflow(accounts, {
      '.github/workflows/deploy.yml': example('terraform.yml'),
      [main]: example(main),
    })
    const calls = run.sights.filter(({ program }) => program === 'terraform')
    expect(run.exitCode).toBe(0)
    expect(run.downloads).toEqual([TERRAFORM_ARCHIVE])
    expect(calls.map(({ args }) => args[0])).toEqual(['init', 'plan', 'apply'])
    for (const call of calls) {
      expect(call.cwd).toBe(`${call.env.GITHUB_WORKSPACE ?? ''}/terraform`)
      expect(credentialVariables(call)).toEqual(variablesOf(call, 'cn-hangzhou'))
    }
  })

  // Its providers are in no package registry: the resources are left out, and the backend writes
  // the state.
  ;(TERRAFORM === '' ? test.skip : test)(
    'terraform.yml, with Terraform itself and the backend of main.tf',
    async () => {
      const backend = /^ {2}backend "oss" \{[^}]*\}$/m.exec(example('terraform/main.tf'))?.[0] ?? ''
      const configuration = `terraform {\n${backend}\n}\nresource "terraform_data" "one" {\n  input = "value"\n}\n`
      const oss = await startOss(accounts.standIn)
      try {
        const run = await runWorkflow(
          accounts,
          { '.github/workflows/deploy.yml': example('terraform.yml'), 'terraform/main.tf': configuration },
          {
            downloaded: { terraform: TERRAFORM },
            env: { ALICLOUD_OSS_ENDPOINT: oss.url, CHECKPOINT_DISABLE: '1' },
            writes: /^terraform\/\.terraform/,
          },
        )
        expect([run.exitCode, run.exitCode === 0 ? '' : run.log]).toEqual([0, ''])
        expect(oss.objects.get('octo-org-terraform-state/octo-repo/terraform.tfstate')).toContain(
          'terraform_data',
        )
        expect(new Set(oss.requests.map(({ caller }) => caller))).toEqual(new Set([deployIn(ACCOUNT)]))
      } finally {
        await oss.close()
      }
    },
  )

  test('ack-rrsa.yml', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rrsa-'))
    const cluster = await startAccounts(ISSUERS['ack-rrsa-c0123456789'])
    try {
      const tokenFile = join(folder, 'token')
      writeFileSync(
        tokenFile,
        await cluster.standIn.issuer.mint({ sub: SERVICE_ACCOUNT, aud: 'sts.aliyuncs.com' }),
        { mode: 0o600 },
      )
      const written = example('ack-rrsa.yml')
      const place = '/var/run/secrets/ack.alibabacloud.com/rrsa-tokens/token'
      expect(written).toContain(place)
      // What ack-pod-identity-webhook gives the pod.
      const pod = {
        ALIBABA_CLOUD_ROLE_ARN: `acs:ram::${ACCOUNT}:role/deploy`,
        ALIBABA_CLOUD_OIDC_PROVIDER_ARN: `acs:ram::${ACCOUNT}:oidc-provider/ack-rrsa-c0123456789`,
        ALIBABA_CLOUD_OIDC_TOKEN_FILE: tokenFile,
      }
      const run = await runWorkflow(
        cluster,
        { '.github/workflows/deploy.yml': written.replace(place, tokenFile) },
        { env: pod },
      )
      const deploy = run.sight('deploy.sh')
      expect(run.exitCode).toBe(0)
      expect(deploy.identity).toBe(deployIn(ACCOUNT))
      expect(credentialVariables(deploy)).toEqual({
        ...variablesOf(deploy, 'cn-hangzhou'),
        ...Object.fromEntries(Object.keys(pod).map((name) => [name, ''])),
      })
      expect(cluster.standIn.assumptions).toMatchObject([{ caller: SERVICE_ACCOUNT }])
      expect(run.log).not.toContain('::warning')
    } finally {
      await cluster.standIn.close()
      rmSync(folder, { recursive: true })
    }
  })

  // Root of a private network may give itself the metadata service's address.
  const NAMESPACE = [
    '-rn',
    'sh',
    '-c',
    'ip link set lo up && ip address add 100.100.100.200/32 dev lo && exec "$0" "$@"',
  ] as const
  ;(spawnSync('unshare', [...NAMESPACE, 'true']).status === 0 ? test : test.skip)(
    'ecs-ram-role.yml',
    async () => {
      expect(example('ecs-ram-role.yml')).toContain('credential-source: ecs-ram-role')
      const driver = ['--import', 'tsx', join(import.meta.dirname, 'ecs-job.ts')]
      const child = spawn('unshare', [...NAMESPACE, process.execPath, ...driver], {
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
      if (stdout === '') throw new Error(stderr)
      const job = JSON.parse(stdout) as EcsJob
      const deploy = job.sights.find(({ program }) => program === 'deploy.sh')
      expect([job.exitCode, job.exitCode === 0 ? '' : job.log]).toEqual([0, ''])
      expect(job.metadata).toEqual(['Token', 'RoleName', 'Credentials'])
      expect(job.callers).toEqual([expect.stringContaining(`acs:ram::${ACCOUNT}:assumed-role/runner/`)])
      expect(job.hosts).toEqual(['sts-vpc.cn-hangzhou.aliyuncs.com:443'])
      expect(deploy?.identity).toBe(deployIn(ACCOUNT))
      expect(job.ends.map(credentialVariables)).toEqual([EMPTIED])
    },
  )

  describe('pull-requests.yml', () => {
    const pullRequest = (from: string, user = 'octocat'): NonNullable<RunOptions['event']> => ({
      name: 'pull_request',
      payload: {
        repository: {
          full_name: 'octo-org/octo-repo',
          name: 'octo-repo',
          owner: { login: 'octo-org' },
          default_branch: 'main',
        },
        pull_request: {
          number: 1,
          user: { login: user },
          head: { ref: 'topic', repo: { full_name: from } },
          base: { ref: 'main', repo: { full_name: 'octo-org/octo-repo' } },
        },
      },
    })

    test('of a branch: plans, as a role of its own', async () => {
      const { claims } = accounts.standIn.issuer
      claims.sub = 'repo:octo-org/octo-repo:pull_request'
      const run = await runExample('pull-requests.yml', { event: pullRequest('octo-org/octo-repo') }).finally(
        () => {
          Reflect.deleteProperty(claims, 'sub')
        },
      )
      expect([run.exitCode, run.exitCode === 0 ? '' : run.log]).toEqual([0, ''])
      expect(run.sights.map(({ program }) => program)).toEqual(['plan.sh', '(end)'])
      expect(accounts.standIn.assumptions).toMatchObject([
        { roleArn: `acs:ram::${ACCOUNT}:role/plan`, durationSeconds: 900 },
      ])
    })

    test.each([
      ['a fork', pullRequest('somebody/octo-repo')],
      ['Dependabot', pullRequest('octo-org/octo-repo', 'dependabot[bot]')],
    ])('of %s: nothing runs', async (_who, event) => {
      const run = await runExample('pull-requests.yml', { event })
      expect(run.exitCode).toBe(0)
      expect(run.sights).toEqual([])
      expect(accounts.standIn.requests).toEqual([])
    })

    test('a push: deploys', async () => {
      const run = await runExample('pull-requests.yml')
      expect(run.exitCode).toBe(0)
      expect(run.sight('deploy.sh').identity).toBe(deployIn(ACCOUNT))
    })
  })

  test('ghes.yml', async () => {
    const run = await runAt('ghes.yml', ISSUERS.ghes)
    expect(run.exitCode).toBe(0)
    expect(run.sight('deploy.sh').identity).toBe(deployIn(ACCOUNT))
    expect(run.ends.map(credentialVariables)).toEqual([EMPTIED])
  })

  // As it would be written for GitHub, since act is no runner of Forgejo or Gitea.
  test('forgejo.yml', async () => {
    const run = await runAt('forgejo.yml', ISSUERS.forgejo, {
      sub: 'repo:octo-org-1/octo-repo-2:ref:refs/heads/main',
    })
    expect(run.exitCode).toBe(0)
    expect(run.sight('deploy.sh').identity).toBe(deployIn(ACCOUNT))
    expect(run.ends.map(credentialVariables)).toEqual([EMPTIED])
  })

  test('gitea.yml', async () => {
    const run = await runExample('gitea.yml', { secrets: keySecrets() })
    expect(run.exitCode).toBe(0)
    expect(run.sight('deploy.sh').identity).toBe(deployIn(ACCOUNT))
    expect(accounts.standIn.assumptions).toMatchObject([
      { action: 'AssumeRole', caller: `acs:ram::${ACCOUNT}:user/ci` },
    ])
  })

  describe('acr-login.yml', () => {
    const DOCKER_LOGIN = `docker/login-action@${pinOf('docker/login-action', 'acr-login.yml')}`
    const ACR_LOGIN = `aliyun/acr-login@${pinOf('aliyun/acr-login', 'acr-login.yml')}`
    const REGISTRY = 'example-registry.cn-hangzhou.cr.aliyuncs.com'
    const PASSWORD = 'eyJ0aW1lIjoi:c3lub255bXM'
    const answerOfAcr = JSON.stringify({
      RequestId: 'E069EB86-E6AD-4A98-ADDE-0E993390239A',
      Code: 'success',
      IsSuccess: true,
      TempUsername: 'cr_temp_user',
      AuthorizationToken: PASSWORD,
    })
    const options = { installed: ['docker'], actions: [DOCKER_LOGIN, ACR_LOGIN] }

    test('logs in by the CLI, and by outputs, and out again', async () => {
      const run = await runExample('acr-login.yml', {
        ...options,
        answer: ({ program }) => ({ stdout: program === 'aliyun' ? answerOfAcr : '' }),
      })
      const [byCli, byOutputs] = [run.sight(DOCKER_LOGIN), run.sight(ACR_LOGIN)]
      expect([run.exitCode, run.exitCode === 0 ? '' : run.log]).toEqual([0, ''])
      expect(run.sight('aliyun')).toMatchObject({
        args: ['cr', 'GetAuthorizationToken', '--InstanceId', 'cri-0123456789abcdef'],
        identity: deployIn(ACCOUNT),
      })
      expect(byCli.env).toMatchObject({
        INPUT_REGISTRY: REGISTRY,
        INPUT_USERNAME: 'cr_temp_user',
        INPUT_PASSWORD: PASSWORD,
      })
      expect(run.log).not.toContain(PASSWORD)
      expect(byOutputs.env).toMatchObject({
        'INPUT_LOGIN-SERVER': `https://${REGISTRY}`,
        'INPUT_ACCESS-KEY-ID': expect.stringMatching(/^STS\./) as unknown,
        'INPUT_ACCESS-KEY-SECRET': expect.stringMatching(/./) as unknown,
        'INPUT_SECURITY-TOKEN': expect.stringMatching(/./) as unknown,
      })
      expect(credentialVariables(byOutputs)).toEqual({})
      expect(run.sights.filter(({ program }) => program === 'push-image.sh')).toHaveLength(2)
      expect(run.sight('docker').args).toEqual(['logout', `https://${REGISTRY}`])
    })

    test('an error of the CLI that ends with 0 fails the step', async () => {
      const run = await runExample('acr-login.yml', {
        ...options,
        answer: () => ({ stdout: 'ERROR: region can not be empty' }),
      })
      expect(run.exitCode).toBe(1)
      expect(run.sights.map(({ program }) => program)).not.toContain(DOCKER_LOGIN)
    })
  })

  describe('ack-kubeconfig.yml', () => {
    test('is gone when the job ends', async () => {
      let kubeconfig: unknown
      const run = await runExample('ack-kubeconfig.yml', {
        answer: ({ program, env }) => {
          if (program === 'roll-out.sh')
            kubeconfig = [
              readFileSync(env.KUBECONFIG ?? '', 'utf8'),
              (statSync(env.KUBECONFIG ?? '').mode & 0o777).toString(8),
            ]
          if (program === '(end)') expect(existsSync(join(env.RUNNER_TEMP ?? '', 'kubeconfig'))).toBe(false)
          return {
            stdout: program === 'aliyun' ? JSON.stringify({ config: 'apiVersion: v1\nkind: Config\n' }) : '',
          }
        },
      })
      expect([run.exitCode, run.exitCode === 0 ? '' : run.log]).toEqual([0, ''])
      expect(run.sight('aliyun').identity).toBe(deployIn(ACCOUNT))
      expect(kubeconfig).toEqual(['apiVersion: v1\nkind: Config\n\n', '600'])
      expect(run.ends).toHaveLength(1)
    })

    test('an error of the CLI that ends with 0 fails the step', async () => {
      const run = await runExample('ack-kubeconfig.yml', {
        answer: () => ({ stdout: 'ERROR: region can not be empty' }),
      })
      expect(run.exitCode).toBe(1)
      expect(run.sights.map(({ program }) => program)).not.toContain('roll-out.sh')
    })
  })

  test('smoke.yml', async () => {
    const inputs = {
      'oidc-provider-arn': `acs:ram::${ACCOUNT}:oidc-provider/github`,
      'role-to-assume': `acs:ram::${ACCOUNT}:role/deploy`,
      region: 'cn-hangzhou',
    }
    const run = await runExample('smoke.yml', {
      event: { name: 'workflow_dispatch', payload: { inputs } },
      answer: ({ identity }) => ({ stdout: JSON.stringify({ Arn: identity }) }),
    })
    expect([run.exitCode, run.exitCode === 0 ? '' : run.log]).toEqual([0, ''])
    expect(run.sight('aliyun')).toMatchObject({
      args: ['sts', 'GetCallerIdentity'],
      identity: deployIn(ACCOUNT),
    })
    for (const line of [arnIn(ACCOUNT), deployIn(ACCOUNT), 'until 20']) expect(run.log).toContain(line)
    expect(accounts.standIn.assumptions).toMatchObject([{ durationSeconds: 900 }])
  })

  test('long-job.yml, with sessions that end while it works', async () => {
    const lifetime = 8
    const role = `acs:ram::${ACCOUNT}:role/deploy`
    accounts.standIn.setSessionLifetime(role, lifetime)
    const run = await runWorkflow(
      accounts,
      { '.github/workflows/deploy.yml': example('long-job.yml'), 'terraform/main.tf': '' },
      {
        config: ownerConfig(accounts.key),
        installed: ['pip', 'python'],
        answer: async ({ program }) => {
          if (program === 'python') await delay(1.5 * lifetime * 1000)
          return {}
        },
      },
    )
    accounts.standIn.setSessionLifetime(role, undefined)
    expect([run.exitCode, run.exitCode === 0 ? '' : run.log]).toEqual([0, ''])
    const programs = run.sights.filter(({ program }) => ['python', 'aliyun', 'terraform'].includes(program))
    expect(programs.map(({ program, args }) => [program, args[0]])).toEqual([
      ['python', 'migrate.py'],
      ['aliyun', 'oss'],
      ['terraform', 'init'],
      ['terraform', 'apply'],
    ])
    const [first] = programs
    for (const sight of programs) {
      expect(sight.identity).toBe(deployIn(ACCOUNT))
      expect(sight.config).toBe(first?.config)
      expect(credentialVariables(sight)).toEqual({
        ALIBABA_CLOUD_CREDENTIALS_URI: configOf(first?.config).profiles[1]?.credentials_uri,
        ALIBABA_CLOUD_ECS_METADATA_DISABLED: 'true',
        ALICLOUD_SHARED_CREDENTIALS_FILE: expect.stringMatching(/\/credentials\.json$/),
        ALICLOUD_PROFILE: 'ci',
        ALIBABA_CLOUD_REGION_ID: 'cn-hangzhou',
        ALIBABA_CLOUD_REGION: 'cn-hangzhou',
        ALICLOUD_REGION: 'cn-hangzhou',
        ALIBABACLOUD_REGION_ID: 'cn-hangzhou',
      })
    }
    expect(configOf(first?.config)).toMatchObject({
      current: 'ci',
      profiles: [{ name: 'owner' }, { name: 'ci', mode: 'CredentialsURI' }],
    })
    expect(accounts.standIn.assumptions.length).toBeGreaterThan(3)
    expect(run.log).toMatch(/It renewed the credentials \d+ times/)
    expect(run.log).not.toContain('::warning')
    expect(Object.values(run.ends.map(credentialVariables)[0] ?? {}).filter((value) => value !== '')).toEqual(
      [],
    )
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
