/** The OIDC token from the CI's issuer. */
import { jsonObject } from '../net/json.js'
import { send, TransportError, type HttpAnswer } from '../net/request.js'
import { decideOnNetworkFailure, retryAfterMs, withRetries, type RetryPolicy } from '../net/retry.js'
import { isJwt, OidcTokenError, type OidcTokenSource } from './oidc-token.js'

/** A token minted more than this long ago is not used for another attempt: GitHub's live five minutes. */
const MAX_AGE_MS = 4 * 60_000

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
 * @throws (the function returned) OidcTokenError, TransportError, RetriesExhaustedError
 */
export function tokenFromIssuer(
  issuer: Issuer,
  audience: string,
  policy: RetryPolicy,
  mask: (secret: string) => void,
): OidcTokenSource {
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
    const token = await withRetries(
      'OIDC token request',
      async () =>
        interpret(await send({ method: 'GET', url, headers }, { deadline: policy.deadline }), url.host, mask),
      decideOnNetworkFailure,
      policy,
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
  if (status === 429 || status >= 500)
    throw new TransportError('status', host, `the OIDC issuer answered with status ${status}`, wait)
  if (status >= 300 && status < 400)
    throw new TransportError('redirect', host, `the OIDC issuer answered with a redirect (${status})`)
  if (status >= 400)
    throw new OidcTokenError(
      'refused',
      `The OIDC issuer ${host} refused to issue a token (status ${status})`,
      { status },
    )
  if (!isJwt(token))
    throw new TransportError(
      'nonsense',
      host,
      `the OIDC issuer answered ${status} ${token === '' ? 'without a token' : 'with something that is not a JWT'}`,
      wait,
    )
  return token
}
