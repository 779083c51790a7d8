/** The OIDC token of the CI: asked of its issuer, or read from a file that something else keeps fresh. */
import { readFile, stat } from 'node:fs/promises'
import { jsonObject } from '../json.js'
import { persist, retryAfterMs, send, TransportError, verdictOf, type HttpAnswer, type Patience } from '../transport.js'

/**
 * No OIDC token could be had, and trying again would not help.
 *
 * - `no-issuer`: the job was given no way to ask for one
 * - `refused`: the issuer answered no
 * - `file`: the token file cannot be read, or holds no token
 */
export class OidcTokenError extends Error {
  override readonly name = 'OidcTokenError'
  readonly why: 'no-issuer' | 'refused' | 'file'
  /** The issuer's HTTP status. */
  readonly status: number | undefined

  constructor(why: OidcTokenError['why'], message: string, more: { status?: number; cause?: unknown } = {}) {
    super(message, { cause: more.cause })
    this.why = why
    this.status = more.status
  }
}

/** A token minted more than this long ago is not used for another attempt: GitHub's live five minutes. */
const MAX_AGE_MS = 4 * 60_000

/** Gives the token; a new one where `fresh` is true. */
export type OidcTokenSource = (fresh: boolean) => Promise<string>

export interface Issuer {
  /** ACTIONS_ID_TOKEN_REQUEST_URL; undefined where the job was not given one. */
  readonly requestUrl: string | undefined
  /** ACTIONS_ID_TOKEN_REQUEST_TOKEN. */
  readonly requestToken: string | undefined
}

/**
 * Asks GitHub's issuer (or one that speaks its protocol) for a token.
 *
 * @param mask told each token as soon as it is there
 * @throws (the function returned) OidcTokenError, TransportError, GaveUp
 */
export function tokenFromIssuer(issuer: Issuer, audience: string, patience: Patience, mask: (secret: string) => void): OidcTokenSource {
  let held: { token: string; mintedAt: number } | undefined
  return async (fresh) => {
    if (!fresh && held !== undefined && performance.now() - held.mintedAt < MAX_AGE_MS) return held.token
    const { requestUrl, requestToken } = issuer
    if (requestUrl === undefined || requestToken === undefined || !URL.canParse(requestUrl)) {
      throw new OidcTokenError(
        'no-issuer',
        'This job has no OIDC issuer to ask (ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN are not set)',
      )
    }
    const url = new URL(requestUrl)
    url.searchParams.set('audience', audience)
    const headers = {
      authorization: `Bearer ${requestToken}`,
      accept: 'application/json',
      'user-agent': 'configure-alibaba-cloud-credentials',
    }
    const mintedAt = performance.now()
    const token = await persist(
      'OIDC token request',
      async () => interpret(await send({ method: 'GET', url, headers }, { deadline: patience.deadline }), url.host, mask),
      verdictOf,
      patience,
    )
    held = { token, mintedAt }
    return token
  }
}

/** The token in the issuer's answer. Whatever looks like one is masked before it is judged. */
function interpret(answer: HttpAnswer, host: string, mask: (secret: string) => void): string {
  const { status, headers, body } = answer
  const wait = { retryAfterMs: retryAfterMs(headers) }
  const value = jsonObject(body)?.value
  const token = typeof value === 'string' ? value.trim() : ''
  if (token !== '') mask(token)
  if (status === 429 || status >= 500) throw new TransportError('status', host, `the OIDC issuer answered with status ${status}`, wait)
  if (status >= 300 && status < 400) throw new TransportError('redirect', host, `the OIDC issuer answered with a redirect (${status})`)
  if (status >= 400) throw new OidcTokenError('refused', `The OIDC issuer ${host} refused to issue a token (status ${status})`, { status })
  if (!isJwt(token))
    throw new TransportError(
      'nonsense',
      host,
      `the OIDC issuer answered ${status} ${token === '' ? 'without a token' : 'with something that is not a JWT'}`,
      wait,
    )
  return token
}

/**
 * Reads the token anew at each use: whoever keeps the file (ACK's RRSA, for one) rotates it.
 *
 * @param warn told where others on the machine may read the file
 * @throws (the function returned) OidcTokenError; no message shows the content
 */
export function tokenFromFile(path: string, mask: (secret: string) => void, warn: (message: string) => void): OidcTokenSource {
  let warned = false
  return async () => {
    let token: string
    let mode: number
    try {
      token = (await readFile(path, 'utf8')).trim()
      mode = (await stat(path)).mode
    } catch (cause) {
      const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown cause'
      throw new OidcTokenError('file', `oidc-token-file: ${path} cannot be read (${code})`, { cause })
    }
    if (token !== '') mask(token)
    if (!isJwt(token)) {
      throw new OidcTokenError(
        'file',
        `oidc-token-file: ${path} ${token === '' ? 'is empty' : 'holds something that is not a JWT (three parts of base64url, joined by dots)'}`,
      )
    }
    if (!warned && process.platform !== 'win32' && (mode & 0o004) !== 0) {
      warned = true
      warn(
        `oidc-token-file: ${path} can be read by every user of this machine (mode ${(mode & 0o777).toString(8)}); 0600 or 0400 is enough.`,
      )
    }
    return token
  }
}

/** The form of a JWT (RFC 7519, signed): its content is the issuer's and RAM's business. 4 to 20000 characters is STS's rule for OIDCToken. */
function isJwt(text: string): boolean {
  return text.length <= 20_000 && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text)
}
