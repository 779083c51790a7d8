import packageJson from '../../package.json' with { type: 'json' }

/** This action's version, as package.json states it. */
const VERSION: string = packageJson.version

/** What every request calls itself. */
export const USER_AGENT = `configure-alibaba-cloud-credentials/${VERSION}`

/**
 * With the run's ID, so that an entry of ActionTrail leads to its run; without it if it is unknown
 * or odd.
 */
export function userAgentOfRun(runId: string | undefined): string {
  return runId !== undefined && /^[\w-]{1,64}$/.test(runId) ? `${USER_AGENT} run/${runId}` : USER_AGENT
}
