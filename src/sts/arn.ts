/** The parts of an ARN of RAM or STS that this step reads. */
export interface Arn {
  readonly service: 'ram' | 'sts'
  readonly accountId: string
  /** `role`, `assumed-role`, `user`, `root`, `oidc-provider`. */
  readonly type: string
  /** What follows the type: `admin`, `admin/session`; empty for `root`. */
  readonly resource: string
}

/**
 * Reads an ARN in every form that STS returns: `acs:ram::A:role/R/S` (AssumeRole),
 * `acs:ram::A:assumed-role/R/S` (GetCallerIdentity), `acs:sts::A:assumed-role/R/S` (messages),
 * `acs:ram::A:user/U`, `acs:ram::A:root`. RAM's names are visible ASCII. Undefined for anything
 * else.
 */
export function parseArn(text: string): Arn | undefined {
  const match = /^acs:(ram|sts)::(\d+):([a-z-]+)(?:\/([\x21-\x7e]+))?$/.exec(text)
  if (match === null) return undefined
  const [, service, accountId, type, resource] = match
  if (accountId === undefined || type === undefined) return undefined
  return { service: service === 'sts' ? 'sts' : 'ram', accountId, type, resource: resource ?? '' }
}

/**
 * `acs:ram::<account>:role/<name>`, the name of 1 to 64 letters, digits, `.`, `_`, `-` (RAM's
 * CreateRole; ROS's page allows `_`: STS decides).
 */
export const ROLE_ARN = /^acs:ram::\d+:role\/[\w.-]{1,64}$/

/** `acs:ram::<account>:oidc-provider/<name>` (RAM's CreateOIDCProvider). */
export const OIDC_PROVIDER_ARN = /^acs:ram::\d+:oidc-provider\/[A-Za-z0-9._-]{1,128}$/

/** The name of a role, or of the role behind a session; undefined for any other ARN. */
export function roleName(arn: Arn | undefined): string | undefined {
  if (arn === undefined || !/^(role|assumed-role)$/.test(arn.type)) return undefined
  return arn.resource.split('/')[0]
}

/** The ARN of the role behind a session's ARN; the ARN itself if it is no session's. */
export function identityBehind(text: string): string {
  const arn = parseArn(text)
  const name = roleName(arn)
  return arn === undefined || name === undefined ? text : `acs:ram::${arn.accountId}:role/${name}`
}
