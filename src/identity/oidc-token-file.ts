/** The OIDC token from a file that something else keeps fresh. */
import { readFile, stat } from 'node:fs/promises'
import { say, type Prose } from '../text/prose.js'
import { isJwt, OidcTokenError, type OidcTokenSource } from './oidc-token.js'

/**
 * Reads the token anew at each use: whoever keeps the file (ACK's RRSA, for one) rotates it.
 *
 * @param warn told where others on the machine may read the file
 * @throws (the function returned) OidcTokenError; no message shows the content
 */
export function tokenFromFile(
  path: string,
  mask: (secret: string) => void,
  warn: (text: Prose) => void,
): OidcTokenSource {
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
        say`oidc-token-file: ${path} can be read by every user of this machine (mode ${(mode & 0o777).toString(8)}); 0600 or 0400 is enough.`,
      )
    }
    return token
  }
}
