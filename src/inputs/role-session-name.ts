/** The name of the session: given, or made of what the run says about itself. */
import { accepted, refused, type Parser } from './parsers.js'

const MAX_LENGTH = 64

/** What a run can say about itself for its session's name. */
export interface RunName {
  readonly owner: string | undefined
  readonly repo: string | undefined
  readonly runId: string | undefined
}

/**
 * Every character outside STS's rule for RoleSessionName (`[A-Za-z0-9.@_-]`, 2 to 64) becomes a
 * hyphen; cut at 64.
 */
export function sanitisedSessionName(name: string): string {
  return sanitised(name).slice(0, MAX_LENGTH)
}

/** The input `role-session-name`. */
export const roleSessionName: Parser<string> = (text) => {
  const name = sanitisedSessionName(text)
  return name.length >= 2
    ? accepted(name)
    : refused({
        got: text,
        accepted: ['2 to 64 letters, digits and . @ _ - (any other character becomes a hyphen)'],
      })
}

/**
 * `GitHubActions-<owner>-<repo>-<run id>`, without the parts that the run does not know. If that is
 * too long the middle is cut: the run ID leads from an audit log's line back to the run.
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
