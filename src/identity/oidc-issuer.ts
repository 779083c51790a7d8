/** The OIDC token from the CI's issuer. */
import { jsonObject, textField } from '../net/json.js'
import { isLoopback } from '../net/loopback.js'
import { send, unusableAnswer, type HttpAnswer } from '../net/request.js'
import { isTransientStatus, withRetries, type RetryPolicy } from '../net/retry.js'
import { withoutSecrets } from '../secrecy/redact.js'
import { say } from '../text/prose.js'
import { isJwt, OidcTokenError, type OidcTokenSource } from './oidc-token.js'

/**
 * A token minted more than this long ago is not used for another attempt: GitHub's live five
 * minutes.
 */
const MAX_AGE_MS = 4 * 60_000
/** Characters of a refusal that are shown; the rest is a page for browsers. */
const MAX_WORDS = 500

/** How this job asks for an OIDC token. */
export interface Issuer {
  /** ACTIONS_ID_TOKEN_REQUEST_URL; undefined if the job was not given one. */
  readonly requestUrl: string | undefined
  /** ACTIONS_ID_TOKEN_REQUEST_TOKEN. */
  readonly requestToken: string | undefined
}

/**
 * Asks GitHub's issuer (or one that speaks its protocol) for a token.
 *
 * @param mask called with each token as soon as it arrives
 * @throws (the function returned) OidcTokenError, TransportError, RetriesExhaustedError
 */
export function tokenFromIssuer(
  { requestUrl, requestToken }: Issuer,
  audience: string,
  policy: RetryPolicy,
  mask: (secret: string) => void,
): OidcTokenSource {
  let held: { token: string; mintedAt: number } | undefined
  return async (fresh) => {
    if (!fresh && held !== undefined && performance.now() - held.mintedAt < MAX_AGE_MS) return held.token
    if (requestUrl === undefined || requestToken === undefined || !URL.canParse(requestUrl)) {
      throw new OidcTokenError('no-issuer', [
        'This job has no OIDC issuer to ask (ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN are not set)',
      ])
    }
    const url = new URL(requestUrl)
    if (url.protocol !== 'https:' && !isLoopback(url.hostname)) {
      throw new OidcTokenError(
        'issuer-without-tls',
        say`The URL of the OIDC issuer ${url.host} has no TLS (ACTIONS_ID_TOKEN_REQUEST_URL begins with ${url.protocol}): anyone on the network could read the job's request token`,
      )
    }
    url.searchParams.set('audience', audience)
    const headers = { authorization: `Bearer ${requestToken}`, accept: 'application/json' }
    const call = 'OIDC token request'
    const mintedAt = performance.now()
    const attempt = async (): Promise<string> =>
      tokenIn(await send({ method: 'GET', url, headers }, { call, policy }), requestToken, mask)
    const token = await withRetries(call, attempt, policy)
    held = { token, mintedAt }
    return token
  }
}

/** The token in the issuer's answer. Whatever looks like one is masked before it is checked. */
function tokenIn(answer: HttpAnswer, requestToken: string, mask: (secret: string) => void): string {
  const { status, host } = answer
  const token = textField(jsonObject(answer.body), 'value')?.trim() ?? ''
  if (token !== '') mask(token)
  if (isTransientStatus(status))
    throw unusableAnswer(answer, 'status', say`the OIDC issuer answered with status ${status}`)
  if (status >= 300 && status < 400)
    throw unusableAnswer(answer, 'redirect', say`the OIDC issuer answered with a redirect (${status})`)
  if (status >= 400) {
    const said = wordsOf(answer, requestToken)
    const words = said === undefined ? [] : say`: ${said}`
    throw new OidcTokenError(
      'issuer-refused',
      say`The OIDC issuer ${host} refused to issue a token (status ${status})${words}`,
      { status, said },
    )
  }
  if (status !== 200)
    throw unusableAnswer(answer, 'nonsense', say`the OIDC issuer answered with status ${status}`)
  if (!isJwt(token)) {
    const what = token === '' ? 'without a token' : 'with something that is not a JWT'
    throw unusableAnswer(answer, 'nonsense', say`the OIDC issuer answered 200 ${[what]}`)
  }
  return token
}

/** The message of a refusal: GitHub's issuer sends JSON, others send text. */
function wordsOf({ body }: HttpAnswer, requestToken: string): string | undefined {
  const object = jsonObject(body)
  const words = textField(object, 'message') ?? textField(object, 'error') ?? body
  return withoutSecrets(words, [requestToken]).trim().slice(0, MAX_WORDS) || undefined
}
