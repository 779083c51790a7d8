/** What a refused OIDC token says about itself, and why a trust policy may not have known it. */
import { decodeJwt } from 'jose/jwt/decode'
import { parseArn } from '../sts/arn.js'
import { INPUTS } from '../inputs/table.js'
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

/** Undefined where the token cannot be read. */
export function safeClaims(token: string): SafeClaims | undefined {
  let claims: Readonly<Record<string, unknown>>
  try {
    // Decoded, not verified: nothing is decided by these claims. They are shown beside the verdict of STS, which has verified them.
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

/** The claims as name and value, in the order in which they matter; event and actor only where they explain the subject. */
export function claimFields(claims: SafeClaims): [name: string, value: string][] {
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
  return fields.flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] satisfies [string, string]],
  )
}

/** A subject as GitHub writes it (GitHub's documentation, "OpenID Connect reference"), or one that something else wrote. */
export interface Subject {
  readonly form: 'branch' | 'tag' | 'environment' | 'pull-request' | 'custom' | 'service-account'
  /** `repo:owner/repo`, with the IDs where they are there; undefined where the subject begins otherwise. */
  readonly repository: string | undefined
  /** The subject without the IDs; undefined where it has none. */
  readonly withoutIds: string | undefined
}

export function readSubject(subject: string): Subject {
  const match = /^repo:([^/:@]+)(@\d+)?\/([^/:@]+)(@\d+)?:(.+)$/s.exec(subject)
  if (match === null) {
    return {
      form: subject.startsWith('system:serviceaccount:') ? 'service-account' : 'custom',
      repository: undefined,
      withoutIds: undefined,
    }
  }
  const [, owner = '', ownerId, repo = '', repoId, context = ''] = match
  const immutable = ownerId !== undefined && repoId !== undefined
  return {
    form: formOf(context),
    repository: `repo:${owner}${ownerId ?? ''}/${repo}${repoId ?? ''}`,
    withoutIds: immutable ? `repo:${owner}/${repo}:${context}` : undefined,
  }
}

function formOf(context: string): Subject['form'] {
  if (context === 'pull_request') return 'pull-request'
  // A colon within a value is written %3A, so that one more colon means one more claim: a template.
  if (/^environment:[^:]+$/.test(context)) return 'environment'
  if (/^ref:refs\/heads\/[^:]+$/.test(context)) return 'branch'
  if (/^ref:refs\/tags\/[^:]+$/.test(context)) return 'tag'
  return 'custom'
}

/** Why a role's trust policy may not have matched the token, the likeliest first. */
export function likelyMismatches(claims: SafeClaims, providerArn: string, roleArn: string): Prose[] {
  const { subject = '', issuer = '', audiences, repository } = claims
  const { form, repository: prefix, withoutIds } = readSubject(subject)
  const reasons: Prose[] = []
  const [providerAccount, roleAccount] = [parseArn(providerArn)?.accountId, parseArn(roleArn)?.accountId]
  if (providerAccount !== roleAccount) {
    reasons.push(
      say`The provider: ${providerArn} is of account ${providerAccount ?? ''}, the role of account ${roleAccount ?? ''}. A role trusts the providers of its own account.`,
    )
  }
  if (withoutIds !== undefined) {
    reasons.push(
      say`The subject has the immutable form, in which the IDs of owner and repository stand behind their names. GitHub sends it for repositories created, renamed or transferred after 2026-07-15, and for those that chose it. A trust policy written for ${withoutIds} does not match it.`,
    )
  }
  switch (form) {
    case 'environment':
      reasons.push(
        say`The job names an environment, so the subject ends with the environment. A trust policy for a branch (\`ref:refs/heads/...\`) does not match it.`,
      )
      break
    case 'pull-request':
      reasons.push(
        say`The run belongs to a pull request, so the subject ends with \`pull_request\` and names no branch. A trust policy for a branch does not match it, and often it should not: a pull request runs code that nobody has reviewed yet.`,
      )
      break
    case 'tag':
      reasons.push(
        say`The run belongs to a tag. A trust policy for branches (\`ref:refs/heads/...\`) does not match it.`,
      )
      break
    case 'branch':
      reasons.push(
        say`The subject names the branch. A trust policy for another branch, for an environment or for pull requests does not match it.`,
      )
      break
    case 'custom':
      reasons.push(
        say`The subject is not in one of GitHub's default forms: a template of the organisation or the repository makes it (${"GitHub's REST API, actions/oidc/customization/sub"}), or another issuer does. The trust policy has to say it as the template writes it.`,
      )
      break
    case 'service-account':
      reasons.push(
        say`The subject is a Kubernetes service account. A trust policy for another namespace or account does not match it, nor one for a workflow.`,
      )
      break
  }
  if (/%3A/i.test(subject))
    reasons.push(
      say`A colon within a name is written \`%3A\` in the subject. The trust policy has to write it so too.`,
    )
  reasons.push(
    prefix !== undefined && repository !== undefined && repository !== repository.toLowerCase()
      ? say`Upper and lower case count: the repository is ${repository}, in just these letters.`
      : say`Upper and lower case count, in every part.`,
  )
  if (!audiences.includes(INPUTS.audience.default)) {
    reasons.push(
      say`The audience is not ${INPUTS.audience.default}, which most trust policies ask for in \`oidc:aud\`.`,
    )
  }
  if (/^https:\/\/token\.actions\.githubusercontent\.com\/./.test(issuer)) {
    reasons.push(say`The issuer ends with the name of an enterprise. \`oidc:iss\` has to have it too.`)
  }
  return reasons
}

/** In words, how the policy for one subject becomes one for several. */
export function widenings(subject: string): Prose[] {
  const { form, repository } = readSubject(subject)
  if (repository === undefined || form === 'custom') {
    return [say`what changes from run to run: write \`*\` in its place`]
  }
  return [
    say`every branch: ${`${repository}:ref:refs/heads/*`}`,
    say`the branches under release: ${`${repository}:ref:refs/heads/release/*`}`,
    form === 'environment'
      ? say`the jobs of every environment: ${`${repository}:environment:*`}`
      : say`the jobs of an environment, whatever their branch: ${`${repository}:environment:<name>`} (GitHub lets you say who and what may deploy to it)`,
  ]
}
