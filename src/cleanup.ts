/** The story of post: it undoes what main recorded, and nothing else. Never fails the job. */
import { textOf } from './errors/action-error.js'
import { hashOf, type StepState } from './handover/state.js'
import { isExportable } from './handover/variables.js'
import { uninstallProfile } from './profile/uninstall.js'
import type { Runner } from './runner/runner.js'
import { say, type Prose } from './text/prose.js'

/** @param env what the variables hold now, to see which of them a later step has changed */
export async function cleanUp(runner: Runner, env: Readonly<NodeJS.ProcessEnv>): Promise<void> {
  const state = runner.state()
  if (state === undefined) {
    runner.info(['Nothing to clean up: the main step failed before exporting anything.'])
    return
  }
  if (!state.cleanup) {
    runner.info(['cleanup is false: variables and profile stay as they are.'])
    return
  }
  const { keeper } = state
  if (keeper !== undefined) {
    await attempt(runner, ['The keeper could not be stopped'], async () => {
      // Loaded now: a step that did not refresh does without.
      const { stopKeeper } = await import('./refresh/stop-keeper.js')
      const { notes, warnings } = await stopKeeper(keeper)
      for (const note of notes) runner.info(note)
      for (const warning of warnings) runner.warning(warning)
    })
  }
  await attempt(runner, ['The variables could not be restored'], () => {
    restoreVariables(runner, state.variables, env)
  })
  const { profile } = state
  if (profile === undefined) return
  await attempt(runner, say`The profile ${JSON.stringify(profile.name)} could not be restored`, async () => {
    const { notes, warnings } = await uninstallProfile({
      path: profile.path,
      target: profile.target,
      id: profile.id,
      // Post has no clock that STS has vouched for.
      now: undefined,
    })
    for (const note of notes) runner.info(note)
    for (const warning of warnings) runner.warning(warning)
  })
}

/** Only what main can export, and only what still holds what main exported. */
function restoreVariables(
  runner: Runner,
  variables: StepState['variables'],
  env: Readonly<NodeJS.ProcessEnv>,
): void {
  const ours = Object.entries(variables).filter(([name]) => isExportable(name))
  const unchanged = ours.filter(([name, { exported }]) => hashOf(env[name] ?? '') === exported)
  if (unchanged.length > 0) {
    runner.requireFileCommands()
    runner.exportAll(
      unchanged.map(([name, { before }]) => [name, before] as const),
      [],
    )
    runner.info(say`Restored ${unchanged.length} variables to their previous values.`)
  }
  // A main that was killed before it exported anything has left every variable as it was.
  const changed = ours.filter(
    ([name, { before, exported }]) => (env[name] ?? '') !== before && hashOf(env[name] ?? '') !== exported,
  )
  if (changed.length > 0) {
    runner.info(
      say`Left alone, because a later step changed them: ${changed.map(([name]) => name).join(', ')}.`,
    )
  }
}

/** Each thing is restored whether or not another could be. */
async function attempt(runner: Runner, trouble: Prose, effect: () => void | Promise<void>): Promise<void> {
  try {
    await effect()
  } catch (failure) {
    runner.warning(say`${trouble}: ${textOf(failure)}`)
  }
}
