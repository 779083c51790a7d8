import { randomBytes, randomUUID } from 'node:crypto'

import { decodeJwt, errors, jwtVerify } from 'jose'
import type { JWTPayload } from 'jose'

import type { Issuer } from './issuer.js'
import type { Answer, Service, WireRequest } from './listener.js'
import { evaluateIdentity, evaluateTrust, parseIdentityPolicy } from './policy.js'
import type { Context, IdentityPolicy, Principal, Verdict } from './policy.js'
import { alphanumeric } from './ram.js'
import type { KeyOwner, OidcProvider, RamDirectory, Role } from './ram.js'
import {
  acs3CanonicalRequest,
  acs3Signature,
  headersToSign,
  parseAcs3Authorization,
  sha256Hex,
  v1Signature,
  v1StringToSign,
} from './signature.js'
import type { OpenRecord, Trail } from './trail.js'

export interface IssuedCredentials {
  readonly accessKeyId: string
  readonly accessKeySecret: string
  readonly securityToken: string
  /** UTC without milliseconds. */
  readonly expiration: string
}

export interface SessionInput {
  readonly roleArn: string
  readonly roleSessionName: string
  /** Default 3600. */
  readonly durationSeconds?: number
}

/** Whose key it is, with the secret to check a signature by; or why it is nobody's. */
export type Authentication =
  | { readonly arn: string; readonly accessKeySecret: string }
  | { readonly code: string; readonly message: string }

export interface Sts {
  readonly service: Service
  readonly issueSession: (session: SessionInput) => IssuedCredentials
  readonly authenticate: (accessKeyId: string, token: string | undefined) => Authentication
  readonly setSessionLifetime: (roleArn: string, seconds: number | undefined) => void
  /** Every session that was issued. */
  readonly issued: () => Iterable<IssuedCredentials>
}

export interface StsParts {
  readonly ram: RamDirectory
  readonly issuer: Pick<Issuer, 'iss' | 'keys'>
  readonly trail: Pick<Trail, 'addAssumption'>
  /** By which timestamps of requests are judged. */
  readonly wireNow: () => number
  /** By which sessions and OIDC tokens begin and end. */
  readonly issueNow: () => number
}

interface Session extends IssuedCredentials {
  readonly role: Role
  readonly name: string
  readonly policy: IdentityPolicy | undefined
  readonly sourceIdentity: string | undefined
  readonly expiresAt: number
}

type Caller = KeyOwner | { readonly kind: 'session'; readonly session: Session }

type Parameters = ReadonlyMap<string, string>

/** STS says no. */
class Refusal extends Error {
  readonly status: number
  readonly code: string
  readonly fields: Readonly<Record<string, unknown>>

  constructor(status: number, code: string, message: string, fields: Readonly<Record<string, unknown>> = {}) {
    super(message)
    this.status = status
    this.code = code
    this.fields = fields
  }
}

const VERSION = '2015-04-01'
const ACTIONS = ['AssumeRole', 'AssumeRoleWithOIDC', 'GetCallerIdentity'] as const
const MAX_CLOCK_DIFFERENCE_MS = 15 * 60 * 1000

const ROLE_ARN = /^acs:ram::\d+:role\/[A-Za-z0-9.-]{1,64}$/
const OIDC_PROVIDER_ARN = /^acs:ram::\d+:oidc-provider\/[A-Za-z0-9._-]{1,128}$/
const ROLE_SESSION_NAME = /^[A-Za-z0-9.@_-]{2,64}$/
const EXTERNAL_ID = /^[\w+=,.@:/-]{2,1224}$/
const SOURCE_IDENTITY = /^(?!acs:|aliyun:|alibabacloud:)[\w+=,.@-]{2,64}$/

/** Alibaba Cloud STS, version 2015-04-01, over RPC. */
export function createSts({ ram, issuer, trail, wireNow, issueNow }: StsParts): Sts {
  const sessions = new Map<string, Session>()
  const sessionsByToken = new Map<string, Session>()
  const lifetimes = new Map<string, number>()
  const nonces = createNonceMemory(wireNow)

  function createSession(
    role: Role,
    name: string,
    durationSeconds: number,
    policy?: IdentityPolicy,
    sourceIdentity?: string,
  ): Session {
    const expiresAt = issueNow() + (lifetimes.get(role.arn) ?? durationSeconds) * 1000
    const session: Session = {
      accessKeyId: `STS.NT${alphanumeric(22)}`,
      accessKeySecret: alphanumeric(44),
      securityToken: securityToken(),
      expiration: utc(expiresAt),
      role,
      name,
      policy,
      sourceIdentity,
      expiresAt,
    }
    sessions.set(session.accessKeyId, session)
    sessionsByToken.set(session.securityToken, session)
    return session
  }

  /**
   * The key's owner, with the secret and, if the key is a session's, once its token has been
   * found in order.
   */
  function findKey(
    accessKeyId: string,
    token: string | undefined,
  ): { readonly caller: Caller; readonly secret: string } {
    const tokenSession = token === undefined || token === '' ? undefined : sessionsByToken.get(token)
    if (token !== undefined && token !== '' && tokenSession === undefined) {
      throw new Refusal(400, 'InvalidSecurityToken.Malformed', 'Specified SecurityToken is malformed.')
    }
    const stored = ram.key(accessKeyId)
    const session = sessions.get(accessKeyId)
    if (stored === undefined && session === undefined) {
      throw new Refusal(404, 'InvalidAccessKeyId.NotFound', 'Specified access key is not found.')
    }
    if (stored?.active === false)
      throw new Refusal(400, 'InvalidAccessKeyId.Inactive', 'Specified access key is disabled.')
    if (session !== undefined && tokenSession === undefined) {
      throw new Refusal(400, 'MissingSecurityToken', 'SecurityToken is mandatory for this action.')
    }
    if (tokenSession !== session) {
      throw new Refusal(
        400,
        'InvalidSecurityToken.MismatchWithAccessKey',
        'Specified SecurityToken mismatch with the AccessKey.',
      )
    }
    if (session !== undefined) {
      if (issueNow() >= session.expiresAt) {
        throw new Refusal(400, 'InvalidSecurityToken.Expired', 'Specified SecurityToken is expired.')
      }
      return { caller: { kind: 'session', session }, secret: session.accessKeySecret }
    }
    if (stored === undefined) throw new Error('A key is stored, or it is a session')
    return { caller: stored.owner, secret: stored.accessKeySecret }
  }

  function checkTimestamp(timestamp: string): void {
    const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(timestamp) ? Date.parse(timestamp) : Number.NaN
    if (Number.isNaN(time)) {
      throw new Refusal(
        400,
        'InvalidTimeStamp.Format',
        'Specified time stamp or date value is not well formatted.',
      )
    }
    if (Math.abs(wireNow() - time) > MAX_CLOCK_DIFFERENCE_MS) {
      throw new Refusal(400, 'InvalidTimeStamp.Expired', 'Specified time stamp or date value is expired.')
    }
  }

  function authenticate(request: WireRequest, parameters: Parameters, nonceIsNew: boolean): Caller {
    const { accessKeyId, token, timestamp, check } = readSignature(request, parameters)
    checkTimestamp(timestamp)
    const { caller, secret } = findKey(accessKeyId, token)
    check(secret)
    if (!nonceIsNew)
      throw new Refusal(400, 'SignatureNonceUsed', 'Specified signature nonce was used already.')
    return caller
  }

  function findRole(arn: string, message: string): Role {
    const role = ram.role(arn)
    if (role === undefined) throw new Refusal(404, 'EntityNotExist.Role', message)
    return role
  }

  function assumeRole(
    caller: Caller,
    parameters: Parameters,
  ): { readonly body: object; readonly session: Session; readonly duration: number } {
    const roleArn = mandatory(parameters, 'RoleArn', ROLE_ARN)
    const name = mandatory(parameters, 'RoleSessionName', ROLE_SESSION_NAME)
    const externalId = optional(parameters, 'ExternalId', EXTERNAL_ID)
    const sourceIdentity = optional(parameters, 'SourceIdentity', SOURCE_IDENTITY)
    const policy = sessionPolicy(parameters)
    const wanted = durationOf(parameters)
    if (caller.kind === 'root')
      throw noPermission(caller, 'ImplicitDeny', 'Roles may not be assumed by root accounts.')
    const role = findRole(roleArn, 'The specified Role not exists .')
    const duration = durationFor(role, wanted)

    const ownVerdict = permissionOf(caller, roleArn)
    if (ownVerdict !== 'Allow') {
      throw noPermission(
        caller,
        ownVerdict,
        'You are not authorized to do this action. You should be authorized by RAM.',
      )
    }
    const context: Context = externalId === undefined ? {} : { 'sts:ExternalId': [externalId] }
    const trustVerdict = evaluateTrust(role.trustPolicy, principalOf(caller), context)
    if (trustVerdict !== 'Allow') {
      throw noPermission(
        caller,
        trustVerdict,
        'No permission perform sts:AssumeRole on this Role. Maybe you are not authorized to perform sts:AssumeRole or the specified role does not trust you.',
        'AssumeRolePolicy',
      )
    }
    const carried = caller.kind === 'session' ? caller.session.sourceIdentity : undefined
    if (carried !== undefined && sourceIdentity !== undefined && sourceIdentity !== carried) {
      throw new Refusal(
        400,
        'InvalidParameter.SourceIdentity',
        'The parameter SourceIdentity is wrongly formed.',
      )
    }
    const session = createSession(role, name, duration, policy, sourceIdentity ?? carried)
    return {
      body: {
        ...sessionBody(session),
        ...(session.sourceIdentity === undefined ? {} : { SourceIdentity: session.sourceIdentity }),
      },
      session,
      duration,
    }
  }

  async function verifyToken(token: string, provider: OidcProvider): Promise<JWTPayload> {
    let claimed: JWTPayload
    try {
      claimed = decodeJwt(token)
    } catch {
      throw oidcRefusal('OIDCToken.Invalid', 'This JsonWebToken is invalid.')
    }
    if (claimed.iss !== provider.issuer)
      throw oidcRefusal(
        'OIDCToken.IssuerNotMatch',
        'Issuer of the OIDC token does not match the OIDC Provider.',
      )
    if (provider.issuer !== issuer.iss) {
      throw oidcRefusal('OIDCToken.IssuerConfigurationBroken', 'Get public keys from OIDC Provider failed')
    }
    let payload: JWTPayload
    try {
      payload = (
        await jwtVerify(token, issuer.keys, {
          algorithms: ['RS256'],
          currentDate: new Date(issueNow()),
          requiredClaims: ['exp', 'iat', 'sub', 'aud'],
        })
      ).payload
    } catch (error) {
      if (error instanceof errors.JWTExpired)
        throw oidcRefusal('OIDCToken.Expired', 'This JsonWebToken is expired.')
      if (
        error instanceof errors.JWSSignatureVerificationFailed ||
        error instanceof errors.JWKSNoMatchingKey
      ) {
        throw oidcRefusal('OIDCToken.InvalidSignature', 'This JsonWebToken has an invalid signature.')
      }
      throw oidcRefusal('OIDCToken.Invalid', 'This JsonWebToken is invalid.')
    }
    if (!audiencesOf(payload).some((audience) => provider.clientIds.includes(audience))) {
      throw oidcRefusal('OIDCToken.AudienceNotMatch', 'Invalid audience.')
    }
    return payload
  }

  async function assumeRoleWithOidc(parameters: Parameters) {
    const roleArn = mandatory(parameters, 'RoleArn', ROLE_ARN)
    const providerArn = mandatory(parameters, 'OIDCProviderArn', OIDC_PROVIDER_ARN)
    const name = mandatory(parameters, 'RoleSessionName', ROLE_SESSION_NAME)
    const token = mandatory(parameters, 'OIDCToken', /^[^]{4,20000}$/)
    const policy = sessionPolicy(parameters)
    const wanted = durationOf(parameters)
    const provider = ram.oidcProvider(providerArn)
    if (provider === undefined) throw oidcRefusal('NoPermission', 'No such OIDC Provider registered.')
    const claims = await verifyToken(token, provider)
    const role = findRole(roleArn, `The role not exists: ${roleArn}`)
    const duration = durationFor(role, wanted)
    const subject = claims.sub ?? ''
    const context = { 'oidc:iss': [provider.issuer], 'oidc:aud': audiencesOf(claims), 'oidc:sub': [subject] }
    if (evaluateTrust(role.trustPolicy, { kind: 'Federated', providerArn }, context) !== 'Allow') {
      throw oidcRefusal('NoPermission', 'There is no permission')
    }
    const session = createSession(role, name, duration, policy)
    return {
      body: {
        ...sessionBody(session),
        OIDCTokenInfo: {
          Subject: subject,
          Issuer: provider.issuer,
          ClientIds: audiencesOf(claims).join(','),
          ExpirationTime: utc((claims.exp ?? 0) * 1000),
          IssuanceTime: utc((claims.iat ?? 0) * 1000),
          VerificationInfo: 'Success',
        },
      },
      session,
      duration,
      subject,
    }
  }

  async function perform(
    request: WireRequest,
    parameters: Parameters,
    action: string | undefined,
    nonceIsNew: boolean,
    record: OpenRecord,
  ): Promise<object> {
    if (request.method !== 'GET' && request.method !== 'POST') {
      throw new Refusal(405, 'UnsupportedHTTPMethod', 'This http method is not supported.')
    }
    if (request.path !== '/') throw apiNotFound()
    const version = parameters.get('Version') ?? request.headers['x-acs-version']
    if (version === undefined) throw missing('Version')
    if (version !== VERSION)
      throw new Refusal(404, 'InvalidVersion', 'Specified parameter Version is not valid.')
    const known = ACTIONS.find((name) => name === action)
    if (known === undefined) throw apiNotFound()

    const assumed = (session: Session, durationSeconds: number, caller: string): void => {
      trail.addAssumption({
        time: wireNow(),
        action: known === 'AssumeRole' ? known : 'AssumeRoleWithOIDC',
        roleArn: session.role.arn,
        roleSessionName: session.name,
        durationSeconds,
        policy: parameters.get('Policy'),
        externalId: known === 'AssumeRole' ? parameters.get('ExternalId') : undefined,
        sourceIdentity: session.sourceIdentity,
        signer: known === 'AssumeRole' ? record.accessKeyId : undefined,
        caller,
        accessKeyId: session.accessKeyId,
      })
    }

    if (known === 'AssumeRoleWithOIDC') {
      const { body, session, duration, subject } = await assumeRoleWithOidc(parameters)
      assumed(session, duration, subject)
      return body
    }
    const caller = authenticate(request, parameters, nonceIsNew)
    record.caller = callerArn(caller)
    if (known === 'GetCallerIdentity') return identityBody(caller)
    const { body, session, duration } = assumeRole(caller, parameters)
    assumed(session, duration, record.caller)
    return body
  }

  return {
    service: {
      name: 'sts',
      receive(request) {
        const parameters: Parameters = new Map([...request.query, ...request.form])
        const action = parameters.get('Action') ?? request.headers['x-acs-action']
        // Noted even if a fault takes the request: for all that the client knows, STS has seen
        // it.
        const nonce = parameters.get('SignatureNonce') ?? request.headers['x-acs-signature-nonce']
        const nonceIsNew = nonce === undefined || nonces.add(nonce)
        return {
          action,
          accessKeyId:
            parseAcs3Authorization(request.headers.authorization ?? '')?.accessKeyId ??
            parameters.get('AccessKeyId'),
          async answer(record) {
            const requestId = newRequestId()
            try {
              return success(await perform(request, parameters, action, nonceIsNew, record), requestId)
            } catch (error) {
              if (error instanceof Refusal)
                return refusal(error.status, error.code, error.message, error.fields, requestId)
              throw error
            }
          },
        }
      },
      refuse: ({ status, code, message, fields, headers }) =>
        refusal(status, code, message ?? `${code}.`, fields ?? {}, newRequestId(), headers),
    },
    authenticate(accessKeyId, token) {
      try {
        const { caller, secret } = findKey(accessKeyId, token)
        return { arn: callerArn(caller), accessKeySecret: secret }
      } catch (error) {
        if (error instanceof Refusal) return { code: error.code, message: error.message }
        throw error
      }
    },
    setSessionLifetime(roleArn, seconds) {
      if (seconds === undefined) lifetimes.delete(roleArn)
      else lifetimes.set(roleArn, seconds)
    },
    issued: () => sessions.values(),
    issueSession({ roleArn, roleSessionName, durationSeconds = 3600 }) {
      const {
        accessKeyId,
        accessKeySecret,
        securityToken: token,
        expiration,
      } = createSession(findRole(roleArn, `There is no role ${roleArn}`), roleSessionName, durationSeconds)
      return { accessKeyId, accessKeySecret, securityToken: token, expiration }
    },
  }
}

interface ReadSignature {
  readonly accessKeyId: string
  readonly token: string | undefined
  readonly timestamp: string
  /** Throws unless the signature was made with this secret. */
  readonly check: (secret: string) => void
}

function readSignature(request: WireRequest, parameters: Parameters): ReadSignature {
  return request.headers.authorization === undefined
    ? readV1(request, parameters)
    : readAcs3(request, request.headers.authorization)
}

function readAcs3(request: WireRequest, header: string): ReadSignature {
  const authorization = parseAcs3Authorization(header)
  if (authorization === undefined) {
    throw new Refusal(
      400,
      'IncompleteSignature',
      'The request signature does not conform to Aliyun standards.',
    )
  }
  for (const name of ['x-acs-action', 'x-acs-version', 'x-acs-signature-nonce', 'x-acs-content-sha256']) {
    if (request.headers[name] === undefined) throw missing(name)
  }
  const timestamp = request.headers['x-acs-date']
  if (timestamp === undefined) throw missing('x-acs-date')
  return {
    accessKeyId: authorization.accessKeyId,
    token: request.headers['x-acs-security-token'],
    timestamp,
    check(secret) {
      const bodyHash = sha256Hex(request.body)
      const unsigned = headersToSign(request.headers).filter(
        (name) => !authorization.signedHeaders.includes(name),
      )
      const canonicalRequest = acs3CanonicalRequest({ ...request, bodyHash }, authorization.signedHeaders)
      if (
        unsigned.length > 0 ||
        request.headers['x-acs-content-sha256'] !== bodyHash ||
        authorization.signature !== acs3Signature(canonicalRequest, secret)
      ) {
        throw new Refusal(
          400,
          'SignatureDoesNotMatch',
          `Specified signature does not match our calculation. server canonicalRequest is: ${canonicalRequest}`,
        )
      }
    },
  }
}

function readV1(request: WireRequest, parameters: Parameters): ReadSignature {
  const accessKeyId = mandatory(parameters, 'AccessKeyId')
  const signature = mandatory(parameters, 'Signature')
  const timestamp = mandatory(parameters, 'Timestamp')
  mandatory(parameters, 'SignatureNonce')
  mandatory(parameters, 'SignatureMethod', /^HMAC-SHA1$/)
  mandatory(parameters, 'SignatureVersion', /^1\.0$/)
  return {
    accessKeyId,
    token: parameters.get('SecurityToken'),
    timestamp,
    check(secret) {
      const stringToSign = v1StringToSign(request.method, [...request.query, ...request.form])
      if (signature !== v1Signature(stringToSign, secret)) {
        throw new Refusal(
          400,
          'SignatureDoesNotMatch',
          `Specified signature is not matched with our calculation. server string to sign is:${stringToSign}`,
        )
      }
    },
  }
}

function mandatory(parameters: Parameters, name: string, pattern?: RegExp): string {
  const value = optional(parameters, name, pattern)
  if (value === undefined) throw missing(name)
  return value
}

function optional(parameters: Parameters, name: string, pattern?: RegExp): string | undefined {
  const value = parameters.get(name)
  if (value !== undefined && pattern?.test(value) === false) throw invalid(name)
  return value
}

function missing(name: string): Refusal {
  return new Refusal(400, `Missing${name}`, `${name} is mandatory for this action.`)
}

function invalid(name: string): Refusal {
  return new Refusal(400, `InvalidParameter.${name}`, `The parameter ${name} is wrongly formed.`)
}

function apiNotFound(): Refusal {
  return new Refusal(
    404,
    'InvalidApi.NotFound',
    'Specified api is not found, please check your url and method.',
  )
}

function oidcRefusal(code: string, message: string): Refusal {
  return new Refusal(401, `AuthenticationFail.${code}`, message)
}

function sessionPolicy(parameters: Parameters): IdentityPolicy | undefined {
  const text = parameters.get('Policy')
  if (text === undefined) return undefined
  if (Buffer.byteLength(text) > 2048) {
    throw new Refusal(
      400,
      'InvalidParameter.PolicySize',
      'The size of Policy must be smaller than 2048 bytes.',
    )
  }
  try {
    return parseIdentityPolicy(text)
  } catch {
    throw new Refusal(
      400,
      'InvalidParameter.PolicyGrammar',
      'The parameter Policy has not passed grammar check.',
    )
  }
}

/** Seconds, not yet held against the role's maximum. */
function durationOf(parameters: Parameters): number {
  return Number(optional(parameters, 'DurationSeconds', /^\d{1,9}$/) ?? 3600)
}

function durationFor(role: Role, seconds: number): number {
  if (seconds < 900 || seconds > role.maxSessionDuration) {
    throw new Refusal(
      400,
      'InvalidParameter.DurationSeconds',
      `The Min/Max value of DurationSeconds is 15min/${role.maxSessionDuration / 3600}hr.`,
    )
  }
  return seconds
}

/**
 * What the caller's own policies say; for a session those of its role, narrowed by the policy that
 * it was given.
 */
function permissionOf(caller: Exclude<Caller, { kind: 'root' }>, roleArn: string): Verdict {
  if (caller.kind === 'user') return evaluateIdentity(caller.policies, 'sts:AssumeRole', roleArn)
  const { role, policy } = caller.session
  const verdict = evaluateIdentity(role.policies, 'sts:AssumeRole', roleArn)
  return verdict !== 'Allow' || policy === undefined
    ? verdict
    : evaluateIdentity([policy], 'sts:AssumeRole', roleArn)
}

function principalOf(caller: Exclude<Caller, { kind: 'root' }>): Principal {
  const { accountId, arn } = caller.kind === 'user' ? caller : caller.session.role
  return { kind: 'RAM', accountId, arn }
}

function noPermission(
  caller: Caller,
  verdict: Verdict,
  message: string,
  policyType = 'AccountLevelIdentityBasedPolicy',
): Refusal {
  const principal =
    caller.kind === 'session'
      ? {
          type: 'AssumedRoleUser',
          owner: caller.session.role.accountId,
          name: `${caller.session.role.name}:${caller.session.name}`,
        }
      : caller.kind === 'user'
        ? { type: 'SubUser', owner: caller.accountId, name: caller.userId }
        : { type: 'Account', owner: caller.accountId, name: caller.accountId }
  return new Refusal(403, 'NoPermission', message, {
    AccessDeniedDetail: {
      AuthAction: 'sts:AssumeRole',
      AuthPrincipalType: principal.type,
      AuthPrincipalOwnerId: principal.owner,
      AuthPrincipalDisplayName: principal.name,
      NoPermissionType: verdict,
      PolicyType: policyType,
      EncodedDiagnosticMessage: randomBytes(120).toString('base64'),
    },
  })
}

function callerArn(caller: Caller): string {
  if (caller.kind !== 'session') return caller.arn
  const { role, name } = caller.session
  return `acs:ram::${role.accountId}:assumed-role/${role.name}/${name}`
}

function identityBody(caller: Caller): object {
  const Arn = callerArn(caller)
  switch (caller.kind) {
    case 'session': {
      const { role, name } = caller.session
      return {
        IdentityType: 'AssumedRoleUser',
        AccountId: role.accountId,
        PrincipalId: `${role.roleId}:${name}`,
        RoleId: role.roleId,
        Arn,
      }
    }
    case 'user':
      return {
        IdentityType: 'RAMUser',
        AccountId: caller.accountId,
        PrincipalId: caller.userId,
        UserId: caller.userId,
        Arn,
      }
    case 'root':
      return {
        IdentityType: 'Account',
        AccountId: caller.accountId,
        PrincipalId: caller.accountId,
        UserId: caller.accountId,
        Arn,
      }
  }
}

function sessionBody(session: Session): object {
  return {
    AssumedRoleUser: {
      Arn: `${session.role.arn}/${session.name}`,
      AssumedRoleId: `${session.role.roleId}:${session.name}`,
    },
    Credentials: {
      AccessKeyId: session.accessKeyId,
      AccessKeySecret: session.accessKeySecret,
      SecurityToken: session.securityToken,
      Expiration: session.expiration,
    },
  }
}

function audiencesOf({ aud }: JWTPayload): string[] {
  return aud === undefined ? [] : Array.isArray(aud) ? aud : [aud]
}

function success(body: object, requestId: string): Answer {
  return {
    status: 200,
    headers: responseHeaders(requestId),
    body: JSON.stringify({ RequestId: requestId, ...body }),
    requestId,
  }
}

function refusal(
  status: number,
  code: string,
  message: string,
  fields: Readonly<Record<string, unknown>>,
  requestId: string,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  const body = {
    RequestId: requestId,
    HostId: 'sts.aliyuncs.com',
    Code: code,
    Message: message,
    Recommend: `https://api.aliyun.com/troubleshoot?q=${encodeURIComponent(code)}&product=Sts&requestId=${requestId}`,
    ...fields,
  }
  return {
    status,
    headers: { ...responseHeaders(requestId), ...headers },
    body: JSON.stringify(body),
    code,
    requestId,
  }
}

function responseHeaders(requestId: string): Record<string, string> {
  return { 'content-type': 'application/json;charset=utf-8', 'x-acs-request-id': requestId }
}

function newRequestId(): string {
  return randomUUID().toUpperCase()
}

/** `2026-01-02T03:04:05Z` */
function utc(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d+Z$/, 'Z')
}

/**
 * Like the real ones: base64 in which `+`, `/` and the padding occur, so that a client that forgets
 * to encode them fails.
 */
function securityToken(): string {
  return `CAIS${randomBytes(150).toString('base64')}x+/y${randomBytes(301).toString('base64')}`
}

/** Remembers nonces for twice the time in which a timestamp is good, and no longer. */
function createNonceMemory(now: () => number): { readonly add: (nonce: string) => boolean } {
  let older = new Set<string>()
  let newer = new Set<string>()
  let turn = now()
  return {
    /** @returns whether the nonce was new */
    add(nonce) {
      if (now() - turn > 2 * MAX_CLOCK_DIFFERENCE_MS) {
        older = newer
        newer = new Set()
        turn = now()
      }
      if (older.has(nonce) || newer.has(nonce)) return false
      newer.add(nonce)
      return true
    },
  }
}
