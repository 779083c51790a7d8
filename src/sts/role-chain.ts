/**
 * From the first identity to the session that is passed on: role after role, each call signed by
 * the session before it.
 */
import { ActionError, textOf } from '../errors/action-error.js'
import type { AccessKey, TemporaryKey } from '../identity/credentials.js'
import type { FirstIdentity } from '../identity/first-identity.js'
import { SessionRejectedError } from '../identity/session-fields.js'
import type { SessionRequest } from '../inputs/inputs.js'
import { say } from '../text/prose.js'
import type { AssumedRole } from './answers.js'
import type { StsClient } from './client.js'

/** Seconds; what the earlier roles of a chain are assumed for, the least that STS allows. */
const LINK_DURATION_SECONDS = 900

/** The identity that the job ends with. */
export interface Session {
  readonly key: TemporaryKey
  /** UTC, `2026-01-02T03:04:05Z`; undefined if the source does not say. */
  readonly expiration: string | undefined
  /** As STS returned it. */
  readonly arn: string
  readonly accountId: string
  /** Undefined if no role was assumed. */
  readonly roleSessionName: string | undefined
  /** Of the last AssumeRole; undefined if STS did not say or no role was assumed. */
  readonly requestId: string | undefined
}

/** Who signs an AssumeRole. */
export interface Caller {
  readonly key: AccessKey
  /** Known if an earlier role of the chain calls. */
  readonly arn: string | undefined
}

/** A role of the chain was not assumed. `cause` is why. */
export class AssumeRoleError extends ActionError {
  override readonly name = 'AssumeRoleError'
  readonly code = 'role-not-assumed'
  readonly roleArn: string
  /** From 1. */
  readonly position: number
  readonly roles: number
  // Private, so that an error which is printed whole shows no key.
  readonly #caller: Caller | undefined

  constructor(roleArn: string, position: number, roles: number, caller: Caller | undefined, cause: unknown) {
    super(say`${roleArn} was not assumed: ${textOf(cause)}`, { cause })
    this.roleArn = roleArn
    this.position = position
    this.roles = roles
    this.#caller = caller
  }

  /** Who called: undefined for the OIDC token. */
  get caller(): Caller | undefined {
    return this.#caller
  }
}

/**
 * The session of the last role, or the first identity's own if there is no role to assume.
 *
 * @throws AssumeRoleError; what `verifyKey` throws
 */
export async function sessionFrom(
  sts: StsClient,
  first: FirstIdentity,
  roles: readonly string[],
  sessionRequest: SessionRequest,
): Promise<Session> {
  return roles.length > 0 ? assumeRoles(sts, first, roles, sessionRequest) : verifyKey(sts, first)
}

/**
 * Assumes the roles in order. Duration, policy and external ID belong to the last one. The source
 * identity goes with the first signed call and persists from there (AssumeRole's SourceIdentity),
 * unless the session of an OIDC token has it already.
 *
 * @throws AssumeRoleError
 */
export async function assumeRoles(
  sts: StsClient,
  first: FirstIdentity,
  roles: readonly string[],
  sessionRequest: SessionRequest,
): Promise<Session> {
  let caller: Caller | undefined = first.by === 'key' ? { key: first.key, arn: undefined } : undefined
  let assumed: AssumedRole | undefined
  let unsent = sessionRequest.sourceIdentity
  for (const [index, roleArn] of roles.entries()) {
    const last = index === roles.length - 1
    const request = {
      roleArn,
      roleSessionName: sessionRequest.roleSessionName,
      durationSeconds: last ? sessionRequest.durationSeconds : LINK_DURATION_SECONDS,
      policy: last ? sessionRequest.policy : undefined,
    }
    try {
      if (caller === undefined) {
        if (first.by !== 'oidc') throw new Error('a key signs every call of a chain that begins with a key')
        assumed = await sts.assumeRoleWithOidc(first.token, {
          ...request,
          oidcProviderArn: first.providerArn,
        })
      } else {
        const sourceIdentity = sourceIdentityToSend(unsent, assumed?.sourceIdentity)
        unsent = undefined
        assumed = await sts.assumeRole(caller.key, {
          ...request,
          externalId: last ? sessionRequest.externalId : undefined,
          sourceIdentity,
        })
      }
    } catch (cause) {
      throw new AssumeRoleError(roleArn, index + 1, roles.length, caller, cause)
    }
    caller = { key: assumed.key, arn: assumed.arn }
  }
  if (assumed === undefined) throw new Error('no role to assume')
  const { key, expiration, arn, accountId, requestId } = assumed
  return { key, expiration, arn, accountId, roleSessionName: sessionRequest.roleSessionName, requestId }
}

/**
 * @throws SessionRejectedError if the calling session has a source identity already, and another
 * one
 */
function sourceIdentityToSend(ours: string | undefined, taken: string | undefined): string | undefined {
  if (ours === undefined || taken === undefined) return ours
  if (ours === taken) return undefined
  throw new SessionRejectedError(
    'source-identity-taken',
    say`source-identity is ${ours}, but the session that calls AssumeRole already has the source identity ${taken}, from a claim of its OIDC token, and STS accepts no other. Remove source-identity, or set it to that value.`,
  )
}

/**
 * Passes a temporary key on as it is, after STS has said whose it is.
 *
 * @throws StsError, TransportError, RetriesExhaustedError
 */
async function verifyKey(sts: StsClient, first: FirstIdentity): Promise<Session> {
  if (first.by === 'oidc' || first.key.securityToken === undefined)
    throw new Error('only a temporary key can be passed on')
  const key: TemporaryKey = { ...first.key, securityToken: first.key.securityToken }
  const { arn, accountId } = await sts.getCallerIdentity(key)
  return {
    key,
    expiration: first.expiration,
    arn,
    accountId,
    roleSessionName: undefined,
    requestId: undefined,
  }
}

/** The session belongs, or would belong, to an account that allowed-account-ids does not list. */
class AccountNotAllowedError extends ActionError {
  override readonly name = 'AccountNotAllowedError'
  readonly code = 'account-not-allowed'
}

/** @throws AccountNotAllowedError; an empty list allows every account */
export function assertAllowedAccount(
  { accountId }: Pick<Session, 'accountId'>,
  allowedAccountIds: readonly string[],
): void {
  if (allowedAccountIds.length === 0 || allowedAccountIds.includes(accountId)) return
  throw new AccountNotAllowedError(
    say`The session belongs to the account ${accountId}, and allowed-account-ids lists ${allowedAccountIds.join(', ')}. Nothing was exported. Check the account in role-to-assume, or add it to allowed-account-ids.`,
  )
}
