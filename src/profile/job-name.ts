/**
 * The job in words for people, from the runner's variables. All steps of a job have the same, and
 * no two jobs that can share a home at a time: two runners on a machine differ in their names or
 * folders.
 */
export function jobNameOf(env: Readonly<NodeJS.ProcessEnv>): string {
  const parts = [
    ['', env.GITHUB_REPOSITORY],
    ['run ', env.GITHUB_RUN_ID],
    ['attempt ', env.GITHUB_RUN_ATTEMPT],
    ['job ', env.GITHUB_JOB],
    ['runner ', env.RUNNER_NAME],
    ['in ', env.RUNNER_TEMP],
  ] as const
  return parts.flatMap(([label, value]) => (value ? [`${label}${value}`] : [])).join(', ')
}
