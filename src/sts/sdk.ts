/**
 * The seam between Alibaba Cloud's SDK and this step's transport. The SDK knows STS's requests and signatures; its HTTP layer honours no proxy,
 * puts OIDC tokens into URLs and URLs into error messages, takes a 302 for success and cannot be given an agent. Its client class has two
 * ways out, `callApi` for signed calls and `doRPCRequest` for anonymous ones: both are replaced here, so that none of that layer ever runs.
 * Both are part of the SDK's typed surface; its version is pinned, and every test that looks at the wire would notice another way out.
 *
 * Loaded by a dynamic import, while the network is waited for: post never needs it.
 */
import { createHash, randomBytes } from 'node:crypto'
import openApi from '@alicloud/openapi-core'
import stsSdk from '@alicloud/sts20150401'
import { Request, RuntimeOptions } from '@darabonba/typescript'
import type { AccessKey } from '../identity/credentials.js'
import type { HttpRequest } from '../net/request.js'

const { AssumeRoleRequest, AssumeRoleWithOIDCRequest } = stsSdk
export { AssumeRoleRequest, AssumeRoleWithOIDCRequest, RuntimeOptions }

const ALGORITHM = 'ACS3-HMAC-SHA256'
const HASH_OF_NOTHING = createHash('sha256').digest('hex')

/** Gives the JSON object of a successful answer; throws otherwise. */
export type Deliver = (request: HttpRequest) => Promise<Readonly<Record<string, unknown>>>

type Fields = Readonly<Record<string, string>>

interface Delivered {
  body: Readonly<Record<string, unknown>>
}

export class StsSdk extends stsSdk.default {
  readonly #url: URL
  readonly #signer: AccessKey | undefined
  readonly #deliver: Deliver

  /** @param signer whose key signs the calls; undefined for AssumeRoleWithOIDC, which is anonymous */
  constructor(url: URL, signer: AccessKey | undefined, deliver: Deliver) {
    super(new openApi.$OpenApiUtil.Config({ endpoint: url.host }))
    this.#url = url
    this.#signer = signer
    this.#deliver = deliver
  }

  /** A signed call: parameters in the query, the signature in a header (ACS3-HMAC-SHA256). */
  override async callApi(
    { action, version, method }: { action?: string; version?: string; method?: string },
    request: { query?: Record<string, string> },
  ): Promise<Delivered> {
    const signer = this.#signer
    if (signer === undefined) throw new Error(`${action ?? 'the call'} must be signed`)
    const signed = new Request()
    signed.method = method ?? 'POST'
    signed.pathname = '/'
    signed.query = request.query ?? {}
    signed.headers = {
      ...commonHeaders(this.#url, action, version),
      'x-acs-date': timestamp(new Date()),
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
    const url = new URL(this.#url)
    url.search = new URLSearchParams(signed.query).toString()
    return {
      body: await this.#deliver({ method: 'POST', url, headers: { ...signed.headers, authorization } }),
    }
  }

  /** An anonymous call. All parameters travel in the body: the OIDC token is among them, and URLs end up in logs of proxies and servers. */
  override async doRPCRequest(
    action: string,
    version: string,
    _protocol: string,
    _method: string,
    _authType: string,
    _bodyType: string,
    request: { query?: Record<string, string> },
  ): Promise<Delivered> {
    const fields: Fields = {
      Action: action,
      Version: version,
      Format: 'JSON',
      Timestamp: timestamp(new Date()),
      SignatureNonce: randomBytes(16).toString('hex'),
      ...request.query,
    }
    const body = new URLSearchParams(fields).toString()
    const headers = {
      ...commonHeaders(this.#url, action, version),
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': Buffer.byteLength(body),
    }
    return { body: await this.#deliver({ method: 'POST', url: new URL(this.#url), headers, body }) }
  }
}

function commonHeaders(
  url: URL,
  action: string | undefined,
  version: string | undefined,
): Record<string, string> {
  return {
    host: url.host,
    'x-acs-action': action ?? '',
    'x-acs-version': version ?? '',
    accept: 'application/json',
    'user-agent': 'configure-alibaba-cloud-credentials',
  }
}

/** UTC without milliseconds, as STS demands. */
function timestamp(date: Date): string {
  return date.toISOString().replace(/\.\d{3}Z$/, 'Z')
}
