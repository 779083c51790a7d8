/**
 * The seam between Alibaba Cloud's SDK and this step's transport: the SDK builds and signs STS's
 * requests, and this step sends them and reads the answers. The SDK's HTTP layer honours no proxy,
 * puts OIDC tokens into URLs and URLs into error messages, takes a 302 for success and cannot be
 * given an agent; its types turn numbers into strings and reject good sessions for fields that
 * nobody needs. Its client class has two exits, `callApi` for signed calls and `doRPCRequest` for
 * anonymous ones. Both are replaced here, so that none of that layer ever runs. Both are part
 * of the SDK's typed surface; its version is pinned, and every test that looks at the wire would
 * notice another exit.
 *
 * Loaded by a dynamic import, while the network is waited for: post never needs it.
 */
import { createHash, randomBytes } from 'node:crypto'
import openApi from '@alicloud/openapi-core'
import stsSdk from '@alicloud/sts20150401'
import { Request, RuntimeOptions } from '@darabonba/typescript'
import type { AccessKey } from '../identity/credentials.js'
import type { HttpRequest } from '../net/request.js'
import { utcSeconds } from '../text/utc.js'

const ALGORITHM = 'ACS3-HMAC-SHA256'
const HASH_OF_NOTHING = createHash('sha256').digest('hex')

/** Where requests go, and what they call themselves. */
export interface StsTarget {
  readonly endpoint: URL
  readonly userAgent: string
}

/** What both ways of assuming a role take. */
interface RoleRequest {
  readonly roleArn: string
  readonly roleSessionName: string
  /** Seconds. */
  readonly durationSeconds: number
  /** JSON. */
  readonly policy: string | undefined
}

/** What a call of AssumeRole takes besides the caller's key. */
export interface AssumeRoleRequest extends RoleRequest {
  readonly externalId: string | undefined
  readonly sourceIdentity: string | undefined
}

/** What a call of AssumeRoleWithOIDC takes besides the token. */
export interface AssumeRoleWithOidcRequest extends RoleRequest {
  readonly oidcProviderArn: string
}

/** A request for AssumeRole, with a new signature at each call. */
export async function assumeRoleRequest(
  target: StsTarget,
  caller: AccessKey,
  request: AssumeRoleRequest,
): Promise<HttpRequest> {
  const sdk = new RequestBuilder(target, caller)
  await sdk.assumeRoleWithOptions(new stsSdk.AssumeRoleRequest({ ...request }), new RuntimeOptions({}))
  return sdk.built()
}

/** A request for AssumeRoleWithOIDC, which is not signed. */
export async function assumeRoleWithOidcRequest(
  target: StsTarget,
  oidcToken: string,
  { oidcProviderArn, ...role }: AssumeRoleWithOidcRequest,
): Promise<HttpRequest> {
  const sdk = new RequestBuilder(target, undefined)
  await sdk.assumeRoleWithOIDCWithOptions(
    new stsSdk.AssumeRoleWithOIDCRequest({
      ...role,
      OIDCProviderArn: oidcProviderArn,
      OIDCToken: oidcToken,
    }),
    new RuntimeOptions({}),
  )
  return sdk.built()
}

/** A request for GetCallerIdentity, with a new signature at each call. */
export async function getCallerIdentityRequest(target: StsTarget, caller: AccessKey): Promise<HttpRequest> {
  const sdk = new RequestBuilder(target, caller)
  await sdk.getCallerIdentityWithOptions(new RuntimeOptions({}))
  return sdk.built()
}

/** What the SDK's methods accept as an answer; their result is not used. */
const NO_ANSWER = { body: {} }

class RequestBuilder extends stsSdk.default {
  readonly #target: StsTarget
  readonly #signer: AccessKey | undefined
  #built: HttpRequest | undefined

  /**
   * @param signer whose key signs the request; undefined for AssumeRoleWithOIDC, which is anonymous
   */
  constructor(target: StsTarget, signer: AccessKey | undefined) {
    super(new openApi.$OpenApiUtil.Config({ endpoint: target.endpoint.host }))
    this.#target = target
    this.#signer = signer
  }

  built(): HttpRequest {
    if (this.#built === undefined) throw new Error('the SDK built no request')
    return this.#built
  }

  /** A signed call: parameters in the query, the signature in a header (ACS3-HMAC-SHA256). */
  // eslint-disable-next-line @typescript-eslint/require-await -- the SDK's signature
  override async callApi(
    { action, version, method }: { action?: string; version?: string; method?: string },
    request: { query?: Record<string, string> },
  ): Promise<typeof NO_ANSWER> {
    const signer = this.#signer
    if (signer === undefined) throw new Error(`${action ?? 'the call'} must be signed`)
    const signed = new Request()
    signed.method = method ?? 'POST'
    signed.pathname = '/'
    signed.query = request.query ?? {}
    signed.headers = {
      ...commonHeaders(this.#target, action, version),
      'x-acs-date': utcSeconds(new Date()),
      // The SDK's own nonce is a hash of the host's name, the process ID and Math.random.
      'x-acs-signature-nonce': randomBytes(16).toString('hex'),
      'x-acs-content-sha256': HASH_OF_NOTHING,
      ...(signer.securityToken === undefined
        ? {}
        : { 'x-acs-accesskey-id': signer.accessKeyId, 'x-acs-security-token': signer.securityToken }),
    }
    const authorization = openApi.OpenApiUtil.getAuthorization(
      // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- the SDK declares an older Request, of which it reads method, path, query and headers
      signed,
      ALGORITHM,
      HASH_OF_NOTHING,
      signer.accessKeyId,
      signer.accessKeySecret,
    )
    const url = new URL(this.#target.endpoint)
    url.search = new URLSearchParams(signed.query).toString()
    this.#built = { method: 'POST', url, headers: { ...signed.headers, authorization } }
    return NO_ANSWER
  }

  /**
   * An anonymous call. All parameters travel in the body: the OIDC token is among them, and URLs
   * end up in logs of proxies and servers.
   */
  // eslint-disable-next-line @typescript-eslint/require-await -- the SDK's signature
  override async doRPCRequest(
    action: string,
    version: string,
    _protocol: string,
    _method: string,
    _authType: string,
    _bodyType: string,
    request: { query?: Record<string, string> },
  ): Promise<typeof NO_ANSWER> {
    const body = new URLSearchParams({
      Action: action,
      Version: version,
      Format: 'JSON',
      Timestamp: utcSeconds(new Date()),
      SignatureNonce: randomBytes(16).toString('hex'),
      ...request.query,
    }).toString()
    const headers = {
      ...commonHeaders(this.#target, action, version),
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': Buffer.byteLength(body),
    }
    this.#built = { method: 'POST', url: new URL(this.#target.endpoint), headers, body }
    return NO_ANSWER
  }
}

function commonHeaders(
  { endpoint, userAgent }: StsTarget,
  action: string | undefined,
  version: string | undefined,
): Record<string, string> {
  return {
    host: endpoint.host,
    'x-acs-action': action ?? '',
    'x-acs-version': version ?? '',
    accept: 'application/json',
    'user-agent': userAgent,
  }
}
