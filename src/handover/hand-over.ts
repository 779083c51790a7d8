/** Everything has been checked; now it is written, all of it or nothing. */
import { textOf } from '../errors/action-error.js'
import type { Inputs } from '../inputs/inputs.js'
import { homeDisagreement } from '../profile/home.js'
import { installProfile } from '../profile/install.js'
import { jobNameOf } from '../profile/job-name.js'
import { keepProfile } from '../profile/keep-profile.js'
import { uninstallProfile } from '../profile/uninstall.js'
import type { LaunchedKeeper } from '../refresh/launch-keeper.js'
import type { StartedKeeper } from '../refresh/start-keeper.js'
import type { JobEnvironment } from '../runner/job-environment.js'
import type { Runner } from '../runner/runner.js'
import type { Session } from '../sts/role-chain.js'
import { say, type Prose } from '../text/prose.js'
import { outputsFor } from './outputs.js'
import type { ProfileTarget } from './profile-target.js'
import { hashOf, type ExportedVariable } from './state.js'
import { stsTime } from './sts-time.js'
import { holdsCredential, variablesFor, type ServedSession } from './variables.js'

/** What a step passes on, and the settings by which it does. */
export interface Handover {
  readonly job: JobEnvironment
  readonly inputs: Inputs
  readonly session: Session
  readonly profile: ProfileTarget | undefined
  /** The keeper's process, if the step refreshes. */
  readonly launched: LaunchedKeeper | undefined
}

/**
 * Starts the keeper if the step refreshes, saves what post needs, writes the profile, then exports
 * all variables in one write and sets all outputs in one. A step that is killed at any instant,
 * even while it waits for the profile's lock, has exported all or nothing.
 *
 * @throws KeeperError, ProfileError, FileCommandError; nothing is exported then, and no keeper runs
 */
export async function handOver(runner: Runner, handover: Handover): Promise<void> {
  const { inputs, profile, launched } = handover
  if (launched === undefined || profile === undefined) {
    await passOn(runner, handover, undefined)
    return
  }
  // Loaded now: a step that does not refresh does without.
  const { startKeeper } = await import('../refresh/start-keeper.js')
  const keeper = await startKeeper(launched, { ...handover, profile }, runner.mask, (folder) => {
    runner.saveState({
      cleanup: inputs.cleanup,
      variables: {},
      profile: undefined,
      keeper: { folder, stopUrl: undefined },
    })
  })
  try {
    await passOn(runner, handover, keeper)
  } catch (failure) {
    const { stopKeeper } = await import('../refresh/stop-keeper.js')
    await stopKeeper(keeper)
    throw failure
  }
}

async function passOn(runner: Runner, handover: Handover, keeper: StartedKeeper | undefined): Promise<void> {
  const { job, inputs, session, profile } = handover
  const { cleanup } = inputs
  const variables = inputs.exportVariables
    ? variablesFor({ ...session, served: servedBy(keeper, profile) }, inputs.region, inputs.exportFor)
    : new Map<string, string>()
  const exported = exportedVariables(variables, job.variables)
  for (const [name, { before }] of Object.entries(exported)) if (holdsCredential(name)) runner.mask(before)
  runner.saveState({
    cleanup,
    variables: cleanup ? exported : {},
    profile:
      cleanup && profile !== undefined
        ? { path: profile.path, target: profile.target, name: profile.name, id: profile.id }
        : undefined,
    keeper: keeper === undefined ? undefined : { folder: keeper.folder, stopUrl: keeper.stopUrl },
  })
  if (profile !== undefined) {
    const warnings = await writeProfile(handover, profile, keeper)
    for (const warning of warnings) runner.warning(warning)
  }
  try {
    runner.exportAll(variables, outputsFor(inputs, session))
  } catch (failure) {
    if (profile !== undefined) await uninstallProfile({ ...profile, now: undefined })
    throw failure
  }
  // Not before: until the exports have succeeded, the profile can be taken back.
  if (profile !== undefined && !cleanup) await keepForGood(runner, inputs, profile)
}

async function writeProfile(
  { job, inputs, session }: Handover,
  { name, path, id, setCurrent }: ProfileTarget,
  keeper: StartedKeeper | undefined,
): Promise<readonly Prose[]> {
  const written = keeper === undefined ? { credentials: session.key } : { credentialsUri: keeper.readUrl }
  const { warnings } = await installProfile({
    path,
    id,
    job: jobNameOf(job.variables),
    profile: { name, regionId: inputs.region ?? '', ...written },
    setCurrent,
    expiration: session.expiration === undefined ? undefined : new Date(session.expiration),
    now: stsTime(session, inputs),
    waitAtMostMs: timeLeftMs(inputs),
  })
  const disagreement = homeDisagreement(job.variables, job.platform)
  return disagreement === undefined ? warnings : [...warnings, disagreement]
}

/** What is left of the step's time, in milliseconds; the process began with it. */
function timeLeftMs({ timeoutSeconds }: Inputs): number {
  return Math.max(0, timeoutSeconds * 1000 - performance.now())
}

function servedBy(
  keeper: StartedKeeper | undefined,
  profile: ProfileTarget | undefined,
): ServedSession | undefined {
  if (keeper === undefined) return undefined
  return {
    uri: keeper.readUrl,
    file: keeper.sharedCredentialsFile,
    profileName: profile?.setCurrent === true ? profile.name : undefined,
  }
}

/**
 * The step has succeeded by now: a profile that cannot be kept for good is kept until the session
 * has expired.
 */
async function keepForGood(runner: Runner, inputs: Inputs, profile: ProfileTarget): Promise<void> {
  try {
    await keepProfile(profile, { waitAtMostMs: timeLeftMs(inputs) })
  } catch (failure) {
    runner.warning(
      say`cleanup is false, but the profile cannot be kept for good: once the credentials have expired, the next step on this home removes it. ${textOf(failure)}`,
    )
  }
}

/**
 * A variable that holds this very value already (a key of the environment, passed on) is not ours
 * to restore.
 */
function exportedVariables(
  variables: ReadonlyMap<string, string>,
  env: Readonly<NodeJS.ProcessEnv>,
): Readonly<Record<string, ExportedVariable>> {
  const changed = [...variables].filter(([name, value]) => env[name] !== value)
  return Object.fromEntries(
    changed.map(([name, value]) => [name, { before: env[name] ?? '', exported: hashOf(value) }]),
  )
}
