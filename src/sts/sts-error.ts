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

/** What STS says when it refuses a call: the error's own fields. */
type StsRefusal = Omit<StsError, Exclude<keyof ActionError, 'code'>>

/**
 * STS answered, and its answer is no. Holds what STS said, without the caller's keys and tokens.
 */
export class StsError extends ActionError {
  override readonly name = 'StsError'
  readonly call: StsCall
  /** STS's own code. */
  readonly code: string
  /** STS's own words. */
  readonly reason: string
  /** The HTTP status. */
  readonly status: number
  readonly host: string
  readonly requestId: string | undefined
  /** STS's page about this very error. */
  readonly recommend: string | undefined
  readonly accessDeniedDetail: AccessDeniedDetail | undefined
  /** The server's clock (header Date) minus ours, in milliseconds. */
  readonly clockSkewMs: number | undefined
  /** How long the answer asked us to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined

  constructor(refusal: StsRefusal) {
    const { call, code, reason, requestId } = refusal
    const request = requestId === undefined ? [] : say` (RequestId ${requestId})`
    super(say`${[call]}: ${code}: ${reason}${request}`)
    this.call = call
    this.code = code
    this.reason = reason
    this.status = refusal.status
    this.host = refusal.host
    this.requestId = requestId
    this.recommend = refusal.recommend
    this.accessDeniedDetail = refusal.accessDeniedDetail
    this.clockSkewMs = refusal.clockSkewMs
    this.retryAfterMs = refusal.retryAfterMs
  }
}
