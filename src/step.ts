/** The step from its inputs to its hand-over. `run` is the whole story; each line gives the next what it needs. */
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { TemporaryKey } from './identity/credentials.js'
import type { Explanation } from './diagnosis/explain.js'
import { holdsCredential, variablesFor } from './handover/variables.js'
import { readRunContext, type RunContext } from './runner/run-context.js'
import { parseInputs, SECRET_INPUTS, type Inputs } from './inputs/inputs.js'
import { readCurrentProfile } from './profile/config-file.js'
import { configFileOf } from './profile/home.js'
import { checkProfile, installProfile } from './profile/install.js'
import { uninstallProfile } from './profile/uninstall.js'
import { proxyFaults, proxyPasswords } from './net/proxy.js'
import { findIdentityConflicts } from './handover/identity-conflicts.js'
import { defaultSessionName } from './inputs/role-session-name.js'
import type { Runner } from './runner/runner.js'
import {
  assumeRoles,
  verifyKey,
  AssumeRoleError,
  type FirstIdentity,
  type Session,
} from './sts/role-chain.js'
import { instanceSession } from './identity/ecs-ram-role.js'
import { environmentKey } from './identity/environment.js'
import { tokenFromIssuer } from './identity/oidc-issuer.js'
import { tokenFromFile } from './identity/oidc-token-file.js'
import type { OidcTokenSource } from './identity/oidc-token.js'
import { stsClient, type CallerIdentity, type StsClient } from './sts/client.js'
import { retryPolicy, type RetryPolicy } from './net/retry.js'

type Environment = Readonly<Record<string, string | undefined>>

/** Never throws: a failure becomes the step's one error. */
export async function run(runner: Runner, env: Environment): Promise<void> {
  const situation: FailureContext = { run: readRunContext(env), eventPath: env.GITHUB_EVENT_PATH }
  try {
    maskOnEntry(runner, env)
    runner.requireFileCommands()
    const inputs = readInputs(runner, env, situation.run)
    situation.inputs = inputs
    for (const warning of inputs.warnings) runner.warning(warning)
    const profile =
      inputs.profile === undefined
        ? undefined
        : { ...inputs.profile, path: configFileOf(env, process.platform), id: randomUUID() }
    if (profile === undefined) await sweepHome(env)
    else await checkProfile(profile)
    const rivals = await identityConflicts(inputs, env)

    const wait = retryPolicy(inputs.maxAttempts, inputs.timeoutSeconds, runner.info)
    const sts = stsClient(inputs.endpoint, wait, runner.mask)
    situation.sts = sts
    const base = await firstIdentity(inputs, env, runner, wait, (token) => (situation.oidcToken = token))
    const session = await sessionOf(inputs, sts, base)
    if (inputs.maskAccountId) runner.mask(session.accountId)
    assertAllowedAccount(session, inputs)

    await handOver(runner, env, inputs, session, profile)
    for (const rival of rivals) runner.warning(rival)
    report(runner, inputs, session, profile)
  } catch (failure) {
    await explainFailure(runner, failure, situation)
  }
}

/** First of all: whatever fails or is printed later, no secret of the inputs is in it. */
function maskOnEntry(runner: Runner, env: Environment): void {
  for (const name of SECRET_INPUTS) runner.mask(runner.input(name) ?? '')
  for (const password of proxyPasswords(env)) runner.mask(password)
  runner.mask(env.ACTIONS_ID_TOKEN_REQUEST_TOKEN ?? '')
  // Before the inputs are judged: a fault shows what was given.
  if (!/^(false)?$/i.test(runner.input('mask-account-id') ?? '')) {
    for (const name of ['role-to-assume', 'oidc-provider-arn', 'allowed-account-ids'] as const) {
      for (const [id] of (runner.input(name) ?? '').matchAll(/\d{6,}/g)) runner.mask(id)
    }
  }
}

function readInputs(runner: Runner, env: Environment, github: RunContext): Inputs {
  const homeFaults =
    runner.input('profile') === undefined ? [] : faultOf(() => configFileOf(env, process.platform))
  const inputs = parseInputs(runner.input, {
    defaultSessionName: defaultSessionName(github),
    environmentKey: environmentKey(env),
    otherFaults: [...proxyFaults(env), ...homeFaults],
  })
  if (inputs.source.kind === 'environment')
    for (const part of Object.values(inputs.source.key) as (string | undefined)[]) runner.mask(part ?? '')
  return inputs
}

function faultOf(attempt: () => unknown): string[] {
  try {
    attempt()
    return []
  } catch (failure) {
    return [failure instanceof Error ? failure.message : String(failure)]
  }
}

async function firstIdentity(
  inputs: Inputs,
  env: Environment,
  runner: Runner,
  wait: RetryPolicy,
  seen: (token: string) => void,
): Promise<FirstIdentity> {
  const { source } = inputs
  switch (source.kind) {
    case 'oidc': {
      const issuer = {
        requestUrl: env.ACTIONS_ID_TOKEN_REQUEST_URL || undefined,
        requestToken: env.ACTIONS_ID_TOKEN_REQUEST_TOKEN || undefined,
      }
      const token =
        source.tokenFile === undefined
          ? tokenFromIssuer(issuer, source.audience, wait, runner.mask)
          : tokenFromFile(source.tokenFile, runner.mask, runner.warning)
      return { by: 'oidc', token: withTokenCapture(token, seen), providerArn: source.providerArn }
    }
    case 'access-key':
    case 'environment':
      return { by: 'key', key: source.key, expiration: undefined }
    case 'ecs-ram-role':
      return {
        by: 'key',
        ...(await instanceSession(env.ALIBABA_CLOUD_IMDSV1_DISABLED === 'true', wait, runner.mask)),
      }
  }
}

/** Shows each token to `seen`: a denial is explained by the claims of the token that was denied. */
function withTokenCapture(source: OidcTokenSource, seen: (token: string) => void): OidcTokenSource {
  return async (fresh) => {
    const token = await source(fresh)
    seen(token)
    return token
  }
}

async function sessionOf(inputs: Inputs, sts: StsClient, base: FirstIdentity): Promise<Session> {
  if (inputs.roles.length > 0) return assumeRoles(sts, base, inputs.roles, inputs.session)
  if (base.by === 'oidc' || base.key.securityToken === undefined)
    throw new Error('only a temporary key can be handed on')
  const key: TemporaryKey = { ...base.key, securityToken: base.key.securityToken }
  return verifyKey(sts, key, base.expiration)
}

function assertAllowedAccount({ accountId }: Session, { allowedAccountIds }: Inputs): void {
  if (allowedAccountIds.length === 0 || allowedAccountIds.includes(accountId)) return
  throw new Error(
    `The session belongs to the account ${accountId}, and allowed-account-ids lists ${allowedAccountIds.join(', ')}. Nothing was exported. Check the account in role-to-assume, or add it to allowed-account-ids.`,
  )
}

/** What killed runs left on this home goes with the next step, whether or not that writes a profile, once their sessions are over. */
async function sweepHome(env: Environment): Promise<void> {
  let path: string
  try {
    path = configFileOf(env, process.platform)
  } catch {
    return
  }
  await uninstallProfile({ path, id: randomUUID(), now: new Date() })
}

async function identityConflicts(inputs: Inputs, env: Environment): Promise<string[]> {
  const handedOn = {
    variables: inputs.exportVariables,
    targets: inputs.exportFor,
    profile: inputs.profile?.name,
    region: inputs.region,
  }
  if (!inputs.exportVariables && inputs.profile === undefined && !inputs.outputCredentials) {
    return [
      'This step hands nothing on: export-environment-variables is false, no profile is written and output-credentials is false. Later steps will not see its credentials.',
    ]
  }
  try {
    const current =
      inputs.profile === undefined ? await readCurrentProfile(configFileOf(env, process.platform)) : undefined
    return findIdentityConflicts(env, handedOn, current)
  } catch (failure) {
    // A job that does not ask for a profile may have no home, and a broken config.json is not this step's to refuse then.
    const broken =
      (env.HOME ?? '') !== '' && inputs.exportVariables
        ? [`The aliyun CLI may fail in this job. ${(failure as Error).message}`]
        : []
    return [...broken, ...findIdentityConflicts(env, handedOn, undefined)]
  }
}

interface ProfileTarget {
  readonly name: string
  readonly setCurrent: boolean
  readonly path: string
  readonly id: string
}

/** Everything has been checked; now it is written, all of it or nothing. What post needs is saved before each effect. */
async function handOver(
  runner: Runner,
  env: Environment,
  inputs: Inputs,
  session: Session,
  profile: ProfileTarget | undefined,
): Promise<void> {
  const { cleanup } = inputs
  const variables = inputs.exportVariables
    ? variablesFor(session, inputs.region, inputs.exportFor)
    : new Map<string, string>()
  // A variable that holds this very value already (a key of the environment that is handed on) is the environment's, and stays.
  const changed = [...variables].filter(([name, value]) => env[name] !== value)
  const before = Object.fromEntries(changed.map(([name]) => [name, env[name] ?? '']))
  for (const [name, value] of Object.entries(before)) if (holdsCredential(name)) maskFormer(runner, value)
  const recordOf = (names: Readonly<Record<string, string>>): Parameters<Runner['saveRecord']>[0] => ({
    cleanup,
    variables: cleanup ? names : {},
    profile:
      cleanup && profile !== undefined
        ? { path: profile.path, name: profile.name, id: profile.id }
        : undefined,
  })
  try {
    await runner.allOrNothing(async () => {
      runner.saveRecord(recordOf(before))
      runner.exportVariables(variables)
      runner.setOutputs(outputsOf(inputs, session))
      if (profile !== undefined && inputs.region !== undefined) {
        const { warnings } = await installProfile({
          path: profile.path,
          id: profile.id,
          profile: { name: profile.name, credentials: session.key, regionId: inputs.region },
          setCurrent: profile.setCurrent,
          cleanup,
          expiration: session.expiration === undefined ? undefined : new Date(session.expiration),
          now: new Date(),
        })
        for (const warning of warnings) runner.warning(warning)
      }
    })
  } catch (failure) {
    // No variable was exported after all; post must not touch them.
    runner.saveRecord(recordOf({}))
    throw failure
  }
}

/** A variable of an earlier identity. Serverless Devs' holds JSON: its values are the secrets, and a mask of `{` would hide half the log. */
function maskFormer(runner: Runner, value: string): void {
  let parts: unknown
  try {
    parts = JSON.parse(value)
  } catch {
    parts = undefined
  }
  if (typeof parts !== 'object' || parts === null) {
    runner.mask(value)
    return
  }
  for (const [name, part] of Object.entries(parts))
    if (name !== 'AccountID' && typeof part === 'string') runner.mask(part)
}

function outputsOf(inputs: Inputs, session: Session): [string, string][] {
  const outputs: [string, string | undefined][] = [
    ['account-id', session.accountId],
    ['arn', session.arn],
    ['role-session-name', session.roleSessionName],
    ['expiration', session.expiration],
    ['credential-source', inputs.source.kind],
    ['region', inputs.region],
    ['profile', inputs.profile?.name],
  ]
  if (inputs.outputCredentials) {
    outputs.push(
      ['access-key-id', session.key.accessKeyId],
      ['access-key-secret', session.key.accessKeySecret],
      ['security-token', session.key.securityToken],
    )
  }
  return outputs.flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] satisfies [string, string]],
  )
}

const SOURCE_NAMES = {
  oidc: 'the OIDC token of this job',
  'access-key': 'the access key of the inputs',
  environment: "the key in the job's environment",
  'ecs-ram-role': "the instance's RAM role",
} as const

function report(runner: Runner, inputs: Inputs, session: Session, profile: ProfileTarget | undefined): void {
  const { source } = inputs
  const from =
    source.kind === 'oidc' && source.tokenFile !== undefined
      ? `the OIDC token in ${source.tokenFile}`
      : SOURCE_NAMES[source.kind]
  const minutes =
    session.expiration === undefined
      ? undefined
      : Math.round((Date.parse(session.expiration) - Date.now()) / 60_000)
  runner.group(`Alibaba Cloud identity: ${session.arn}`, [
    `Account:  ${session.accountId}`,
    `Source:   ${from}${inputs.roles.length > 1 ? `, through ${inputs.roles.length} roles` : ''}`,
    `Expires:  ${session.expiration === undefined || minutes === undefined ? 'as its source decided, which does not say' : `${session.expiration} (in ${minutes} minutes)`}`,
    ...(inputs.exportVariables
      ? [
          'Exported: the ALIBABA_CLOUD_*, ALIBABACLOUD_* and ALICLOUD_* variables' +
            (inputs.exportFor.length > 0 ? `, and those of ${inputs.exportFor.join(', ')}` : ''),
        ]
      : []),
    ...(profile === undefined ? [] : [`Profile:  ${JSON.stringify(profile.name)} in ${profile.path}`]),
    inputs.cleanup
      ? 'After the job: everything is taken back.'
      : 'After the job: everything stays (cleanup: false).',
  ])
}

/** What is known when something fails, as far as the step came. */
interface FailureContext {
  readonly run: RunContext
  readonly eventPath: string | undefined
  inputs?: Inputs
  sts?: StsClient
  oidcToken?: string
}

/** The step's one error, in the log and in the job's summary. */
async function explainFailure(runner: Runner, failure: unknown, context: FailureContext): Promise<void> {
  const plainly = failure instanceof Error ? failure.message : String(failure)
  if (context.inputs === undefined) {
    runner.fail(plainly)
    return
  }
  try {
    const { message, summary } = await explanationOf(failure, context.inputs, context)
    if (context.inputs.maskAccountId)
      for (const [, id] of `${message}\n${summary}`.matchAll(/(?:::|\baccount )(\d{5,})/g))
        runner.mask(id ?? '')
    await runner.summary(summary)
    runner.fail(message)
  } catch (unexplained) {
    // A fault of ours must not hide the user's.
    runner.debug(`The failure could not be explained: ${String(unexplained)}`)
    runner.fail(plainly)
  }
}

async function explanationOf(
  failure: unknown,
  inputs: Inputs,
  context: FailureContext,
): Promise<Explanation> {
  // Loaded now: a run that succeeds does without.
  const { explain, wantsCaller } = await import('./diagnosis/explain.js')
  const caller = wantsCaller(failure) ? await identifyCaller(failure, context.sts) : undefined
  return explain(failure, {
    inputs,
    run: context.run,
    event: await eventOf(context.eventPath),
    oidcToken: context.oidcToken,
    caller,
  })
}

/** Whose key was refused; undefined where STS does not say either. */
async function identifyCaller(
  failure: unknown,
  sts: StsClient | undefined,
): Promise<CallerIdentity | undefined> {
  const caller = failure instanceof AssumeRoleError ? failure.caller : undefined
  if (caller === undefined || sts === undefined) return undefined
  try {
    return await sts.getCallerIdentity(caller.key)
  } catch {
    return undefined
  }
}

async function eventOf(path: string | undefined): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path ?? '', 'utf8'))
  } catch {
    return undefined
  }
}
