import { ActionError } from '../errors/action-error.js'
import { say } from '../text/prose.js'

/** The calls of STS's API (2015-04-01) that this step makes. */
export type StsCall = 'AssumeRole' | 'AssumeRoleWithOIDC' | 'GetCallerIdentity'

/** Why RAM denied a call, if STS says it (error field AccessDeniedDetail). */
export interface AccessDeniedDetail {
  readonly authAction: string | undefined
  readonly authPrincipalType: string | undefined
  readonly authPrincipalOwnerId: string | undefined
  readonly authPrincipalDisplayName: string | undefined
  readonly noPermissionType: string | undefined
  readonly policyType: string | undefined
  readonly encodedDiagnosticMessage: string | undefined
}

export interface StsRefusal {
  readonly call: StsCall
  /** STS's own code. */
  readonly code: string
  /** STS's own words. */
  readonly reason: string
  readonly status: number
  readonly host: string
  readonly requestId: string | undefined
  /** STS's page about this very error. */
  readonly recommend: string | undefined
  readonly accessDeniedDetail: AccessDeniedDetail | undefined
  /** The server's clock (header Date) less ours, in milliseconds. */
  readonly clockSkewMs: number | undefined
  /** What the answer asked us to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined
}

/**
 * STS answered, and its answer is no. Holds what STS said, without the caller's keys and tokens.
 */
export class StsError extends ActionError implements StsRefusal {
  override readonly name = 'StsError'
  readonly call: StsCall
  readonly code: string
  readonly reason: string
  readonly status: number
  readonly host: string
  readonly requestId: string | undefined
  readonly recommend: string | undefined
  readonly accessDeniedDetail: AccessDeniedDetail | undefined
  readonly clockSkewMs: number | undefined
  readonly retryAfterMs: number | undefined

  constructor(said: StsRefusal) {
    const { call, code, reason, requestId } = said
    const request = requestId === undefined ? [] : say` (RequestId ${requestId})`
    super(say`${[call]}: ${code}: ${reason}${request}`)
    this.call = call
    this.code = code
    this.reason = reason
    this.status = said.status
    this.host = said.host
    this.requestId = requestId
    this.recommend = said.recommend
    this.accessDeniedDetail = said.accessDeniedDetail
    this.clockSkewMs = said.clockSkewMs
    this.retryAfterMs = said.retryAfterMs
  }
}
