/**
 * Tunnels through HTTP proxies (RFC 9110, section 9.3.6). A tunnel is a 2xx answer to CONNECT with
 * nothing behind it, and it carries TLS alone. Any other answer is the proxy's and is thrown as
 * such: whatever a proxy says, it is never taken for what the host says.
 */
import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import https from 'node:https'
import { isIP, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { withoutSecrets } from '../secrecy/redact.js'
import { say, type Prose } from '../text/prose.js'
import { isBrokenCode, isParserCode, isTlsCode, nodeCodeOf } from './node-codes.js'
import { proxyName, proxyPort } from './proxy.js'
import { isTransientStatus, retryAfterMs } from './retry.js'
import { TransportError, type TransportDetails, type TransportFault } from './transport-error.js'
import { USER_AGENT } from './user-agent.js'

/** A connection that is being made; travels to the agent among the request's options. */
export interface Connecting {
  /** The host that the connection is for, as messages name it. */
  readonly host: string
  /** Ends it while it is pending. */
  readonly signal: AbortSignal
  /** Called with what is waited for, each time that this changes. */
  readonly onStage: (waitingFor: Prose) => void
}

/** A request's options, with what its connection needs. */
export interface TunnelRequestOptions extends https.RequestOptions {
  readonly connecting?: Connecting
}

/**
 * An agent whose connections go through a proxy, and are kept alive for the next request to the
 * same host.
 */
export class TunnelAgent extends https.Agent {
  readonly #proxy: URL

  constructor(proxy: URL, options: https.AgentOptions) {
    super(options)
    this.#proxy = proxy
  }

  /** Gives a connection once TLS with the host is established and verified, and not before. */
  override createConnection(
    { connecting, ...options }: TunnelRequestOptions,
    callback?: (failure: Error | null, socket: Duplex) => void,
  ): undefined {
    if (connecting === undefined || callback === undefined) throw new Error('a tunnel needs its terms')
    this.#connect(options, connecting).then(
      (socket) => {
        callback(null, socket)
      },
      (failure: unknown) => {
        // Node's type requires a socket next to a failure too; Node itself does not.
        ;(callback as (failure: unknown) => void)(failure)
      },
    )
  }

  async #connect(options: https.RequestOptions, connecting: Connecting): Promise<Socket> {
    const tunnel = await openTunnel(this.#proxy, options, connecting)
    connecting.onStage(['TLS through the tunnel'])
    const secured = super.createConnection({ ...options, socket: tunnel } as https.RequestOptions)
    if (!(secured instanceof Socket)) throw new Error('Node gave no socket')
    try {
      await once(secured, 'secureConnect', { signal: connecting.signal })
    } catch (failure) {
      secured.destroy()
      throw failure
    }
    return secured
  }
}

/** @throws TransportError, or Node's error if the signal ends it */
async function openTunnel(
  proxy: URL,
  { host: to, port }: https.RequestOptions,
  { host: name, signal, onStage }: Connecting,
): Promise<Socket> {
  const secure = proxy.protocol === 'https:'
  const proxyHost = proxy.hostname.replace(/^\[|\]$/g, '')
  const host = to ?? ''
  const target = `${isIP(host) === 6 ? `[${host}]` : host}:${port ?? 443}`
  const failure = (code: TransportFault, what: Prose, details: TransportDetails = {}): TransportError =>
    new TransportError(code, name, what, {
      ...details,
      proxy: proxyName(proxy),
      proxyUserGiven: proxy.username !== '',
    })

  return new Promise((resolve, reject) => {
    const request = (secure ? https : http).request({
      method: 'CONNECT',
      host: proxyHost,
      port: proxyPort(proxy),
      path: target,
      headers: { host: target, 'user-agent': USER_AGENT, ...authorization(proxy) },
      agent: false,
      signal,
      // By default Node would verify the certificate for the Host header's name, which is not the
      // proxy's.
      ...(secure ? { servername: isIP(proxyHost) === 0 ? proxyHost : '', rejectUnauthorized: true } : {}),
    })
    // Node's own would ask the proxy to close the tunnel after this exchange.
    request.removeHeader('connection')
    let connected = false
    onStage(['a connection to the proxy'])
    request.once('socket', (socket) => {
      socket.once(secure ? 'secureConnect' : 'connect', () => {
        connected = true
        onStage(['the proxy to open a tunnel'])
      })
    })
    request.once('error', (cause) => {
      reject(signal.aborted ? cause : proxyFault(cause, secure, connected, failure))
    })
    request.once('connect', (response, socket, head) => {
      const refusal = refusalIn(response, head, proxy)
      // Errors of the tunnel are reported by the TLS session in it.
      socket.on('error', () => undefined)
      if (refusal === undefined && socket instanceof Socket) {
        resolve(socket)
        return
      }
      socket.destroy()
      const { code, what } = refusal ?? OWN_DATA
      reject(failure(code, what, { retryAfterMs: retryAfterMs(response.headers) }))
    })
    request.end()
  })
}

function authorization(proxy: URL): { 'proxy-authorization'?: string } {
  const pair = userAndPassword(proxy)
  return pair === undefined ? {} : { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` }
}

/** `user:password`, undefined if the URL has neither. */
function userAndPassword({ username, password }: URL): string | undefined {
  return username === '' && password === ''
    ? undefined
    : `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
}

interface TunnelRefusal {
  readonly code: TransportFault
  readonly what: Prose
}

const OWN_DATA: TunnelRefusal = {
  code: 'proxy-refused',
  what: ['the proxy sends data of its own where the host should speak'],
}

/** Characters of the reason in a status line that are shown. */
const MAX_REASON = 200

/** What the proxy's answer to CONNECT says; undefined if it opens the tunnel. */
function refusalIn(
  { statusCode: status = 0, statusMessage = '' }: IncomingMessage,
  head: Buffer,
  proxy: URL,
): TunnelRefusal | undefined {
  // The reason is free text, and some proxies explain themselves there. What they quote of the
  // request is taken out before the cut, after which a part of it would not be recognised.
  const secrets = [userAndPassword(proxy), decodeURIComponent(proxy.password), proxy.password]
  const reason = withoutSecrets(statusMessage, secrets).slice(0, MAX_REASON)
  const said = reason === '' ? say`${status}` : say`${status} ${reason}`
  // A TLS server never speaks first, so what comes before our first byte is not the host's.
  if (status >= 200 && status < 300) return head.length === 0 ? undefined : OWN_DATA
  if (status >= 300 && status < 400)
    return { code: 'proxy-redirect', what: say`the proxy answers with a redirect (${said})` }
  if (status === 403) return { code: 'proxy-forbidden', what: say`the proxy forbids this host (${said})` }
  if (status === 407) {
    const wants =
      proxy.username !== '' ? 'rejects the user and password given' : 'requires a user and a password'
    return { code: 'proxy-authentication', what: say`the proxy ${[wants]} (${said})` }
  }
  if (isTransientStatus(status))
    return { code: 'proxy-unreachable', what: say`the proxy cannot reach this host now (${said})` }
  return { code: 'proxy-refused', what: say`the proxy opens no tunnel to this host (${said})` }
}

function proxyFault(
  cause: unknown,
  secure: boolean,
  connected: boolean,
  failure: (code: TransportFault, what: Prose, details: TransportDetails) => TransportError,
): TransportError {
  const nodeCode = nodeCodeOf(cause)
  const code = nodeCode ?? 'unknown cause'
  const details = { nodeCode, cause }
  if (secure && isTlsCode(code))
    return failure('proxy-tls', say`no trusted TLS connection to the proxy itself (${code})`, details)
  if (isParserCode(code))
    return failure('proxy-refused', say`the proxy does not answer in HTTP (${code})`, details)
  if (connected && isBrokenCode(code))
    return failure(
      'broken',
      say`the proxy ended the connection instead of opening a tunnel (${code})`,
      details,
    )
  return failure('proxy-unreachable', say`no connection to the proxy (${code})`, details)
}
