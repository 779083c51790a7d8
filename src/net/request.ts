/**
 * How requests leave this process: time-outs, proxies, what counts as a passing fault, and how long it is worth trying again.
 * Both hosts the step talks to, STS and the CI's OIDC issuer, are reached through this file alone.
 */
import http, { type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http'
import https from 'node:https'
import { isIP, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { types } from 'node:util'
import { proxyFor } from './proxy.js'

/** A whole call may take this long; most take a tenth of a second. */
const CALL_TIMEOUT_MS = 10_000
/** Until the connection stands: name look-up, TCP, the proxy's tunnel, TLS. */
const CONNECT_TIMEOUT_MS = 5_000
/** No answer that this step reads comes near this size. */
const MAX_ANSWER_BYTES = 1024 * 1024

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT'
  readonly url: URL
  readonly headers: OutgoingHttpHeaders
  readonly body?: string
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/**
 * What went wrong on the way, as far as anyone can tell from here.
 *
 * - `unreachable`: no connection (name look-up, refused, no route)
 * - `broken`: the connection ended before the answer was complete
 * - `timeout`: no answer in time
 * - `tls`: the certificate or the handshake
 * - `proxy`: the proxy refuses us
 * - `redirect`: an answer that sends us elsewhere
 * - `status`: a status that says "not now" (429, 5xx, STS's own 302)
 * - `nonsense`: an answer, but not one that this protocol knows
 */
export type TransportFault =
  'unreachable' | 'broken' | 'timeout' | 'tls' | 'proxy' | 'redirect' | 'status' | 'nonsense'

const TRANSIENT_FAULTS: ReadonlySet<TransportFault> = new Set([
  'unreachable',
  'broken',
  'timeout',
  'status',
  'nonsense',
])

/** No usable answer came. The message names the host and never holds a URL, a header or a body. */
export class TransportError extends Error {
  override readonly name = 'TransportError'
  readonly fault: TransportFault
  /** The host that was meant to answer, with its port where it is not the scheme's own. */
  readonly host: string
  /** The proxy on the way, as host and port; undefined where there was none. */
  readonly proxy: string | undefined
  /** What the answer asked us to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined

  constructor(
    fault: TransportFault,
    host: string,
    message: string,
    more: { proxy?: string | undefined; retryAfterMs?: number | undefined } = {},
  ) {
    super(`${host}${more.proxy === undefined ? '' : ` (by the proxy ${more.proxy})`}: ${message}`)
    this.fault = fault
    this.host = host
    this.proxy = more.proxy
    this.retryAfterMs = more.retryAfterMs
  }

  get transient(): boolean {
    return TRANSIENT_FAULTS.has(this.fault)
  }
}

/** One connection pool for each way out, so that the roles of a chain share a connection. */
const agents = new Map<string, http.Agent>()

async function agentFor(url: URL, proxy: URL | undefined): Promise<http.Agent> {
  const key = `${url.protocol} ${proxy?.href ?? ''}`
  const known = agents.get(key)
  if (known !== undefined) return known
  const agent = await newAgent(url.protocol === 'http:', proxy)
  agents.set(key, agent)
  return agent
}

async function newAgent(plain: boolean, proxy: URL | undefined): Promise<http.Agent> {
  const options = { keepAlive: true }
  if (proxy === undefined) return plain ? new http.Agent(options) : new EarlyAgent(options)
  // Loaded where there is a proxy only, and late: where the job sets DEBUG these libraries would print the proxy's URL.
  if (plain) return new (await import('http-proxy-agent')).HttpProxyAgent(proxy, options)
  return new (await import('https-proxy-agent')).HttpsProxyAgent(proxy, options)
}

/** Can open a connection before there is a request for it. */
class EarlyAgent extends https.Agent {
  readonly #early = new Map<string, Duplex>()

  open(host: string, port: number): void {
    const socket = super.createConnection({ host, port, servername: isIP(host) === 0 ? host : '' })
    if (!(socket instanceof Socket)) return
    // A connection that fails or is never used is nobody's trouble: a request opens its own, and tells what is wrong with it.
    socket.once('error', () => {
      this.#early.delete(`${host}:${port}`)
    })
    socket.unref()
    this.#early.set(`${host}:${port}`, socket)
  }

  override createConnection(
    options: https.RequestOptions,
    callback?: (failure: Error | null, socket: Duplex) => void,
  ): Duplex | null | undefined {
    const place = `${options.host ?? ''}:${options.port ?? ''}`
    const socket = this.#early.get(place)
    this.#early.delete(place)
    if (!(socket instanceof Socket) || socket.destroyed) return super.createConnection(options, callback)
    return socket.ref()
  }
}

/**
 * Opens the connection for a request that is sure to come, so that name look-up, TCP and TLS are over when it does. Sends nothing and reports
 * nothing. Does nothing where a proxy stands between, or where there is no TLS.
 */
export async function connectAhead(url: URL): Promise<void> {
  if (url.protocol !== 'https:' || proxyFor(url) !== undefined) return
  const agent = await agentFor(url, undefined)
  if (agent instanceof EarlyAgent) agent.open(url.hostname.replace(/^\[|\]$/g, ''), Number(url.port || '443'))
}

export interface SendOptions {
  /** Not later than this, on the clock of `performance.now()`. */
  readonly deadline: number
  readonly callTimeoutMs?: number
  readonly connectTimeoutMs?: number
  /** False for addresses that no proxy may see, such as the metadata service's. */
  readonly viaProxy?: boolean
}

/**
 * Sends one request and gives its whole answer, whatever its status. Follows no redirect and retries nothing.
 *
 * @throws TransportError where no whole answer came
 */
export async function send(request: HttpRequest, options: SendOptions): Promise<HttpAnswer> {
  const { url, method, headers, body } = request
  const proxy = options.viaProxy === false ? undefined : proxyFor(url)
  const by = { proxy: proxy?.host }
  const agent = await agentFor(url, proxy)
  const answer = await new Promise<HttpAnswer>((resolve, reject) => {
    const module = url.protocol === 'http:' ? http : https
    const sent = module.request(url, { method, headers, agent })
    const settled = (): void => {
      clearTimeout(callTimer)
      clearTimeout(connectTimer)
    }
    // The first word counts: what Node says of a request that is destroyed comes after it.
    const fail = (cause: unknown): void => {
      settled()
      reject(cause instanceof TransportError ? cause : networkError(cause, url.host, by))
    }
    const giveUp = (message: string): void => {
      fail(new TransportError('timeout', url.host, message, by))
      sent.destroy()
    }
    const callTimeout = Math.max(
      1,
      Math.min(options.callTimeoutMs ?? CALL_TIMEOUT_MS, options.deadline - performance.now()),
    )
    const connectTimeout = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS
    const callTimer = setTimeout(giveUp, callTimeout, `no answer within ${seconds(callTimeout)}`)
    const connectTimer = setTimeout(giveUp, connectTimeout, `no connection within ${seconds(connectTimeout)}`)

    sent.once('socket', (socket) => {
      // A pooled socket is connected already; a new one is ready when TLS is.
      if (!socket.connecting) clearTimeout(connectTimer)
      else
        socket.once(url.protocol === 'http:' ? 'connect' : 'secureConnect', () => {
          clearTimeout(connectTimer)
        })
    })
    sent.once('error', fail)
    sent.once('response', (response) => {
      clearTimeout(connectTimer)
      const parts: Buffer[] = []
      let size = 0
      response.on('data', (part: Buffer) => {
        size += part.length
        parts.push(part)
        if (size > MAX_ANSWER_BYTES) {
          fail(
            new TransportError('nonsense', url.host, `an answer of more than ${MAX_ANSWER_BYTES} bytes`, by),
          )
          sent.destroy()
        }
      })
      response.once('error', fail)
      response.once('end', () => {
        settled()
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(parts).toString('utf8'),
        })
      })
    })
    sent.end(body)
  })
  if (answer.status === 407)
    throw new TransportError('proxy', url.host, 'the proxy wants authentication (407)', by)
  return answer
}

/** Node's codes for a handshake or a certificate that was not accepted (Node's documentation, "X509 certificate error codes"). */
const TLS_CODE =
  /^(ERR_TLS|ERR_SSL|EPROTO|CERT_|CRL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_CA|PATH_LENGTH|INVALID_PURPOSE|HOSTNAME_MISMATCH|ERROR_IN_CERT)/
const BROKEN_CODE = /^(ECONNRESET|EPIPE|ECONNABORTED|HPE_|UND_)/

function networkError(cause: unknown, host: string, by: { proxy: string | undefined }): TransportError {
  const code = codeOf(cause)
  if (TLS_CODE.test(code)) return new TransportError('tls', host, `no trusted TLS connection (${code})`, by)
  if (code === 'ETIMEDOUT')
    return new TransportError('timeout', host, 'no connection in time (ETIMEDOUT)', by)
  if (BROKEN_CODE.test(code)) return new TransportError('broken', host, `the connection broke (${code})`, by)
  return new TransportError(
    'unreachable',
    host,
    code === 'ENOTFOUND' ? 'no such host name (ENOTFOUND)' : `no connection (${code})`,
    by,
  )
}

/** The code of Node's error; where several addresses failed, of the first, since Node leaves the whole without a message. */
function codeOf(cause: unknown): string {
  if (!types.isNativeError(cause)) return 'unknown cause'
  if ('errors' in cause && Array.isArray(cause.errors) && cause.errors.length > 0)
    return codeOf(cause.errors[0])
  if ('code' in cause && typeof cause.code === 'string') return cause.code
  // https-proxy-agent says that a proxy hung up in words only.
  return /proxy connection ended/i.test(cause.message) ? 'ECONNRESET' : 'unknown cause'
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
