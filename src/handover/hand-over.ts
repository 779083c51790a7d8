/** Everything has been checked; now it is written, all of it or nothing. */
import { textOf } from '../errors/action-error.js'
import type { Inputs } from '../inputs/inputs.js'
import { homeDisagreement } from '../profile/home.js'
import { installProfile } from '../profile/install.js'
import { jobNameOf } from '../profile/job-name.js'
import { uninstallProfile } from '../profile/uninstall.js'
import type { JobEnvironment } from '../runner/job-environment.js'
import type { Runner } from '../runner/runner.js'
import type { Session } from '../sts/role-chain.js'
import { say, type Prose } from '../text/prose.js'
import { outputsFor } from './outputs.js'
import { hashOf, type ExportedVariable } from './state.js'
import { stsTime } from './sts-time.js'
import { holdsCredential, variablesFor } from './variables.js'

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
 * Saves what post needs, writes the profile, then exports all variables in one write and sets all
 * outputs in one. A step that is killed at any instant, even while it waits for the profile's lock,
 * has exported all or nothing.
 *
 * @throws ProfileError, FileCommandError; nothing is exported then
 */
export async function handOver(
  runner: Runner,
  job: JobEnvironment,
  inputs: Inputs,
  session: Session,
  profile: ProfileTarget | undefined,
): Promise<void> {
  const { cleanup } = inputs
  const variables = inputs.exportVariables
    ? variablesFor(session, inputs.region, inputs.exportFor)
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
  })
  const write = async (target: ProfileTarget, restored: boolean): Promise<readonly Prose[]> => {
    const { warnings } = await installProfile({
      path: target.path,
      id: target.id,
      job: jobNameOf(job.variables),
      profile: { name: target.name, credentials: session.key, regionId: inputs.region ?? '' },
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
