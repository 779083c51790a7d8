/** Node's codes for what fails below HTTP. */
import { types } from 'node:util'

/**
 * A handshake or a certificate that was not accepted (Node's documentation, "X509 certificate error
 * codes").
 */
export function isTlsCode(code: string): boolean {
  return /^(ERR_TLS|ERR_SSL|EPROTO|CERT_|CRL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_CA|PATH_LENGTH|INVALID_PURPOSE|HOSTNAME_MISMATCH|ERROR_IN_CERT)/.test(
    code,
  )
}

/** A connection that ended early. */
export function isBrokenCode(code: string): boolean {
  return /^(ECONNRESET|EPIPE|ECONNABORTED)$/.test(code)
}

/** Bytes that are not HTTP. */
export function isParserCode(code: string): boolean {
  return code.startsWith('HPE_')
}

/**
 * The code of Node's error. If several addresses failed it is that of the first, since Node leaves
 * the whole without a message. Undefined if there is none.
 */
export function nodeCodeOf(cause: unknown): string | undefined {
  if (!types.isNativeError(cause)) return undefined
  if ('errors' in cause && Array.isArray(cause.errors) && cause.errors.length > 0)
    return nodeCodeOf(cause.errors[0])
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined
}
