const MAX_LENGTH = 64

/** What a run can say about itself for its session's name. */
export interface RunName {
  readonly owner: string | undefined
  readonly repo: string | undefined
  readonly runId: string | undefined
}

/** Every character outside STS's rule for RoleSessionName (`[A-Za-z0-9.@_-]`, 2 to 64) becomes a hyphen; cut at 64. */
export function sanitisedSessionName(name: string): string {
  return sanitised(name).slice(0, MAX_LENGTH)
}

/**
 * `GitHubActions-<owner>-<repo>-<run id>`, without the parts that the run does not know. Where that is too long the middle is cut: the run ID
 * is what leads from an audit log's line back to the run.
 */
export function defaultSessionName({ owner, repo, runId }: RunName): string {
  const given = (parts: (string | undefined)[]): string =>
    sanitised(parts.filter((part) => part !== undefined && part !== '').join('-'))
  const tail = given([runId])
  const head = given(['GitHubActions', owner, repo])
  if (tail === '') return head.slice(0, MAX_LENGTH)
  return `${head.slice(0, MAX_LENGTH - tail.length - 1)}-${tail}`.slice(-MAX_LENGTH)
}

function sanitised(name: string): string {
  return name.replace(/[^A-Za-z0-9.@_-]/gu, '-')
}
