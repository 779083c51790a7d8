/**
 * Runs to which the CI gives no secrets and no OIDC tokens, since someone else may have written
 * what they run.
 */
import type { RunContext } from '../runner/run-context.js'

/**
 * @param event the parsed event of the run
 * @returns `fork` for a pull request whose code is another repository's, `dependabot` for a run
 *   that Dependabot started
 */
export function untrustedRun(
  { actor, eventName }: RunContext,
  event: unknown,
): 'fork' | 'dependabot' | undefined {
  if (actor === 'dependabot[bot]') return 'dependabot'
  return isForksPullRequest(eventName, event) ? 'fork' : undefined
}

/**
 * `pull_request_target` runs the base's code, with tokens. A fork that has been deleted is null in
 * the event. The flag `fork` alone does not decide: a repository that is a fork has pull requests
 * of its own.
 */
function isForksPullRequest(eventName: string | undefined, event: unknown): boolean {
  if (eventName === undefined || !/^pull_request(_review|_review_comment)?$/.test(eventName)) return false
  const pullRequest = field(event, 'pull_request')
  const head = field(field(pullRequest, 'head'), 'repo')
  if (head === null) return true
  const [headName, baseName] = [
    field(head, 'full_name'),
    field(field(field(pullRequest, 'base'), 'repo'), 'full_name'),
  ]
  if (typeof headName !== 'string' || typeof baseName !== 'string') return field(head, 'fork') === true
  return headName.toLowerCase() !== baseName.toLowerCase()
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined
}

/** For a workflow, in `if`: skips such runs. */
export const SKIPS = {
  fork: "if: github.event_name != 'pull_request' || github.event.pull_request.head.repo.full_name == github.repository",
  dependabot: "if: github.actor != 'dependabot[bot]'",
} as const
