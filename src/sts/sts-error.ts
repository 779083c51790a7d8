/** The calls of STS's API (2015-04-01) that this step makes. */
export type StsCall = 'AssumeRole' | 'AssumeRoleWithOIDC' | 'GetCallerIdentity'

/** Why RAM denied a call, where STS says it (error field AccessDeniedDetail). */
export interface AccessDeniedDetail {
  readonly authAction: string | undefined
  readonly authPrincipalType: string | undefined
  readonly authPrincipalOwnerId: string | undefined
  readonly authPrincipalDisplayName: string | undefined
  readonly noPermissionType: string | undefined
  readonly policyType: string | undefined
  readonly encodedDiagnosticMessage: string | undefined
}

/** STS answered, and its answer is no. Holds what STS said, without the caller's keys and tokens. */
export class StsError extends Error {
  override readonly name = 'StsError'
  readonly call: StsCall
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

  constructor(said: Omit<StsError, keyof Error>) {
    super(
      `${said.call}: ${said.code}: ${said.reason}${said.requestId === undefined ? '' : ` (RequestId ${said.requestId})`}`,
    )
    this.call = said.call
    this.code = said.code
    this.reason = said.reason
    this.status = said.status
    this.host = said.host
    this.requestId = said.requestId
    this.recommend = said.recommend
    this.accessDeniedDetail = said.accessDeniedDetail
    this.clockSkewMs = said.clockSkewMs
    this.retryAfterMs = said.retryAfterMs
  }
}

/** Codes of STS that say "not now" (STS's error documentation; classified by code, since the documents disagree on statuses). */
const TRANSIENT_CODE = /^(Throttling(\..*)?|InternalError|ServiceUnavailable|SignatureNonceUsed)$/

/** True where the same call may succeed a moment later. A code that is not known is judged by its status. */
export function isTransientError(error: StsError): boolean {
  if (TRANSIENT_CODE.test(error.code)) return true
  return DENIAL_CODE.test(error.code) ? false : error.status >= 500 || error.status === 429
}

/** Families of codes that are an answer, whatever status they come with. */
const DENIAL_CODE =
  /^(AuthenticationFail|EntityNotExist|Forbidden|Incomplete|Invalid|Missing|NoPermission|SignatureDoesNotMatch|Unsupported)/

export const EXPIRED_OIDC_TOKEN = 'AuthenticationFail.OIDCToken.Expired'
/** RAM could not fetch the issuer's keys: it may be RAM's own bad moment, but seldom more than twice. */
export const ISSUER_CONFIGURATION_BROKEN = 'AuthenticationFail.OIDCToken.IssuerConfigurationBroken'
