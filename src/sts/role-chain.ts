/** From a base identity to the session that is handed on: role after role, each call signed by the session before it. */
import { parseArn } from './arn.js'
import type { AccessKey, TemporaryKey } from '../identity/credentials.js'
import type { SessionRequest } from '../inputs/inputs.js'
import type { FirstIdentity } from '../identity/first-identity.js'
import type { AssumedRole, StsClient } from './client.js'
import { ActionError } from '../errors/action-error.js'
import { say } from '../text/prose.js'

/** Seconds; what the earlier roles of a chain are assumed for, the least that STS allows. */
export const LINK_DURATION_SECONDS = 900

/** The identity that the job ends with. */
export interface Session {
  readonly key: TemporaryKey
  /** UTC, `2026-01-02T03:04:05Z`; undefined where the source does not say. */
  readonly expiration: string | undefined
  /** As STS returned it. */
  readonly arn: string
  readonly accountId: string
  /** Undefined if no role was assumed. */
  readonly roleSessionName: string | undefined
  /** Of the last AssumeRole; undefined if STS did not say or no role was assumed. */
  readonly requestId: string | undefined
}

export interface Caller {
  readonly key: AccessKey
  /** Known where an earlier role of the chain asks. */
  readonly arn: string | undefined
}

/** A role of the chain was not assumed. `cause` is why. */
export class AssumeRoleError extends Error {
  override readonly name = 'AssumeRoleError'
  readonly roleArn: string
  /** From 1. */
  readonly position: number
  readonly roles: number
  // Private, so that an error which is printed whole shows no key.
  readonly #caller: Caller | undefined

  constructor(roleArn: string, position: number, roles: number, caller: Caller | undefined, cause: unknown) {
    super(`${roleArn} was not assumed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    this.roleArn = roleArn
    this.position = position
    this.roles = roles
    this.#caller = caller
  }

  /** Who asked: undefined for the OIDC token. */
  get caller(): Caller | undefined {
    return this.#caller
  }
}

/**
 * Assumes the roles in order. Duration, policy and external ID belong to the last one; the source identity goes with the first signed call and
 * persists from there (AssumeRole's SourceIdentity).
 *
 * @throws AssumeRoleError
 */
export async function assumeRoles(
  sts: StsClient,
  base: FirstIdentity,
  roles: readonly string[],
  sessionRequest: SessionRequest,
): Promise<Session> {
  let caller = base.by === 'key' ? base.key : undefined
  let callerArn: string | undefined
  let assumed: AssumedRole | undefined
  let sourceIdentity = sessionRequest.sourceIdentity
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
        if (base.by !== 'oidc') throw new Error('a key signs every call of a chain that begins with a key')
        assumed = await sts.assumeRoleWithOidc(base.token, { ...request, oidcProviderArn: base.providerArn })
      } else {
        assumed = await sts.assumeRole(caller, {
          ...request,
          externalId: last ? sessionRequest.externalId : undefined,
          sourceIdentity,
        })
        sourceIdentity = undefined
      }
    } catch (cause) {
      throw new AssumeRoleError(
        roleArn,
        index + 1,
        roles.length,
        caller === undefined ? undefined : { key: caller, arn: callerArn },
        cause,
      )
    }
    caller = assumed.key
    callerArn = assumed.arn
  }
  if (assumed === undefined) throw new Error('no role to assume')
  const accountId = parseArn(assumed.arn)?.accountId
  if (accountId === undefined)
    throw new Error(`STS answered with an ARN that names no account: ${assumed.arn}`)
  return {
    key: assumed.key,
    expiration: assumed.expiration,
    arn: assumed.arn,
    accountId,
    roleSessionName: sessionRequest.roleSessionName,
    requestId: assumed.requestId,
  }
}

/**
 * Passes a temporary key on as it is, after STS has said whose it is.
 *
 * @throws StsError, TransportError, RetriesExhaustedError
 */
export async function verifyKey(sts: StsClient, first: FirstIdentity): Promise<Session> {
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

/** The session belongs to an account that allowed-account-ids does not list. */
export class AccountNotAllowedError extends ActionError {
  override readonly name = 'AccountNotAllowedError'
  readonly code = 'account-not-allowed'
}

/** @throws AccountNotAllowedError; an empty list allows every account */
export function assertAllowedAccount({ accountId }: Session, allowedAccountIds: readonly string[]): void {
  if (allowedAccountIds.length === 0 || allowedAccountIds.includes(accountId)) return
  throw new AccountNotAllowedError(
    say`The session belongs to the account ${accountId}, and allowed-account-ids lists ${allowedAccountIds.join(', ')}. Nothing was exported. Check the account in role-to-assume, or add it to allowed-account-ids.`,
  )
}
