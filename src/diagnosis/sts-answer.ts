/** Finds what the table knows about an answer of STS. */
import type { StsError } from '../sts/sts-error.js'
import { ROOT_WORDS, STS_ANSWERS, type StsAnswer } from './sts-codes.js'

/**
 * The row of an answer; undefined if STS says something that the table does not know.
 *
 * @param byRoot true if GetCallerIdentity has shown that a root account asked, whatever words STS
 *   found for its refusal
 */
export function stsAnswer(
  error: Pick<StsError, 'call' | 'code' | 'reason'>,
  byRoot: boolean,
): StsAnswer | undefined {
  const denied = error.code === 'NoPermission'
  // An OIDC token has no policies of its own: whatever denies it is the trust policy.
  const code = denied && error.call === 'AssumeRoleWithOIDC' ? 'AuthenticationFail.NoPermission' : error.code
  const words = denied && byRoot ? ROOT_WORDS : error.reason
  return (
    STS_ANSWERS.find((answer) => answer.codes.includes(code) && (answer.words?.test(words) ?? true)) ??
    STS_ANSWERS.find((answer) => answer.codes.some((known) => isOfFamily(code, known)))
  )
}

function isOfFamily(code: string, known: string): boolean {
  return known.endsWith('.*') && code.startsWith(known.slice(0, -1))
}

/**
 * The anchor of a code's section in docs/troubleshooting.md; of its family's section if the code is
 * not in the table.
 */
export function anchorOf(code: string, answer: StsAnswer): string {
  const known = answer.codes.includes(code)
    ? code
    : (answer.codes.find((each) => isOfFamily(code, each)) ?? answer.codes[0] ?? '')
  return anchorOfCode(known)
}

/** The code in lower case, with hyphens for dots and without the `.*` of a family. */
export function anchorOfCode(code: string): string {
  return code.replace(/\.\*$/, '').toLowerCase().replaceAll('.', '-')
}
