/** What a refused OIDC token says about itself, and why a trust policy may not match it. */
import { decodeJwt } from 'jose/jwt/decode'
import { parseArn } from '../sts/arn.js'
import { INPUTS } from '../inputs/table.js'
import type { Field } from '../text/document.js'
import { say, type Prose } from '../text/prose.js'

/** The claims that may be shown: they name the run, and open nothing. */
export interface SafeClaims {
  readonly issuer: string | undefined
  readonly subject: string | undefined
  readonly audiences: readonly string[]
  readonly repository: string | undefined
  readonly ref: string | undefined
  readonly environment: string | undefined
  readonly jobWorkflowRef: string | undefined
  readonly eventName: string | undefined
  readonly actor: string | undefined
}

/** Undefined if the token cannot be read. */
export function safeClaims(token: string): SafeClaims | undefined {
  let claims: Readonly<Record<string, unknown>>
  try {
    // Decoded, not verified: nothing is decided by these claims. They are shown beside the answer
    // of STS, which has verified them.
    claims = decodeJwt(token)
  } catch {
    return undefined
  }
  const text = (name: string): string | undefined => {
    const value = claims[name]
    return typeof value === 'string' && value !== '' ? value : undefined
  }
  return {
    issuer: text('iss'),
    subject: text('sub'),
    audiences: [claims.aud].flat().filter((item) => typeof item === 'string'),
    repository: text('repository'),
    ref: text('ref'),
    environment: text('environment'),
    jobWorkflowRef: text('job_workflow_ref'),
    eventName: text('event_name'),
    actor: text('actor'),
  }
}

/**
 * The claims as name and value, in the order in which they matter; event and actor only if they
 * explain the subject.
 */
export function claimFields(claims: SafeClaims): Field[] {
  const pullRequest = claims.eventName?.startsWith('pull_request') === true
  const bot = claims.actor?.endsWith('[bot]') === true
  const fields: [string, string | undefined][] = [
    ['iss', claims.issuer],
    ['sub', claims.subject],
    ['aud', claims.audiences.length === 0 ? undefined : claims.audiences.join(', ')],
    ['repository', claims.repository],
    ['ref', claims.ref],
    ['environment', claims.environment],
    ['job_workflow_ref', claims.jobWorkflowRef],
    ['event_name', pullRequest || bot ? claims.eventName : undefined],
    ['actor', pullRequest || bot ? claims.actor : undefined],
  ]
  return fields.flatMap(([name, value]) => (value === undefined ? [] : [[name, [{ value }]] satisfies Field]))
}

/**
 * A subject as GitHub writes it (GitHub's documentation, "OpenID Connect reference"), or one that
 * something else wrote.
 */
export interface Subject {
  readonly form: 'branch' | 'tag' | 'environment' | 'pull-request' | 'custom' | 'service-account'
  /**
   * `repo:owner/repo`, with the IDs if there are any; undefined if the subject begins otherwise.
   */
  readonly repository: string | undefined
  /** The subject without the IDs; undefined if it has none. */
  readonly withoutIds: string | undefined
}

/**
 * @param claimed the claim `repository`, which tells where a name ends and an ID begins
 */
export function readSubject(subject: string, claimed: string | undefined): Subject {
  const match = /^repo:([^/:]+)\/([^/:]+):(.+)$/s.exec(subject)
  const [, owner = '', repo = '', context = ''] = match ?? []
  const [ownerName, repoName] = [withoutId(owner), withoutId(repo)]
  if (match === null || ownerName.includes('@') || repoName.includes('@')) {
    return {
      form: subject.startsWith('system:serviceaccount:') ? 'service-account' : 'custom',
      repository: undefined,
      withoutIds: undefined,
    }
  }
  const forgejo = forgejoNames(owner, repo, claimed)
  const immutable = ownerName !== owner && repoName !== repo ? `${ownerName}/${repoName}` : forgejo
  return {
    form: formOf(context),
    repository: `repo:${owner}/${repo}`,
    withoutIds: immutable === undefined ? undefined : `repo:${immutable}:${context}`,
  }
}

/** GitHub writes `name@ID`. */
function withoutId(name: string): string {
  return name.replace(/@\d+$/, '')
}

/**
 * Forgejo writes `name-ID` (Forgejo 16, new repositories): the claim `repository` tells where the
 * name ends.
 */
function forgejoNames(owner: string, repo: string, claimed: string | undefined): string | undefined {
  const [claimedOwner = '', claimedRepo = ''] = claimed?.split('/') ?? []
  const isWithId = (written: string, name: string): boolean =>
    name !== '' && written.startsWith(`${name}-`) && /^\d+$/.test(written.slice(name.length + 1))
  return isWithId(owner, claimedOwner) && isWithId(repo, claimedRepo) ? claimed : undefined
}

function formOf(context: string): Subject['form'] {
  if (context === 'pull_request') return 'pull-request'
  // A colon within a value is written %3A, so that one more colon means one more claim: a template.
  if (/^environment:[^:]+$/.test(context)) return 'environment'
  if (/^ref:refs\/heads\/[^:]+$/.test(context)) return 'branch'
  if (/^ref:refs\/tags\/[^:]+$/.test(context)) return 'tag'
  return 'custom'
}

/** What each form of a subject does not match. */
const MISMATCHES: Readonly<Record<Subject['form'], Prose>> = {
  environment: say`The job names an environment, so the subject ends with the environment. A trust policy for a branch (\`ref:refs/heads/...\`) does not match it.`,
  'pull-request': say`The run belongs to a pull request, so the subject ends with \`pull_request\` and names no branch. A trust policy for a branch does not match it, and often should not: a pull request runs code that nobody has reviewed yet.`,
  tag: say`The run belongs to a tag. A trust policy for branches (\`ref:refs/heads/...\`) does not match it.`,
  branch: say`The subject names the branch. A trust policy for another branch, for an environment or for pull requests does not match it.`,
  custom: say`The subject is not in one of GitHub's default forms. It comes from a template of the organisation or the repository (\`gh api repos/OWNER/REPO/actions/oidc/customization/sub\` shows it), or from another issuer. The trust policy must contain it in the form in which it is sent.`,
  'service-account': say`The subject is a Kubernetes service account. A trust policy for another namespace or account does not match it, and neither does one for a workflow.`,
}

/** Why a role's trust policy may not have matched the token, the likeliest first. */
export function likelyMismatches(claims: SafeClaims, providerArn: string, roleArn: string): Prose[] {
  const { subject = '', issuer = '', audiences, repository } = claims
  const { form, repository: prefix, withoutIds } = readSubject(subject, repository)
  const reasons: Prose[] = []
  const [providerAccount, roleAccount] = [parseArn(providerArn)?.accountId, parseArn(roleArn)?.accountId]
  if (providerAccount !== roleAccount) {
    reasons.push(
      say`The provider: ${providerArn} belongs to account ${providerAccount ?? ''}, the role to account ${roleAccount ?? ''}. A role trusts providers of its own account.`,
    )
  }
  if (withoutIds !== undefined) {
    reasons.push(
      say`The subject has the immutable form, with the IDs of owner and repository after their names. GitHub sends it for repositories created, renamed or transferred after 2026-07-15 and for those that opted in, Forgejo for new ones. A trust policy written for ${withoutIds} does not match it.`,
    )
  }
  reasons.push(MISMATCHES[form])
  if (/%3A/i.test(subject))
    reasons.push(
      say`A colon within a name is written \`%3A\` in the subject, and must be in the trust policy too.`,
    )
  reasons.push(
    prefix !== undefined && repository !== undefined && repository !== repository.toLowerCase()
      ? say`Upper and lower case count: the repository is ${repository}, in exactly these letters.`
      : say`Upper and lower case count, in every part.`,
  )
  if (!audiences.includes(INPUTS.audience.default)) {
    reasons.push(
      say`The audience is not ${INPUTS.audience.default}, which most trust policies require in \`oidc:aud\`.`,
    )
  }
  if (/^https:\/\/token\.actions\.githubusercontent\.com\/./.test(issuer)) {
    reasons.push(say`The issuer ends with the name of an enterprise. \`oidc:iss\` must have it too.`)
  }
  return reasons
}

/** How the policy for one subject becomes one for several. */
export function widenings(subject: string, claimed: string | undefined): Prose[] {
  const { form, repository } = readSubject(subject, claimed)
  if (repository === undefined || form === 'custom') {
    return [say`whatever changes from run to run: replace it with \`*\``]
  }
  return [
    say`every branch: ${`${repository}:ref:refs/heads/*`}`,
    say`the branches under release/: ${`${repository}:ref:refs/heads/release/*`}`,
    form === 'environment'
      ? say`the jobs of every environment: ${`${repository}:environment:*`}`
      : say`the jobs of an environment, whatever their branch: ${`${repository}:environment:<name>`} (GitHub lets you restrict who and what may deploy to it)`,
  ]
}
