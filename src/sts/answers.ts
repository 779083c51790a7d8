/**
 * What STS's answers say, read from the wire. Required fields are checked here and nowhere else;
 * the others may be anything.
 */
import { assertNotExpired, SessionRejectedError, temporaryKey, utcTime } from '../identity/session-fields.js'
import type { TemporaryKey } from '../identity/credentials.js'
import { jsonObject, objectField, textField, type Json } from '../net/json.js'
import { unusableAnswer, type HttpAnswer } from '../net/request.js'
import { isTransientStatus, retryAfterMs } from '../net/retry.js'
import { serverTime } from '../net/server-time.js'
import { withoutSecrets } from '../secrecy/redact.js'
import { say, type Prose } from '../text/prose.js'
import { parseArn, roleName } from './arn.js'
import { StsError, type AccessDeniedDetail, type StsCall } from './sts-error.js'

/** What STS issued. */
export interface AssumedRole {
  readonly key: TemporaryKey
  /** UTC, `2026-01-02T03:04:05Z`. */
  readonly expiration: string
  /** The session's ARN, as STS wrote it. */
  readonly arn: string
  readonly accountId: string
  /** Which the session has already; AssumeRoleWithOIDC may take one from a claim. */
  readonly sourceIdentity: string | undefined
  readonly requestId: string | undefined
}

/** Whose key a call was signed with, as STS's GetCallerIdentity says. */
export interface CallerIdentity {
  readonly arn: string
  readonly accountId: string
}

/**
 * The JSON object of a success, which is status 200 and nothing else.
 *
 * @param object the JSON object in the answer's body; undefined if it holds none
 * @param secrets what the request held; STS may quote it back
 * @throws StsError if STS refuses; TransportError if this is not an answer of STS
 */
export function successOf(
  call: StsCall,
  answer: HttpAnswer,
  object: Json | undefined,
  secrets: readonly (string | undefined)[],
): Json {
  const { status } = answer
  const unusable = (code: 'nonsense' | 'redirect' | 'status', what: Prose) =>
    unusableAnswer(answer, code, say`${[call]}: ${what}`)
  // STS throttles by a 302 too (STS's error documentation).
  if (status === 302) throw unusable('status', ['STS is throttling (302)'])
  if (status >= 300 && status < 400)
    throw unusable('redirect', say`a redirect (${status}), which is not STS's answer`)
  const code = textField(object, 'Code')
  if (object !== undefined && code !== undefined) throw refusal(call, code, object, answer, secrets)
  if (isTransientStatus(status)) throw unusable('status', say`status ${status}`)
  if (object === undefined || status !== 200)
    throw unusable('nonsense', say`status ${status} with a body that is not STS's JSON`)
  return object
}

/**
 * @param roleArn the role that was asked for
 * @param mask called with each secret of the answer before it is checked
 * @throws TransportError if a required field is missing or malformed; SessionRejectedError
 */
export function assumedRole(
  call: StsCall,
  roleArn: string,
  object: Json,
  answer: HttpAnswer,
  mask: (secret: string) => void,
): AssumedRole {
  const credentials = objectField(object, 'Credentials')
  const key = temporaryKey(credentials, mask)
  const expiration = utcTime(credentials?.Expiration)
  const arn = textField(objectField(object, 'AssumedRoleUser'), 'Arn')
  const accountId = arn === undefined ? undefined : parseArn(arn)?.accountId
  if (key === undefined || expiration === undefined || arn === undefined || accountId === undefined)
    throw incomplete(call, answer)
  assertRequestedRole(roleArn, arn)
  assertNotExpired(expiration, answer.headers, ['STS'])
  const [sourceIdentity, requestId] = [textField(object, 'SourceIdentity'), textField(object, 'RequestId')]
  return { key, expiration, arn, accountId, sourceIdentity, requestId }
}

/** @throws TransportError if a field is missing, or if the two name different accounts */
export function callerIdentity(object: Json, answer: HttpAnswer): CallerIdentity {
  const [arn, accountId] = [textField(object, 'Arn'), textField(object, 'AccountId')]
  if (arn === undefined || accountId === undefined || parseArn(arn)?.accountId !== accountId)
    throw incomplete('GetCallerIdentity', answer)
  return { arn, accountId }
}

function incomplete(call: StsCall, answer: HttpAnswer): Error {
  return unusableAnswer(answer, 'nonsense', say`${[call]}: a success without all of its fields`)
}

/** RAM does not distinguish letter case in role names. */
function assertRequestedRole(requested: string, returned: string): void {
  const [asked, got] = [parseArn(requested), parseArn(returned)]
  const same = roleName(asked)?.toLowerCase() === roleName(got)?.toLowerCase()
  if (same && asked?.accountId === got?.accountId) return
  throw new SessionRejectedError(
    'session-of-another-role',
    say`STS was asked for a session of ${requested} and returned one of ${returned}. Nothing was exported. Check that sts-endpoint is a host of Alibaba Cloud.`,
  )
}

function refusal(
  call: StsCall,
  code: string,
  object: Json,
  { status, headers, host }: HttpAnswer,
  secrets: readonly (string | undefined)[],
): StsError {
  const said = (from: Json, name: string): string | undefined => {
    const text = textField(from, name)
    return text === undefined ? undefined : withoutSecrets(text, secrets)
  }
  const now = serverTime(headers)
  return new StsError({
    call,
    code: withoutSecrets(code, secrets),
    reason: withoutStringToSign(said(object, 'Message') ?? ''),
    status,
    host,
    requestId: said(object, 'RequestId'),
    recommend: said(object, 'Recommend'),
    accessDeniedDetail: accessDeniedDetail(object.AccessDeniedDetail, said),
    clockSkewMs: now === undefined ? undefined : now - Date.now(),
    retryAfterMs: retryAfterMs(headers),
  })
}

/** SignatureDoesNotMatch quotes the string that the server signed, with the whole request in it. */
function withoutStringToSign(message: string): string {
  return message.replace(
    /\b(server|client)?\s*(string to sign|stringtosign|canonical\s*request)\b.*$/is,
    '[string to sign left out]',
  )
}

/** An object, or the JSON text of one. */
function accessDeniedDetail(
  value: unknown,
  said: (from: Json, name: string) => string | undefined,
): AccessDeniedDetail | undefined {
  const object = typeof value === 'string' ? jsonObject(value) : objectField({ value }, 'value')
  if (object === undefined) return undefined
  return {
    authAction: said(object, 'AuthAction'),
    authPrincipalType: said(object, 'AuthPrincipalType'),
    authPrincipalOwnerId: said(object, 'AuthPrincipalOwnerId'),
    authPrincipalDisplayName: said(object, 'AuthPrincipalDisplayName'),
    noPermissionType: said(object, 'NoPermissionType'),
    policyType: said(object, 'PolicyType'),
    encodedDiagnosticMessage: said(object, 'EncodedDiagnosticMessage'),
  }
}
