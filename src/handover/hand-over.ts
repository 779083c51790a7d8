/** Everything has been checked; now it is written, all of it or nothing. */
import { textOf } from '../errors/action-error.js'
import type { Inputs } from '../inputs/inputs.js'
import { homeDisagreement } from '../profile/home.js'
import { installProfile } from '../profile/install.js'
import { jobNameOf } from '../profile/job-name.js'
import { uninstallProfile } from '../profile/uninstall.js'
import type { LaunchedKeeper } from '../refresh/launch-keeper.js'
import type { StartedKeeper } from '../refresh/start-keeper.js'
import type { JobEnvironment } from '../runner/job-environment.js'
import type { Runner } from '../runner/runner.js'
import type { Session } from '../sts/role-chain.js'
import { say, type Prose } from '../text/prose.js'
import { outputsFor } from './outputs.js'
import { hashOf, type ExportedVariable } from './state.js'
import { stsTime } from './sts-time.js'
import { holdsCredential, variablesFor, type ServedSession } from './variables.js'

export interface ProfileTarget {
  readonly name: string
  readonly setCurrent: boolean
  /** config.json's path. */
  readonly path: string
  /** Where that is behind all links. */
  readonly target: string
  /** This run's own name for its entry. */
  readonly id: string
}

/**
 * Starts the keeper if the step refreshes, saves what post needs, writes the profile, then exports
 * all variables in one write and sets all outputs in one. A step that is killed at any instant,
 * even while it waits for the profile's lock, has exported all or nothing.
 *
 * @param launched the keeper's process, if the step refreshes
 * @throws KeeperError, ProfileError, FileCommandError; nothing is exported then, and no keeper runs
 */
export async function handOver(
  runner: Runner,
  job: JobEnvironment,
  inputs: Inputs,
  session: Session,
  profile: ProfileTarget | undefined,
  launched: LaunchedKeeper | undefined,
): Promise<void> {
  if (launched === undefined || profile === undefined) {
    await passOn(runner, job, inputs, session, profile, undefined)
    return
  }
  // Loaded now: a step that does not refresh does without.
  const { startKeeper } = await import('../refresh/start-keeper.js')
  const keeper = await startKeeper(launched, job, inputs, session, profile, runner.mask, (folder) => {
    runner.saveState({
      cleanup: inputs.cleanup,
      variables: {},
      profile: undefined,
      keeper: { folder, stopUrl: undefined },
    })
  })
  try {
    await passOn(runner, job, inputs, session, profile, keeper)
  } catch (failure) {
    const { stopKeeper } = await import('../refresh/stop-keeper.js')
    await stopKeeper(keeper)
    throw failure
  }
}

async function passOn(
  runner: Runner,
  job: JobEnvironment,
  inputs: Inputs,
  session: Session,
  profile: ProfileTarget | undefined,
  keeper: StartedKeeper | undefined,
): Promise<void> {
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
  const written = keeper === undefined ? { credentials: session.key } : { credentialsUri: keeper.readUrl }
  const write = async (target: ProfileTarget, restored: boolean): Promise<readonly Prose[]> => {
    const { warnings } = await installProfile({
      path: target.path,
      id: target.id,
      job: jobNameOf(job.variables),
      profile: { name: target.name, regionId: inputs.region ?? '', ...written },
      setCurrent: target.setCurrent,
      cleanup: restored,
      expiration: session.expiration === undefined ? undefined : new Date(session.expiration),
      now: stsTime(session, inputs),
      // What is left of the step's time; the process began with it.
      waitAtMostMs: Math.max(0, inputs.timeoutSeconds * 1000 - performance.now()),
    })
    const disagreement = homeDisagreement(job.variables, job.platform)
    return disagreement === undefined ? warnings : [...warnings, disagreement]
  }
  // Until the exports have succeeded the profile can be taken back, even if it is to stay.
  if (profile !== undefined) for (const warning of await write(profile, true)) runner.warning(warning)
  try {
    runner.exportAll(variables, outputsFor(inputs, session))
  } catch (failure) {
    if (profile !== undefined) await uninstallProfile({ ...profile, now: undefined })
    throw failure
  }
  if (profile !== undefined && !cleanup) await keep(runner, () => write(profile, false))
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
 * The step has succeeded by now: what cannot be kept for good is kept until the session has
 * expired.
 */
async function keep(runner: Runner, write: () => Promise<unknown>): Promise<void> {
  try {
    await write()
  } catch (failure) {
    runner.warning(
      say`The next step on this home that runs after the credentials have expired will remove the profile, although cleanup is false: ${textOf(failure)}`,
    )
  }
}

/**
 * A variable that holds this very value already (a key of the environment, passed on) is not ours
 * to restore.
 */
function exportedVariables(
  variables: ReadonlyMap<string, string>,
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, ExportedVariable>> {
  const changed = [...variables].filter(([name, value]) => env[name] !== value)
  return Object.fromEntries(
    changed.map(([name, value]) => [name, { before: env[name] ?? '', exported: hashOf(value) }]),
  )
}
