/** The story of main, from its inputs to its hand-over. Each line gives the next what it needs. */
import { randomUUID } from 'node:crypto'
import { debugClaims } from './diagnosis/debug-claims.js'
import { reportFailure } from './diagnosis/report-failure.js'
import { handOver } from './handover/hand-over.js'
import { identityConflicts } from './handover/identity-conflicts.js'
import type { ProfileTarget } from './handover/profile-target.js'
import { successReport } from './handover/report.js'
import { stsTime } from './handover/sts-time.js'
import { partsOf } from './identity/credentials.js'
import { firstIdentity } from './identity/first-identity.js'
import { accountIdsIn, wantsAccountMasked } from './inputs/account-mask.js'
import { parseInputs, secretsOf, type Inputs } from './inputs/inputs.js'
import { defaultSessionName } from './inputs/role-session-name.js'
import { retryPolicy } from './net/retry.js'
import { checkProfile } from './profile/install.js'
import { sweepExpired } from './profile/sweep.js'
import type { LaunchedKeeper } from './refresh/launch-keeper.js'
import type { JobEnvironment } from './runner/job-environment.js'
import { endNotLaterThan } from './runner/process-end.js'
import type { Runner } from './runner/runner.js'
import { stsClient } from './sts/client.js'
import { assertAllowedAccount, sessionFrom } from './sts/role-chain.js'
import { say, type Prose } from './text/prose.js'

/** After the deadline, for a call that is being ended and for the explanation of a failure. */
const GRACE_MS = 5_000

/** Never throws: a failure becomes the step's one error. */
export async function run(runner: Runner, job: JobEnvironment): Promise<void> {
  let inputs: Inputs
  try {
    maskOnEntry(runner, job)
    runner.requireFileCommands()
    inputs = readInputs(runner, job)
  } catch (failure) {
    await reportFailure(runner, failure, { job })
    return
  }

  const policy = retryPolicy(inputs.maxAttempts, inputs.timeoutSeconds, {
    onRetry: runner.info,
    trace: runner.debug,
  })
  endNotLaterThan(policy.deadline + GRACE_MS, () => {
    runner.fail(
      ['No Alibaba Cloud credentials'],
      say`The step did not end within timeout-seconds (${inputs.timeoutSeconds}): something on this machine, such as a file system, does not answer.`,
    )
  })
  const sts = stsClient(inputs.endpoint, policy, runner.mask, job.run.runId)
  let oidcToken: string | undefined
  let keeper: LaunchedKeeper | undefined
  try {
    const profile = await profileTarget(inputs, job)
    if (inputs.refresh) keeper = await launchedKeeper(job)
    const conflicts = await conflictsOf(inputs, job)

    const first = await firstIdentity(inputs.source, {
      ...job,
      policy,
      mask: runner.mask,
      warn: runner.warning,
      onToken: (token) => (oidcToken = token),
    })
    const session = await sessionFrom(sts, first, inputs.roles, inputs.session)
    if (inputs.maskAccountId) runner.mask(session.accountId)
    assertAllowedAccount(session, inputs.allowedAccountIds)

    await handOver(runner, { job, inputs, session, profile, launched: keeper })
    if (profile === undefined) await sweep(job, stsTime(session, inputs))
    for (const warning of [...inputs.warnings, ...conflicts]) runner.warning(warning)
    const { title, lines } = successReport(inputs, session, profile, new Date())
    runner.group(title, lines)
    await debugClaims(runner, job.variables, oidcToken)
  } catch (failure) {
    keeper?.dismiss()
    await reportFailure(runner, failure, { job, known: { inputs, sts, oidcToken } })
  }
}

/** First of all: whatever fails or is printed later, no secret of the inputs is in it. */
function maskOnEntry(runner: Runner, job: JobEnvironment): void {
  for (const secret of secretsOf(runner.input)) runner.mask(secret)
  for (const password of job.proxyPasswords) runner.mask(password)
  runner.mask(job.issuer.requestToken ?? '')
  if (wantsAccountMasked(runner.input)) {
    runner.maskAccountIds()
    for (const id of accountIdsIn(runner.input)) runner.mask(id)
  }
}

function readInputs(runner: Runner, job: JobEnvironment): Inputs {
  const { configFile } = job
  const needsHome = runner.input('profile') !== undefined
  const inputs = parseInputs(runner.input, {
    defaultSessionName: defaultSessionName(job.run),
    environmentKey: job.environmentKey,
    otherFaults: needsHome && typeof configFile !== 'string' ? [say`${configFile.message}`] : [],
    namesGiven: job.inputNames,
    secrets: job.secrets,
  })
  if (inputs.source.kind === 'environment') for (const part of partsOf(inputs.source.key)) runner.mask(part)
  return inputs
}

/** Where the profile will be written, after all that can be known to be wrong with it. */
async function profileTarget(
  { profile }: Inputs,
  { configFile }: JobEnvironment,
): Promise<ProfileTarget | undefined> {
  if (profile === undefined || typeof configFile !== 'string') return undefined
  const { target } = await checkProfile({ path: configFile })
  return { ...profile, path: configFile, target, id: randomUUID() }
}

/** @throws KeeperError */
async function launchedKeeper({ variables }: JobEnvironment): Promise<LaunchedKeeper> {
  // Loaded now: a step that does not refresh does without.
  const { launchKeeper } = await import('./refresh/launch-keeper.js')
  const { requireRunnerTemp } = await import('./refresh/runner-temp.js')
  requireRunnerTemp(variables)
  return launchKeeper(variables)
}

async function conflictsOf(inputs: Inputs, job: JobEnvironment): Promise<readonly Prose[]> {
  if (!inputs.refresh) return identityConflicts(inputs, job)
  // Loaded now: a step that does not refresh does without.
  return (await import('./refresh/refresh-conflicts.js')).refreshConflicts(inputs, job)
}

/** What killed runs left on this home goes with the next step, even one that writes no profile. */
async function sweep({ configFile }: JobEnvironment, now: Date): Promise<void> {
  if (typeof configFile === 'string') await sweepExpired(configFile, now)
}
