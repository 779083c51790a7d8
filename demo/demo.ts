/**
 * The product as a story that runs: `npm run demo`. Each chapter shows a workflow, runs the built
 * action on it as GitHub's runner would, and checks what it tells. STS, RAM and GitHub's issuer are
 * the stand-in's; with `-- --real` the first chapter runs against Alibaba Cloud.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ROLE_ARN } from '../src/sts/arn.js'
import { withoutSecrets } from '../src/secrecy/redact.js'
import { trustOfOidc } from '../stand-in/policy.js'
import { readAction } from '../stand-in/runner/action-manifest.js'
import { startRunnerJob, type RunnerJob, type StepRun } from '../stand-in/runner/runner-job.js'
import { drawn } from '../stand-in/runner/step-log.js'
import { startStandIn, type StandIn } from '../stand-in/stand-in.js'
import { configureList } from './configure-list.js'

/** The `with:` of the workflow's step, as it is written there. */
type StepInputs = Readonly<Record<string, string>>

/** Where a chapter's calls go. */
interface Cloud {
  /** The URL of STS; undefined for the region's own. */
  readonly sts: string | undefined
  readonly region: string
}

/** What of an OIDC chapter differs from chapter to chapter. */
interface Roles {
  readonly providerArn: string
  readonly roleArn: string
}

const REAL_VARIABLES = ['DEMO_ACCESS_KEY_ID', 'DEMO_ACCESS_KEY_SECRET', 'DEMO_ROLE_ARN'] as const
/** What the runner of the real story gets of this machine's variables. */
const PASSED_ON = ['HTTPS_PROXY', 'https_proxy', 'NO_PROXY', 'no_proxy', 'NODE_EXTRA_CA_CERTS']
const ACTION = readAction('this action', resolve(import.meta.dirname, '..'))
const LONG_WORK = join(import.meta.dirname, 'long-work.mjs')
const WHO_AM_I = join(import.meta.dirname, 'who-am-i.mjs')
const PROFILE = 'ci'
/** A profile that somebody keeps on this machine. Its key opens nothing. */
const SOMEBODYS_CONFIG = `{
	"current": "work",
	"profiles": [
		{
			"name": "work",
			"mode": "AK",
			"access_key_id": "LTAI-somebody-key",
			"access_key_secret": "somebody-secret",
			"region_id": "cn-shanghai",
			"output_format": "json",
			"language": "en",
			"site": "china"
		}
	],
	"meta_path": ""
}`
const MAIN_SUBJECT = 'repo:octo-org/octo-repo:ref:refs/heads/main'
const IMMUTABLE_SUBJECT = 'repo:octo-org@65/octo-repo@74:ref:refs/heads/main'

/** What must never be printed, as far as it is known by now. */
let secretsNow = (): Iterable<string> => []

async function story(): Promise<void> {
  const standIn = await startStandIn()
  secretsNow = standIn.secrets
  try {
    const { key, keyRole, oidc } = prepareRam(standIn)
    const cloud = { sts: standIn.sts.url, region: 'cn-hangzhou' }
    title('Temporary Alibaba Cloud credentials for a workflow')
    tell(
      'A workflow needs credentials while it deploys, and at no other time. This action gets them from Alibaba Cloud STS, hands them to the steps',
      'after it, and takes them back when the job ends. You will see it happen three times, and once more in a job that outlives its session.',
      '',
      'Nothing leaves this machine. A stand-in plays STS and GitHub; it checks signatures, tokens and policies as they do. The action is the real',
      'one, in dist/, and runs as GitHub would run it.',
    )
    await keyChapter(cloud, key, keyRole, {})
    await oidcChapter(cloud, standIn, oidc)
    await denialChapter(cloud, standIn, oidc)
    await refreshChapter(cloud, standIn, key, keyRole)
    tell('', 'All of it happened as told, and no secret was shown.')
  } finally {
    await standIn.close()
  }
}

async function realStory(): Promise<void> {
  const value = (name: string): string => process.env[name]?.trim() ?? ''
  const missing = REAL_VARIABLES.filter((name) => value(name) === '')
  if (missing.length > 0) {
    throw new Error(
      `--real needs ${REAL_VARIABLES.join(', ')} in the environment (DEMO_REGION too, if not cn-hangzhou); missing: ${missing.join(', ')}.`,
    )
  }
  const [accessKeyId, accessKeySecret, roleArn] = REAL_VARIABLES.map(value) as [string, string, string]
  if (!ROLE_ARN.test(roleArn))
    throw new Error('DEMO_ROLE_ARN is not the ARN of a role, acs:ram::<account ID>:role/<role name>.')
  secretsNow = () => [accessKeyId, accessKeySecret]
  title('Temporary Alibaba Cloud credentials for a workflow, from Alibaba Cloud itself')
  tell(
    'Your own key and role are used. The home directory is a temporary one: your own profiles are not touched.',
    'The chapter about OIDC is left out: only a job on GitHub can get a token from GitHub. So is the one about a denial, which would have to change',
    "your role's trust policy.",
  )
  const runnerEnv = Object.fromEntries(
    PASSED_ON.flatMap((name) => (value(name) === '' ? [] : [[name, value(name)]])),
  )
  const cloud = { sts: undefined, region: value('DEMO_REGION') || 'cn-hangzhou' }
  await keyChapter(cloud, { accessKeyId, accessKeySecret }, roleArn, runnerEnv)
  tell('', 'All of it happened as told, with Alibaba Cloud, and no secret was shown.')
}

/**
 * One account: a user who may assume the role deploy, and GitHub as OIDC provider for the role
 * deploy-from-github.
 */
function prepareRam({ ram, issuer }: StandIn) {
  const { arn: keyRole } = ram.addRole({ name: 'deploy' })
  const { accessKey: key } = ram.addUser({
    name: 'ci',
    policies: [
      { Version: '1', Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: keyRole }] },
    ],
  })
  const { arn: providerArn } = ram.addOidcProvider({
    name: 'github',
    issuer: issuer.iss,
    clientIds: ['sts.aliyuncs.com'],
  })
  const { arn: roleArn } = ram.addRole({
    name: 'deploy-from-github',
    trustPolicy: trustOfOidc(providerArn, {
      StringEquals: { 'oidc:iss': issuer.iss, 'oidc:aud': 'sts.aliyuncs.com', 'oidc:sub': MAIN_SUBJECT },
    }),
  })
  return { key, keyRole, oidc: { providerArn, roleArn } }
}

async function keyChapter(
  cloud: Cloud,
  key: { readonly accessKeyId: string; readonly accessKeySecret: string },
  roleArn: string,
  runnerEnv: Readonly<Record<string, string>>,
): Promise<void> {
  chapter('1. From an access key')
  tell(
    'The repository keeps the access key of a RAM user as two secrets. All that this user may do is to assume one role. The job gets the role, for an',
    'hour; the key itself goes no further than this step.',
  )
  const inputs = {
    'access-key-id': '${{ secrets.ALIBABA_CLOUD_ACCESS_KEY_ID }}',
    'access-key-secret': '${{ secrets.ALIBABA_CLOUD_ACCESS_KEY_SECRET }}',
    'role-to-assume': roleArn,
    ...(cloud.sts === undefined ? { 'role-session-name': 'configure-credentials-demo' } : {}),
    ...common(cloud),
  }
  const secrets = {
    ALIBABA_CLOUD_ACCESS_KEY_ID: key.accessKeyId,
    ALIBABA_CLOUD_ACCESS_KEY_SECRET: key.accessKeySecret,
  }
  const job = newJob(secrets, runnerEnv)
  try {
    workflow(inputs, [])
    tell('This runner keeps its home from job to job, and somebody has a profile of their own in it:', '')
    mkdirSync(dirname(configFileOf(job)))
    writeFileSync(configFileOf(job), SOMEBODYS_CONFIG)
    block(configureList(SOMEBODYS_CONFIG))
    await successfulJob(job, inputs, cloud)
    proved(
      "the profile is gone, and somebody's file is what it was, byte for byte",
      readFileSync(configFileOf(job), 'utf8') === SOMEBODYS_CONFIG,
    )
    proved('nothing else lies beside it', readdirSync(dirname(configFileOf(job))).length === 1)
  } finally {
    job.remove()
  }
}

async function oidcChapter(cloud: Cloud, standIn: StandIn, { providerArn, roleArn }: Roles): Promise<void> {
  chapter('2. From an OIDC token')
  tell(
    'Now without any secret in the repository. GitHub gives the job a signed token that says which repository and branch it runs for. RAM knows',
    "GitHub's signature, and the role says which repository and branch it trusts. There is no key to leak, and none to renew.",
  )
  const inputs = { 'oidc-provider-arn': providerArn, 'role-to-assume': roleArn, ...common(cloud) }
  const job = newJob({}, tokenVariables(standIn))
  try {
    workflow(inputs, PERMISSIONS)
    tell('The home of this runner is new and empty.')
    await successfulJob(job, inputs, cloud)
    proved(
      'the file that the profile was in is gone, for it was not there before',
      !existsSync(configFileOf(job)),
    )
    proved('nothing else lies where it was', readdirSync(dirname(configFileOf(job))).length === 0)
  } finally {
    job.remove()
  }
}

async function denialChapter(cloud: Cloud, standIn: StandIn, { providerArn, roleArn }: Roles): Promise<void> {
  chapter('3. When the role says no')
  tell(
    "GitHub now writes the IDs of owner and repository into this repository's tokens, as it does for every repository created, renamed or",
    'transferred after 15 July 2026. The role still trusts the old form. The same workflow runs again:',
  )
  const inputs = { 'oidc-provider-arn': providerArn, 'role-to-assume': roleArn, ...common(cloud) }
  standIn.issuer.claims.sub = IMMUTABLE_SUBJECT
  let policy: string
  const denied = newJob({}, tokenVariables(standIn))
  try {
    const main = await denied.main({ inputs })
    say("The step's log")
    block(drawn(main.log))
    proved('the step failed', main.exitCode === 1)
    proved(
      'it handed nothing on',
      denied.env.size === 0 && main.outputs.size === 0 && !existsSync(configFileOf(denied)),
    )
    policy = /```json\n(\{[\s\S]*?\n\})\n```/.exec(main.summary)?.[1] ?? ''
    proved(
      "the job's summary holds the same policy, to be copied",
      policy.includes(IMMUTABLE_SUBJECT) && indentedIn(drawn(main.log), policy),
    )
    await denied.posts()
  } finally {
    denied.remove()
  }
  tell(
    '',
    "We do as the message says, and nothing else: this policy becomes the role's trust policy. Then the job runs once more.",
  )
  standIn.ram.setTrustPolicy(roleArn, policy)
  const allowed = newJob({}, tokenVariables(standIn))
  try {
    const main = await allowed.main({ inputs })
    say("The step's log")
    block(drawn(main.log))
    proved('the step succeeded', main.exitCode === 0)
    await proveIdentity(allowed, main, cloud)
    await takeBack(allowed)
  } finally {
    allowed.remove()
  }
}

async function refreshChapter(
  cloud: Cloud,
  standIn: StandIn,
  key: { readonly accessKeyId: string; readonly accessKeySecret: string },
  roleArn: string,
): Promise<void> {
  chapter('4. A job that outlives its session')
  tell(
    'Sessions of STS last for 15 minutes at least. To be seen here, those of this chapter end after six seconds, and the next step works for twelve,',
    'in one process. With refresh: true it never notices.',
  )
  const inputs = {
    'access-key-id': '${{ secrets.ALIBABA_CLOUD_ACCESS_KEY_ID }}',
    'access-key-secret': '${{ secrets.ALIBABA_CLOUD_ACCESS_KEY_SECRET }}',
    'role-to-assume': roleArn,
    ...common(cloud),
    refresh: 'true',
  }
  standIn.setSessionLifetime(roleArn, 6)
  const job = newJob(
    { ALIBABA_CLOUD_ACCESS_KEY_ID: key.accessKeyId, ALIBABA_CLOUD_ACCESS_KEY_SECRET: key.accessKeySecret },
    {},
  )
  try {
    workflow(inputs, [], 'node long-work.mjs 12')
    const main = await job.main({ inputs })
    say("The step's log")
    block(drawn(main.log))
    proved('the step succeeded', main.exitCode === 0)
    say("The next step's variables")
    block([...job.env].map(([name, value]) => `${name}: ${job.masks.apply(value)}`).join('\n'))
    say('It works')
    // The SDK calls url.parse, and Node 24 would say so.
    const work = await job.run(process.execPath, ['--no-deprecation', LONG_WORK, '12', standIn.sts.url])
    block(`$ node long-work.mjs 12\n${work.log.trimEnd()}`)
    proved('no call failed, though its first session ended long before', work.exitCode === 0)
    say('The job ends')
    const [post] = await job.posts()
    block(drawn(post?.log ?? ''))
    for (let moments = 0; moments < 100 && job.orphans().length > 0; moments++) await delay(50)
    proved('the post step has ended the keeper', job.orphans().length === 0 && post?.warnings.length === 0)
  } finally {
    job.remove()
    standIn.setSessionLifetime(roleArn, undefined)
  }
}

/** Main, what later steps find, post. The caller knows what the home must look like afterwards. */
async function successfulJob(job: RunnerJob, inputs: StepInputs, cloud: Cloud): Promise<void> {
  const main = await job.main({ inputs })
  say("The step's log")
  block(drawn(main.log))
  if (main.exitCode !== 0) throw new Error('The step failed; its log says why.')

  say("The next step's variables")
  block([...job.env].map(([name, value]) => `${name}: ${job.masks.apply(value)}`).join('\n'))
  const secretNames = [...job.env.keys()].filter((name) => !name.includes('REGION'))
  proved(
    'every part of the key is masked',
    secretNames.every((name) => job.masks.has(job.env.get(name) ?? '')),
  )

  say('The outputs, ${{ steps.credentials.outputs.<name> }}')
  block([...main.outputs].map(([name, value]) => `${name}: ${job.masks.apply(value)}`).join('\n'))

  say('The profile, as aliyun configure list shows it')
  const config = readFileSync(configFileOf(job), 'utf8')
  block(configureList(config))
  proved('the CLI would use this profile', configureList(config).includes(`\n${PROFILE} *`))

  await proveIdentity(job, main, cloud)
  await takeBack(job)
}

async function proveIdentity(job: RunnerJob, main: StepRun, { sts }: Cloud): Promise<void> {
  say(
    "Do the credentials work? Another program asks STS who it is, with Alibaba Cloud's own SDK and the variables above",
  )
  const answer = await whoAmI(job, sts === undefined ? [] : [sts])
  block(`$ node who-am-i.mjs\n${answer.log}`)
  const [role, session] = /role\/(.+)$/.exec(main.outputs.get('arn') ?? '')?.[1]?.split('/') ?? []
  proved(
    `STS knows it as a session of the role ${role ?? ''}`,
    answer.exitCode === 0 &&
      answer.log.includes(
        `:assumed-role/${role ?? ''}/${session ?? ''}, of the account ${main.outputs.get('account-id') ?? ''}.`,
      ),
  )
}

async function takeBack(job: RunnerJob): Promise<void> {
  say('The job ends, and the step takes everything back')
  const [post] = await job.posts()
  block(drawn(post?.log ?? ''))
  proved('its post step ran without an error', post?.exitCode === 0)
  proved(
    `all ${job.env.size} variables are empty, as they were before`,
    [...job.env.values()].every((value) => value === ''),
  )
  const answer = await whoAmI(job, [])
  block(`$ node who-am-i.mjs\n${answer.log}`)
  proved(
    'the other program has nothing left to use',
    answer.exitCode === 1 && answer.log === 'The environment holds no key.',
  )
}

const PERMISSIONS = [
  'permissions:',
  '  id-token: write # lets the job ask GitHub for a token',
  '  contents: read',
]

function common({ sts, region }: Cloud): StepInputs {
  return { region, profile: PROFILE, ...(sts === undefined ? {} : { 'sts-endpoint': sts }) }
}

function tokenVariables({ issuer }: StandIn): Readonly<Record<string, string>> {
  return {
    ACTIONS_ID_TOKEN_REQUEST_URL: issuer.requestUrl,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: issuer.requestToken,
  }
}

/** A later step: another program, with the job's variables and nothing else. */
async function whoAmI(
  job: RunnerJob,
  args: readonly string[],
): Promise<{ readonly exitCode: number | null; readonly log: string }> {
  // The SDK calls url.parse, and Node 24 would say so.
  const { exitCode, log } = await job.run(process.execPath, ['--no-deprecation', WHO_AM_I, ...args])
  return { exitCode, log: log.trimEnd() }
}

function configFileOf({ home }: RunnerJob): string {
  return join(home, '.aliyun/config.json')
}

/** A job whose masks are watched too: what `--real` is given by STS is known by them alone. */
function newJob(
  secrets: Readonly<Record<string, string>>,
  runnerEnv: Readonly<Record<string, string>>,
): RunnerJob {
  const job = startRunnerJob({ action: ACTION, secrets, runnerEnv })
  const before = secretsNow
  secretsNow = () => [...before(), ...job.masks.values()]
  return job
}

function indentedIn(log: string, text: string): boolean {
  const withoutIndentation = (lines: string): string => lines.replace(/^ +/gm, '')
  return withoutIndentation(log).includes(withoutIndentation(text))
}

function title(text: string): void {
  tell('', text, '='.repeat(text.length), '')
}

function chapter(heading: string): void {
  tell('', '', heading, '-'.repeat(heading.length), '')
}

function say(text: string): void {
  tell('', `${text}:`, '')
}

function workflow(inputs: StepInputs, permissions: readonly string[], next = 'node who-am-i.mjs'): void {
  say('The workflow')
  const withLines = Object.entries(inputs).map(
    ([name, value]) =>
      `          ${name}: ${value}${name === 'sts-endpoint' ? ' # the stand-in; leave it out in yours' : ''}`,
  )
  block(
    [
      ...permissions,
      'jobs:',
      '  deploy:',
      '    runs-on: ubuntu-latest',
      '    steps:',
      '      - id: credentials',
      '        uses: OWNER/configure-alibaba-cloud-credentials@v1',
      '        with:',
      ...withLines,
      `      - run: ${next}`,
    ].join('\n'),
  )
  tell('')
}

function block(text: string): void {
  tell(...text.split('\n').map((line) => `    ${line}`.trimEnd()))
}

/** Prints a fact that has been checked; ends the story if it does not hold. */
function proved(fact: string, isSo: boolean): void {
  if (!isSo) throw new Error(`Not as told: ${fact}.`)
  tell(`  ✓ ${fact}`)
}

/** The only way out for text; it lets no secret pass. */
function tell(...lines: readonly string[]): void {
  const text = lines.join('\n')
  for (const secret of secretsNow())
    if (secret !== '' && text.includes(secret)) throw new Error('The demo was about to show a secret.')
  console.log(text)
}

try {
  if (!existsSync(resolve(import.meta.dirname, '../dist/main/index.js')))
    throw new Error('There is no dist/ to run: "npm run build" makes it.')
  await (process.argv.includes('--real') ? realStory() : story())
} catch (failure) {
  const message = failure instanceof Error ? failure.message : String(failure)
  console.error(`\n${withoutSecrets(message, secretsNow())}`)
  process.exitCode = 1
}
