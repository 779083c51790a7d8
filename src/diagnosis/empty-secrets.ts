/** Secrets that a run does not get arrive as empty inputs. */
import type { InputName } from '../inputs/table.js'
import type { RunContext } from '../runner/run-context.js'
import { paragraph, yaml, type Block } from '../text/document.js'
import { SKIPS, untrustedRun } from './untrusted-run.js'

/**
 * What to do if inputs are missing because this run gets no secrets; nothing if that is not the
 * reason.
 *
 * @param given an input as the runner gives it; blank means absent
 */
export function emptySecrets(
  given: (name: InputName) => string | undefined,
  run: RunContext,
  event: unknown,
): Block[] {
  const isBlank = (name: InputName): boolean => (given(name) ?? '').trim() === ''
  const otherSource =
    !isBlank('oidc-provider-arn') || !isBlank('credential-source') || !isBlank('role-chaining')
  const keyMissing = !otherSource && (isBlank('access-key-id') || isBlank('access-key-secret'))
  const why = untrustedRun(run, event)
  if (why === undefined || !(keyMissing || isBlank('role-to-assume'))) return []
  return why === 'fork'
    ? [
        paragraph([
          'This run belongs to a pull request from a fork, which gets no secrets: inputs that are set from `secrets` are empty. Skip the job, or this step, for pull requests from forks:',
        ]),
        yaml(SKIPS.fork),
      ]
    : [
        paragraph([
          "Dependabot started this run, and its runs do not get the secrets of Actions: inputs that are set from `secrets` are empty. Store them as Dependabot secrets too (Settings, Secrets and variables, Dependabot), or skip the job, or this step, for Dependabot's runs:",
        ]),
        yaml(SKIPS.dependabot),
      ]
}
