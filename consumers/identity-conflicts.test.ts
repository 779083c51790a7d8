/**
 * One job, one identity: jobs that already hold what would make a program use another one. For
 * each, whom every program ends as, and that main warns exactly if that is not this step's
 * session.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { startJob, type Job, type StepInputs } from '../__tests__/support/job.js'
import { ACCOUNT, assumeRolePolicy, oidcTrust, PROVIDER_ARN, type World } from '../__tests__/support/world.js'
import { startRealWorld } from './network.js'
import { PROGRAMS, type Program, type ProgramName } from './programs.js'

const VARIABLES: StepInputs = {}
const PROFILE: StepInputs = { profile: 'ci', 'export-environment-variables': 'false' }
const BOTH: StepInputs = { profile: 'ci' }

const OTHER_ROLE = `acs:ram::${ACCOUNT}:role/other`
/** A key that an earlier identity left; STS knows it. */
const STALE = { id: 'LTAI5tStaleKey0000000001', secret: 'staleSecret00000000000000001' }

/**
 * Who a program ended as: this step's session, the earlier key's user, the role that it assumed by
 * itself, or nobody.
 */
type End = 'ours' | 'stale' | 'other role' | 'nobody'

interface Case {
  readonly name: string
  readonly inputs: StepInputs
  readonly env?: Readonly<Record<string, string>>
  /** The profile that is current before the step. */
  readonly current?: Readonly<Record<string, string>>
  /** The programs that do not end as this step's session. */
  readonly ends?: Partial<Record<ProgramName, End>>
  /** Beside those that find the variables or the profile in any case. */
  readonly also?: readonly ProgramName[]
  /**
   * What the one warning must name, if no program that runs here shows it: a version that is
   * older or newer.
   */
  readonly bySource?: RegExp
}

const MINE = {
  mode: 'AK',
  access_key_id: STALE.id,
  access_key_secret: STALE.secret,
  region_id: 'cn-hangzhou',
}
const MINE_BY_ROLE = { ...MINE, mode: 'RamRoleArn', ram_role_arn: OTHER_ROLE, ram_session_name: 'mine' }
const SDK_NAMES = ['go', 'node', 'python', 'java'] as const
const STATE_WRITERS = ['terraform', 'tofu'] as const
const ALWAYS: readonly ProgramName[] = [...SDK_NAMES, 'cli', ...STATE_WRITERS]

const all = (names: readonly ProgramName[], end: End): Partial<Record<ProgramName, End>> =>
  Object.fromEntries(names.map((name) => [name, end]))

let world: World
let job: Job
let tokenFile: string

/** Values that only the running world knows stand in the cases as words. */
const TOKEN_FILE = '<token file>'
const OTHER_FILE = '<other config.json>'

const OIDC = {
  ALIBABA_CLOUD_ROLE_ARN: OTHER_ROLE,
  ALIBABA_CLOUD_OIDC_PROVIDER_ARN: PROVIDER_ARN,
  ALIBABA_CLOUD_OIDC_TOKEN_FILE: TOKEN_FILE,
}
const KEY = (id: string, secret: string): Record<string, string> => ({
  [id]: STALE.id,
  [secret]: STALE.secret,
})

const CASES: readonly Case[] = [
  { name: 'variables, a clean home', inputs: VARIABLES },
  { name: 'profile, a clean home', inputs: PROFILE },

  { name: 'variables, a current profile', inputs: VARIABLES, current: MINE, ends: { cli: 'stale' } },
  { name: 'both, a current profile', inputs: BOTH, current: MINE },
  ...['ALIBABACLOUD_PROFILE', 'ALIBABA_CLOUD_PROFILE', 'ALICLOUD_PROFILE'].map((name): Case => {
    return {
      name: `variables, ${name}`,
      inputs: VARIABLES,
      current: MINE,
      env: { [name]: 'mine' },
      ends: { cli: 'stale' },
    }
  }),
  {
    name: 'profile, ALIBABACLOUD_PROFILE',
    inputs: PROFILE,
    current: MINE,
    env: { ALIBABACLOUD_PROFILE: 'mine' },
    ends: { cli: 'stale' },
  },
  {
    name: 'profile, ALIBABA_CLOUD_PROFILE',
    inputs: PROFILE,
    current: MINE,
    env: { ALIBABA_CLOUD_PROFILE: 'mine' },
    ends: { cli: 'stale', ...all(SDK_NAMES, 'stale') },
  },
  {
    name: 'profile, ALICLOUD_PROFILE',
    inputs: PROFILE,
    current: MINE,
    env: { ALICLOUD_PROFILE: 'mine' },
    ends: { cli: 'stale', ...all(STATE_WRITERS, 'stale') },
  },
  {
    name: 'variables, ALICLOUD_PROFILE of a profile that assumes a role',
    inputs: VARIABLES,
    current: MINE_BY_ROLE,
    env: { ALICLOUD_PROFILE: 'mine' },
    // The CLI takes the token from the variables, to the key that the profile has.
    ends: { cli: 'nobody', ...all(STATE_WRITERS, 'other role') },
  },
  {
    name: 'variables, the same, with ALIBABA_CLOUD_IGNORE_PROFILE',
    inputs: VARIABLES,
    current: MINE_BY_ROLE,
    env: { ALICLOUD_PROFILE: 'mine', ALIBABA_CLOUD_IGNORE_PROFILE: 'TRUE' },
    ends: all(STATE_WRITERS, 'other role'),
  },

  {
    name: 'variables, ALIBABA_CLOUD_IGNORE_PROFILE',
    inputs: VARIABLES,
    current: MINE,
    env: { ALIBABA_CLOUD_IGNORE_PROFILE: 'TRUE' },
  },
  {
    name: 'profile, ALIBABA_CLOUD_IGNORE_PROFILE',
    inputs: PROFILE,
    env: { ALIBABA_CLOUD_IGNORE_PROFILE: 'TRUE' },
    ends: { cli: 'nobody' },
  },
  {
    name: 'variables, ALIBABACLOUD_IGNORE_PROFILE',
    inputs: VARIABLES,
    current: MINE,
    env: { ALIBABACLOUD_IGNORE_PROFILE: 'TRUE' },
  },
  {
    name: 'profile, ALIBABACLOUD_IGNORE_PROFILE',
    inputs: PROFILE,
    env: { ALIBABACLOUD_IGNORE_PROFILE: 'TRUE' },
    ends: { cli: 'nobody' },
  },
  {
    name: 'profile, ALIBABA_CLOUD_CLI_PROFILE_DISABLED',
    inputs: PROFILE,
    env: { ALIBABA_CLOUD_CLI_PROFILE_DISABLED: 'true' },
    ends: all(SDK_NAMES, 'nobody'),
  },
  {
    name: 'variables, ALIBABA_CLOUD_CLI_PROFILE_DISABLED',
    inputs: VARIABLES,
    env: { ALIBABA_CLOUD_CLI_PROFILE_DISABLED: 'true' },
  },
  {
    name: 'profile, ALIBABA_CLOUD_CONFIG_FILE',
    inputs: PROFILE,
    env: { ALIBABA_CLOUD_CONFIG_FILE: OTHER_FILE },
    ends: { go: 'stale' },
  },
  {
    name: 'variables, ALIBABA_CLOUD_CONFIG_FILE',
    inputs: VARIABLES,
    env: { ALIBABA_CLOUD_CONFIG_FILE: OTHER_FILE },
  },
  {
    name: 'profile, ALICLOUD_SHARED_CREDENTIALS_FILE',
    inputs: PROFILE,
    env: { ALICLOUD_SHARED_CREDENTIALS_FILE: OTHER_FILE },
    ends: all(STATE_WRITERS, 'nobody'),
  },
  {
    name: 'profile, ALIBABA_CLOUD_CREDENTIALS_FILE',
    inputs: PROFILE,
    env: { ALIBABA_CLOUD_CREDENTIALS_FILE: OTHER_FILE },
    bySource: /Terraform/,
  },
  {
    name: 'variables, ALICLOUD_SHARED_CREDENTIALS_FILE',
    inputs: VARIABLES,
    env: { ALICLOUD_SHARED_CREDENTIALS_FILE: OTHER_FILE },
  },

  {
    name: 'variables, ALICLOUD_ACCESS_KEY',
    inputs: VARIABLES,
    env: KEY('ALICLOUD_ACCESS_KEY', 'ALICLOUD_SECRET_KEY'),
  },
  {
    name: 'variables, ALICLOUD_ACCESS_KEY_ID',
    inputs: VARIABLES,
    env: KEY('ALICLOUD_ACCESS_KEY_ID', 'ALICLOUD_ACCESS_KEY_SECRET'),
  },
  // The token comes from the profile all the same, and does not belong to the key.
  {
    name: 'profile, ALICLOUD_ACCESS_KEY',
    inputs: PROFILE,
    env: KEY('ALICLOUD_ACCESS_KEY', 'ALICLOUD_SECRET_KEY'),
    ends: all(STATE_WRITERS, 'nobody'),
  },
  {
    name: 'profile, ALICLOUD_ACCESS_KEY_ID',
    inputs: PROFILE,
    env: KEY('ALICLOUD_ACCESS_KEY_ID', 'ALICLOUD_ACCESS_KEY_SECRET'),
    ends: all(STATE_WRITERS, 'nobody'),
  },
  {
    name: 'profile, ALICLOUD_SECURITY_TOKEN',
    inputs: PROFILE,
    env: { ALICLOUD_SECURITY_TOKEN: 'CAISstale' },
    ends: all(STATE_WRITERS, 'nobody'),
  },
  {
    name: 'profile, ALIBABA_CLOUD_ACCESS_KEY_ID',
    inputs: PROFILE,
    env: KEY('ALIBABA_CLOUD_ACCESS_KEY_ID', 'ALIBABA_CLOUD_ACCESS_KEY_SECRET'),
    ends: all(SDK_NAMES, 'stale'),
  },
  {
    name: 'both, ALIBABA_CLOUD_ACCESS_KEY_ID',
    inputs: BOTH,
    env: KEY('ALIBABA_CLOUD_ACCESS_KEY_ID', 'ALIBABA_CLOUD_ACCESS_KEY_SECRET'),
  },

  {
    name: 'variables, ALIBABA_CLOUD_ROLE_ARN',
    inputs: VARIABLES,
    env: { ALIBABA_CLOUD_ROLE_ARN: OTHER_ROLE },
    bySource: /Terraform/,
  },
  {
    name: 'variables, ALICLOUD_ASSUME_ROLE_ARN',
    inputs: VARIABLES,
    env: { ALICLOUD_ASSUME_ROLE_ARN: OTHER_ROLE },
    ends: all(STATE_WRITERS, 'other role'),
  },
  { name: "variables, an OIDC token's variables", inputs: VARIABLES, env: OIDC, bySource: /Terraform/ },
  {
    name: "profile, an OIDC token's variables",
    inputs: PROFILE,
    env: OIDC,
    ends: all(SDK_NAMES, 'other role'),
  },
  {
    name: 'variables, ALIBABA_CLOUD_CREDENTIALS_URI',
    inputs: VARIABLES,
    env: { ALIBABA_CLOUD_CREDENTIALS_URI: 'http://127.0.0.1:9/' },
  },
  {
    name: 'profile, ALIBABA_CLOUD_CREDENTIALS_URI',
    inputs: PROFILE,
    env: { ALIBABA_CLOUD_CREDENTIALS_URI: 'http://127.0.0.1:9/' },
  },
  {
    name: 'variables, ALIBABA_CLOUD_PROFILE_MODE',
    inputs: VARIABLES,
    env: { ALIBABA_CLOUD_PROFILE_MODE: 'Anonymous' },
    ends: { cli: 'nobody' },
  },
  {
    name: 'profile, ALIBABA_CLOUD_PROFILE_MODE',
    inputs: PROFILE,
    env: { ALIBABA_CLOUD_PROFILE_MODE: 'Anonymous' },
  },

  {
    name: 'variables, OSS_*',
    inputs: VARIABLES,
    env: { ...KEY('OSS_ACCESS_KEY_ID', 'OSS_ACCESS_KEY_SECRET'), OSS_REGION: 'cn-hangzhou' },
    also: ['ossPython'],
    ends: { ossPython: 'stale' },
  },
  {
    name: 'variables and export-for: oss, OSS_*',
    inputs: { 'export-for': 'oss' },
    env: KEY('OSS_ACCESS_KEY_ID', 'OSS_ACCESS_KEY_SECRET'),
    also: ['ossPython'],
  },
  {
    name: 'variables and export-for: serverless-devs, AccountID',
    inputs: { 'export-for': 'serverless-devs' },
    env: { ...KEY('AccessKeyID', 'AccessKeySecret'), AccountID: ACCOUNT },
    also: ['serverlessDevs'],
    ends: { serverlessDevs: 'stale' },
  },
  {
    name: 'variables, default_serverless_devs_key',
    inputs: VARIABLES,
    env: {
      default_serverless_devs_key: JSON.stringify({
        AccountID: ACCOUNT,
        AccessKeyID: STALE.id,
        AccessKeySecret: STALE.secret,
      }),
      serverless_devs_access_cicd_alias_name: 'default_serverless_devs_key',
    },
    also: ['serverlessDevs'],
    ends: { serverlessDevs: 'stale' },
  },
]

const TRUSTS_ACCOUNT = [
  { Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { RAM: [`acs:ram::${ACCOUNT}:root`] } },
]

beforeAll(async () => {
  world = await startRealWorld()
  const { ram, issuer } = world.standIn
  ram.addUser({
    name: 'stale',
    policies: [assumeRolePolicy('*')],
    accessKey: { accessKeyId: STALE.id, accessKeySecret: STALE.secret },
  })
  ram.addRole({
    name: 'other',
    trustPolicy: {
      Version: '1',
      Statement: [...TRUSTS_ACCOUNT, ...(oidcTrust('*') as { Statement: object[] }).Statement],
    },
  })
  tokenFile = await issuer.mint({ aud: 'sts.aliyuncs.com' })
})
afterAll(async () => {
  await world.standIn.close()
})
afterEach(() => {
  job.remove()
})

test.each(CASES)('$name', async ({ inputs, env = {}, current, ends = {}, also = [], bySource }) => {
  job = startJob({ standIn: world.standIn })
  const place = (name: string, content: string): string => {
    const path = join(job.home, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content)
    return path
  }
  const words: Readonly<Record<string, string>> = {
    [TOKEN_FILE]: place('token', tokenFile),
    [OTHER_FILE]: place(
      'other.json',
      JSON.stringify({ current: 'mine', profiles: [{ name: 'mine', ...MINE }], meta_path: '' }),
    ),
  }
  const before = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, words[value] ?? value]))
  if (current !== undefined)
    place(
      '.aliyun/config.json',
      JSON.stringify({ current: 'mine', profiles: [{ name: 'mine', ...current }], meta_path: '' }),
    )

  const main = await job.main({ ...world.byKey, ...inputs }, before)
  expect([main.exitCode, main.errors]).toEqual([0, []])
  const ours = (main.outputs.get('arn') ?? '').replace(':role/', ':assumed-role/')
  const later = { ...before, ...Object.fromEntries(job.env) }

  const asked = ([...ALWAYS, ...also] as ProgramName[]).filter((name) => PROGRAMS[name].missing === undefined)
  const ended = await Promise.all(
    asked.map(
      async (name) =>
        [
          name,
          await endOf(PROGRAMS[name], ours, {
            ...(inputs === PROFILE ? PROGRAMS[name].byProfile?.env : {}),
            ...later,
          }),
        ] as const,
    ),
  )
  expect(Object.fromEntries(ended)).toEqual(
    Object.fromEntries(asked.map((name) => [name, ends[name] ?? 'ours'])),
  )

  const astray = Object.keys(ends) as ProgramName[]
  const mustName = [
    ...astray.map((name) => PROGRAMS[name].calledInWarnings),
    ...(bySource === undefined ? [] : [bySource]),
  ]
  for (const pattern of mustName) expect(main.warnings.join('\n')).toMatch(pattern)
  if (mustName.length === 0) expect(main.warnings).toEqual([])
})

async function endOf(program: Program, ours: string, env: Readonly<Record<string, string>>): Promise<End> {
  const answer = await program.ask({ standIn: world.standIn, home: job.home, env })
  if ('error' in answer) return 'nobody'
  if (answer.arn === ours) return 'ours'
  if (answer.arn.endsWith(':user/stale')) return 'stale'
  expect(answer.arn).toContain(':assumed-role/other/')
  return 'other role'
}
