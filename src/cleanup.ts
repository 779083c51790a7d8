/** The post step: undoes what main recorded, and nothing else. Never fails the job. */
import { uninstallProfile } from './profile/uninstall.js'
import type { Runner } from './runner/runner.js'

export async function undo(runner: Runner): Promise<void> {
  const record = runner.record()
  if (record === undefined) {
    runner.info('Nothing to take back: the step ended before it handed anything on.')
    return
  }
  if (!record.cleanup) {
    runner.info('cleanup is false: variables and profile stay as they are.')
    return
  }
  const variables = Object.entries(record.variables)
  await attempt(runner, 'The variables could not be put back', () => {
    if (variables.length === 0) return
    runner.requireFileCommands()
    runner.exportVariables(variables)
    runner.info(`Put back what ${variables.length} variables held before.`)
  })
  const { profile } = record
  if (profile === undefined) return
  await attempt(runner, `The profile ${JSON.stringify(profile.name)} could not be taken back`, async () => {
    const { notes, warnings } = await uninstallProfile({
      path: profile.path,
      id: profile.id,
      now: new Date(),
    })
    for (const note of notes) runner.info(note)
    for (const warning of warnings) runner.warning(warning)
  })
}

/** Each thing is taken back whether or not another could be. */
async function attempt(runner: Runner, trouble: string, effect: () => void | Promise<void>): Promise<void> {
  try {
    await effect()
  } catch (failure) {
    runner.warning(`${trouble}: ${failure instanceof Error ? failure.message : String(failure)}`)
  }
}
