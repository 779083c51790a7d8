import { ActionError } from '../errors/action-error.js'
import { say, type Prose } from '../text/prose.js'

/**
 * What went wrong between this step and the host.
 *
 * - `unreachable`: no connection (name look-up, refused, no route)
 * - `broken`: the connection ended before the answer was complete
 * - `timeout`: no answer in time
 * - `tls`: the host's certificate, or the handshake with it
 * - `redirect`: an answer that sends us elsewhere
 * - `status`: a status that says "not now" (429, 5xx, STS's own 302)
 * - `nonsense`: an answer, but not one that this protocol knows
 * - `proxy-forbidden`: the proxy does not let us through to the host (403)
 * - `proxy-authentication`: the proxy requires a user and a password, or rejects those given (407)
 * - `proxy-unreachable`: the proxy cannot be reached, or says that it cannot reach the host (5xx)
 * - `proxy-redirect`: the proxy sends us elsewhere, as a captive portal does
 * - `proxy-tls`: the certificate of a proxy that speaks TLS, or the handshake with it
 * - `proxy-refused`: the proxy answers anything else, and opens no tunnel
 * - `proxy-unsupported`: a kind of proxy that this step does not speak (SOCKS)
 * - `proxy-invalid`: the variable that names the proxy does not hold the URL of one
 */
export const TRANSPORT_FAULTS = [
  'unreachable',
  'broken',
  'timeout',
  'tls',
  'redirect',
  'status',
  'nonsense',
  'proxy-forbidden',
  'proxy-authentication',
  'proxy-unreachable',
  'proxy-redirect',
  'proxy-tls',
  'proxy-refused',
  'proxy-unsupported',
  'proxy-invalid',
] as const

/** One of TRANSPORT_FAULTS. */
export type TransportFault = (typeof TRANSPORT_FAULTS)[number]

/** What else is known about a transport error. */
export interface TransportDetails {
  /** The proxy on the way, as host and port; undefined if there is none. */
  readonly proxy?: string | undefined
  /**
   * Whether the proxy's URL holds a user; it tells the two kinds of `proxy-authentication` apart.
   */
  readonly proxyUserGiven?: boolean
  /** Node's own code, such as `CERT_HAS_EXPIRED`; undefined if Node reported none. */
  readonly nodeCode?: string | undefined
  /** How long the answer asked us to wait, in milliseconds. */
  readonly retryAfterMs?: number | undefined
  readonly cause?: unknown
}

/** No usable answer came. The text names the host and never holds a URL, a header or a body. */
export class TransportError extends ActionError {
  override readonly name = 'TransportError'
  readonly code: TransportFault
  /** The host that was meant to answer, with its port if it is not the scheme's own. */
  readonly host: string
  readonly proxy: string | undefined
  readonly proxyUserGiven: boolean
  readonly nodeCode: string | undefined
  readonly retryAfterMs: number | undefined

  constructor(code: TransportFault, host: string, what: Prose, details: TransportDetails = {}) {
    const { proxy, proxyUserGiven = false, nodeCode, retryAfterMs, cause } = details
    const route = proxy === undefined ? [] : say` (via proxy ${proxy})`
    super(say`${host}${route}: ${what}`, cause === undefined ? undefined : { cause })
    this.code = code
    this.host = host
    this.proxy = proxy
    this.proxyUserGiven = proxyUserGiven
    this.nodeCode = nodeCode
    this.retryAfterMs = retryAfterMs
  }
}
