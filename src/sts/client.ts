/** STS's three calls as this step needs them: a request in, a checked answer or a StsError out. Knows nothing of roles' order, inputs or the runner. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { AccessKey, TemporaryKey } from '../identity/credentials.js'
import { jsonObject } from '../net/json.js'
import { withoutSecrets } from '../secrecy/redact.js'
import { connectAhead, send, TransportError, type HttpAnswer, type HttpRequest } from '../net/request.js'
import {
  withRetries,
  retryAfterMs,
  decideOnNetworkFailure,
  type RetryPolicy,
  type RetryDecision,
} from '../net/retry.js'
import {
  EXPIRED_OIDC_TOKEN,
  isTransientError,
  ISSUER_CONFIGURATION_BROKEN,
  StsError,
  type AccessDeniedDetail,
  type StsCall,
} from './sts-error.js'
import type { StsSdk } from './sdk.js'

/** What both ways of assuming a role take. */
export interface RoleRequest {
  readonly roleArn: string
  readonly roleSessionName: string
  /** Seconds. */
  readonly durationSeconds: number
  /** JSON. */
  readonly policy: string | undefined
}

export interface AssumeRoleRequest extends RoleRequest {
  readonly externalId: string | undefined
  readonly sourceIdentity: string | undefined
}

export interface AssumeRoleWithOidcRequest extends RoleRequest {
  readonly oidcProviderArn: string
}

/** What STS issued. */
export interface AssumedRole {
  readonly key: TemporaryKey
  /** UTC, as STS wrote it: `2026-01-02T03:04:05Z`. */
  readonly expiration: string
  /** The session's ARN, as STS wrote it. */
  readonly arn: string
  readonly requestId: string | undefined
}

export interface CallerIdentity {
  readonly arn: string
  readonly accountId: string
}

export interface StsClient {
  /** @throws StsError, TransportError, RetriesExhaustedError */
  readonly assumeRole: (caller: AccessKey, request: AssumeRoleRequest) => Promise<AssumedRole>
  /**
   * @param oidcToken gives the token, and a newly minted one where `fresh` is true
   * @throws StsError, TransportError, RetriesExhaustedError, and whatever `oidcToken` throws
   */
  readonly assumeRoleWithOidc: (
    oidcToken: (fresh: boolean) => Promise<string>,
    request: AssumeRoleWithOidcRequest,
  ) => Promise<AssumedRole>
  /** @throws StsError, TransportError, RetriesExhaustedError */
  readonly getCallerIdentity: (caller: AccessKey) => Promise<CallerIdentity>
}

/**
 * @param endpoint the https URL of an STS host (http for a stand-in on loopback)
 * @param mask told each secret of an answer before anything else is done with it
 */
export function stsClient(endpoint: URL, policy: RetryPolicy, mask: (secret: string) => void): StsClient {
  // The connection comes about while the SDK is read and compiled, or while the issuer is asked. What fails ahead fails again where it is needed.
  let loading: ReturnType<typeof load> | undefined
  const load = async () => {
    connectAhead(endpoint).catch(() => undefined)
    // A turn of the loop for the requests to leave: compiling the SDK blocks it.
    await nextTurn()
    return import('./sdk.js')
  }
  const loadSdk = async () => (loading ??= load())

  const deliver =
    (call: StsCall, secrets: readonly (string | undefined)[]) =>
    async (request: HttpRequest): Promise<Readonly<Record<string, unknown>>> =>
      interpret(call, await send(request, { deadline: policy.deadline }), endpoint.host, secrets)

  const signed = async <T>(
    call: StsCall,
    caller: AccessKey,
    use: (sdk: StsSdk) => Promise<T>,
  ): Promise<T> => {
    const sdk = new (await loadSdk()).StsSdk(
      endpoint,
      caller,
      deliver(call, Object.values(caller) as (string | undefined)[]),
    )
    return withRetries(call, async () => use(sdk), judge, policy)
  }

  return {
    assumeRole: async (caller, request) => {
      const { AssumeRoleRequest, RuntimeOptions } = await loadSdk()
      return signed('AssumeRole', caller, async (sdk) => {
        const { body } = await sdk.assumeRoleWithOptions(
          new AssumeRoleRequest({ ...request }),
          new RuntimeOptions({}),
        )
        return assumedRole('AssumeRole', body, endpoint.host, mask)
      })
    },

    assumeRoleWithOidc: async (oidcToken, request) => {
      const call = 'AssumeRoleWithOIDC'
      let stale = false
      let renewals = 0
      let brokenIssuer = 0
      // The issuer's request goes out first: nothing can be asked of STS before it is answered.
      const [, sdkModule] = await Promise.all([oidcToken(false), loadSdk()])
      const { AssumeRoleWithOIDCRequest, RuntimeOptions } = sdkModule
      const attempt = async (): Promise<AssumedRole> => {
        const token = await oidcToken(stale)
        stale = false
        const { oidcProviderArn, ...role } = request
        const sdk = new sdkModule.StsSdk(endpoint, undefined, deliver(call, [token]))
        const { body } = await sdk.assumeRoleWithOIDCWithOptions(
          new AssumeRoleWithOIDCRequest({ ...role, OIDCProviderArn: oidcProviderArn, OIDCToken: token }),
          new RuntimeOptions({}),
        )
        return assumedRole(call, body, endpoint.host, mask)
      }
      return withRetries(
        call,
        attempt,
        (failure) => {
          if (failure instanceof StsError && failure.code === EXPIRED_OIDC_TOKEN) {
            stale = true
            return renewals++ === 0 ? { retryAfterMs: undefined } : 'final'
          }
          if (failure instanceof StsError && failure.code === ISSUER_CONFIGURATION_BROKEN) {
            return brokenIssuer++ < 2 ? { retryAfterMs: undefined } : 'final'
          }
          return judge(failure)
        },
        policy,
      )
    },

    getCallerIdentity: async (caller) => {
      const { RuntimeOptions } = await loadSdk()
      return signed('GetCallerIdentity', caller, async (sdk) => {
        const { body } = await sdk.getCallerIdentityWithOptions(new RuntimeOptions({}))
        const [arn, accountId] = [text(body?.arn), text(body?.accountId)]
        if (arn === undefined || accountId === undefined) throw incomplete('GetCallerIdentity', endpoint.host)
        return { arn, accountId }
      })
    },
  }
}

/** Whether another attempt may help. */
function judge(failure: unknown): RetryDecision {
  if (failure instanceof StsError)
    return isTransientError(failure) ? { retryAfterMs: failure.retryAfterMs } : 'final'
  return decideOnNetworkFailure(failure)
}

/** What an answer of STS says: its JSON object, a StsError, or a TransportError where it is not an answer of STS at all. */
function interpret(
  call: StsCall,
  answer: HttpAnswer,
  host: string,
  secrets: readonly (string | undefined)[],
): Readonly<Record<string, unknown>> {
  const { status, headers } = answer
  const wait = { retryAfterMs: retryAfterMs(headers) }
  // STS throttles by a 302 too (STS's error documentation).
  if (status === 302) throw new TransportError('status', host, `${call}: STS is throttling (302)`, wait)
  if (status >= 300 && status < 400)
    throw new TransportError('redirect', host, `${call}: a redirect (${status}), which is not STS's answer`)
  const object = jsonObject(answer.body)
  const code = text(object?.Code)
  if (object !== undefined && code !== undefined) throw stsError(call, code, object, answer, host, secrets)
  if (status === 429 || status >= 500)
    throw new TransportError('status', host, `${call}: status ${status}`, wait)
  if (object === undefined || status >= 400) {
    throw new TransportError(
      'nonsense',
      host,
      `${call}: status ${status} with a body that is not STS's JSON`,
      wait,
    )
  }
  return object
}

function stsError(
  call: StsCall,
  code: string,
  object: Readonly<Record<string, unknown>>,
  { status, headers }: HttpAnswer,
  host: string,
  secrets: readonly (string | undefined)[],
): StsError {
  const clean = (value: unknown): string | undefined => {
    const said = text(value)
    return said === undefined ? undefined : withoutSecrets(said, secrets)
  }
  const serverTime = Date.parse(headers.date ?? '')
  return new StsError({
    call,
    code: clean(code) ?? code,
    reason: withoutStringToSign(clean(object.Message) ?? ''),
    status,
    host,
    requestId: clean(object.RequestId),
    recommend: clean(object.Recommend),
    accessDeniedDetail: accessDeniedDetail(object.AccessDeniedDetail, clean),
    clockSkewMs: Number.isNaN(serverTime) ? undefined : serverTime - Date.now(),
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
  clean: (value: unknown) => string | undefined,
): AccessDeniedDetail | undefined {
  const object = typeof value === 'string' ? jsonObject(value) : jsonObject(JSON.stringify(value ?? null))
  if (object === undefined) return undefined
  return {
    authAction: clean(object.AuthAction),
    authPrincipalType: clean(object.AuthPrincipalType),
    authPrincipalOwnerId: clean(object.AuthPrincipalOwnerId),
    authPrincipalDisplayName: clean(object.AuthPrincipalDisplayName),
    noPermissionType: clean(object.NoPermissionType),
    policyType: clean(object.PolicyType),
    encodedDiagnosticMessage: clean(object.EncodedDiagnosticMessage),
  }
}

interface AssumeRoleBody {
  readonly credentials?: {
    readonly accessKeyId?: unknown
    readonly accessKeySecret?: unknown
    readonly securityToken?: unknown
    readonly expiration?: unknown
  }
  readonly assumedRoleUser?: { readonly arn?: unknown }
  readonly requestId?: unknown
}

/** The SDK's types promise every field; the wire does not. */
function assumedRole(
  call: StsCall,
  body: AssumeRoleBody | undefined,
  host: string,
  mask: (secret: string) => void,
): AssumedRole {
  const { accessKeyId, accessKeySecret, securityToken, expiration } = body?.credentials ?? {}
  const fields = [accessKeyId, accessKeySecret, securityToken].map(text)
  for (const secret of fields) if (secret !== undefined) mask(secret)
  const [id, secret, token] = fields
  const [until, arn] = [text(expiration), text(body?.assumedRoleUser?.arn)]
  if (
    id === undefined ||
    secret === undefined ||
    token === undefined ||
    until === undefined ||
    arn === undefined ||
    Number.isNaN(Date.parse(until))
  ) {
    throw incomplete(call, host)
  }
  return {
    key: { accessKeyId: id, accessKeySecret: secret, securityToken: token },
    expiration: until,
    arn,
    requestId: text(body?.requestId),
  }
}

function incomplete(call: StsCall, host: string): TransportError {
  return new TransportError('nonsense', host, `${call}: a success without all of its fields`)
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
