/** With debug logging on, the OIDC token's safe claims are in the log of a successful step too. */
import type { Runner } from '../runner/runner.js'
import { logLines, type Block } from '../text/document.js'

/** @param oidcToken the token last used; undefined if there was none */
export async function debugClaims(
  runner: Runner,
  { RUNNER_DEBUG }: Readonly<NodeJS.ProcessEnv>,
  oidcToken: string | undefined,
): Promise<void> {
  if (RUNNER_DEBUG !== '1' || oidcToken === undefined) return
  // Loaded now: a run without debug logging does without.
  const { claimFields, safeClaims } = await import('./oidc-subject.js')
  const claims = safeClaims(oidcToken)
  if (claims === undefined) return
  const block: Block = { kind: 'fields', fields: claimFields(claims) }
  runner.debug(['The OIDC token says:'])
  for (const line of logLines([block])) runner.debug(line)
}
