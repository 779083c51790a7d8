/** An OIDC token of the CI: what gives one, and why there may be none. */
import { ActionError } from '../errors/action-error.js'
import type { Prose } from '../text/prose.js'

/**
 * - `no-issuer`: the job was given no way to ask for one
 * - `issuer-without-tls`: the issuer's URL is plain HTTP, where anyone could answer
 * - `issuer-refused`: the issuer answered no
 * - `token-file`: the token file cannot be read, or holds no token
 */
export type OidcTokenFault = 'no-issuer' | 'issuer-without-tls' | 'issuer-refused' | 'token-file'

/** No OIDC token could be had, and trying again would not help. */
export class OidcTokenError extends ActionError {
  override readonly name = 'OidcTokenError'
  readonly code: OidcTokenFault
  /** The issuer's HTTP status. */
  readonly status: number | undefined
  /** The issuer's own words. */
  readonly said: string | undefined

  constructor(
    code: OidcTokenFault,
    text: Prose,
    { status, said, cause }: { status?: number; said?: string | undefined; cause?: unknown } = {},
  ) {
    super(text, cause === undefined ? undefined : { cause })
    this.code = code
    this.status = status
    this.said = said
  }
}

/** Gives the token; a newly minted one if `fresh` is true. */
export type OidcTokenSource = (fresh: boolean) => Promise<string>

/**
 * The form of a JWT (RFC 7519, signed): its content is the issuer's and RAM's business. 4 to 20000
 * characters is STS's rule for OIDCToken.
 */
export function isJwt(text: string): boolean {
  return text.length <= 20_000 && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text)
}
