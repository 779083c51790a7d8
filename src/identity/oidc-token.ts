/** An OIDC token of the CI: what gives one, and why there may be none. */

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

/** Gives the token; a new one where `fresh` is true. */
export type OidcTokenSource = (fresh: boolean) => Promise<string>

/** The form of a JWT (RFC 7519, signed): its content is the issuer's and RAM's business. 4 to 20000 characters is STS's rule for OIDCToken. */
export function isJwt(text: string): boolean {
  return text.length <= 20_000 && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text)
}
