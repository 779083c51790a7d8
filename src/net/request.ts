/**
 * One request and its answer. STS, the OIDC issuer and the metadata service are reached through
 * this file alone, and over nothing but verified TLS, except for loopback addresses and the
 * metadata service, which has none.
 */
import http, { type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http'
import https from 'node:https'
import { isIP, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { say, type Prose } from '../text/prose.js'
import { isLoopback } from './loopback.js'
import { isBrokenCode, isParserCode, isTlsCode, nodeCodeOf } from './node-codes.js'
import { proxyFor, proxyName } from './proxy.js'
import { inSeconds, retryAfterMs, type RetryPolicy } from './retry.js'
import { TransportError, type TransportDetails, type TransportFault } from './transport-error.js'
import type { TunnelRequestOptions } from './tunnel.js'
import { USER_AGENT } from './user-agent.js'

/** A whole call may take this long; most take a tenth of a second. */
const CALL_TIMEOUT_MS = 10_000
/** Time allowed for name look-up, TCP, the proxy's tunnel and TLS. */
const CONNECT_TIMEOUT_MS = 5_000
/** No answer that this step reads comes near this size. */
const MAX_ANSWER_BYTES = 1024 * 1024

/** What is sent. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT'
  readonly url: URL
  readonly headers: OutgoingHttpHeaders
  readonly body?: string
}

/** A whole answer, whatever its status. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** Who answered, and through which proxy. */
  readonly host: string
  readonly proxy: string | undefined
}

/** How a request is sent. */
export interface SendOptions {
  /** The call's name in messages, such as AssumeRole. */
  readonly call: string
  readonly policy: Pick<RetryPolicy, 'deadline' | 'trace'>
  /** For the whole call, in milliseconds; 10 s by default. */
  readonly callTimeoutMs?: number
  /** Until the connection is ready, in milliseconds; 5 s by default. */
  readonly connectTimeoutMs?: number
  /**
   * True for the metadata service, a link-local address that knows no TLS and that no proxy may
   * see.
   */
  readonly linkLocal?: boolean
}

/** The error that an answer amounts to. */
export function unusableAnswer(
  answer: HttpAnswer,
  code: Extract<TransportFault, 'nonsense' | 'redirect' | 'status'>,
  what: Prose,
): TransportError {
  const { host, proxy, headers } = answer
  return new TransportError(code, host, what, { proxy, retryAfterMs: retryAfterMs(headers) })
}

/** Verified TLS, whatever NODE_TLS_REJECT_UNAUTHORIZED says. */
const VERIFIED = { rejectUnauthorized: true }

/** One connection pool for each route, so that the roles of a chain share a connection. */
const agents = new Map<string, http.Agent>()

async function agentFor(url: URL, proxy: URL | undefined): Promise<http.Agent> {
  const key = `${url.protocol} ${proxy?.href ?? ''}`
  const known = agents.get(key)
  if (known !== undefined) return known
  const agent = await newAgent(url, proxy)
  agents.set(key, agent)
  return agent
}

async function newAgent(url: URL, proxy: URL | undefined): Promise<http.Agent> {
  if (url.protocol === 'http:') return new http.Agent({ keepAlive: true })
  const options = { keepAlive: true, ...VERIFIED }
  return proxy === undefined
    ? new EarlyAgent(options)
    : new (await import('./tunnel.js')).TunnelAgent(proxy, options)
}

/** Can open a connection before there is a request for it. */
class EarlyAgent extends https.Agent {
  readonly #early = new Map<string, Duplex>()

  open(host: string, port: number): void {
    const socket = super.createConnection({
      ...this.options,
      host,
      port,
      servername: isIP(host) === 0 ? host : '',
    })
    if (!(socket instanceof Socket)) return
    // A connection that fails or is never used does not matter: a request opens its own, and
    // reports what is wrong with it.
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
 * Opens the connection for a request that is sure to come, so that name look-up, TCP and TLS are
 * over when it does. Sends nothing and reports nothing. Does nothing if a proxy stands between, or
 * without TLS.
 */
export async function connectAhead(url: URL): Promise<void> {
  if (url.protocol !== 'https:' || proxyFor(url) !== undefined) return
  const agent = await agentFor(url, undefined)
  if (agent instanceof EarlyAgent) agent.open(url.hostname.replace(/^\[|\]$/g, ''), Number(url.port || '443'))
}

/**
 * Sends one request and returns its whole answer, whatever its status. Follows no redirect and
 * retries nothing.
 *
 * @throws TransportError if no whole answer came
 */
export async function send(request: HttpRequest, options: SendOptions): Promise<HttpAnswer> {
  const { url, method } = request
  const { call, policy, linkLocal = false } = options
  if (url.protocol === 'http:' && !linkLocal && !isLoopback(url.hostname))
    throw new Error('plain HTTP is for this machine and for the metadata service')
  const proxy = linkLocal ? undefined : proxyFor(url)
  const route = proxy === undefined ? ['directly'] : say`via proxy ${proxyName(proxy)}`
  const start = performance.now()
  const trace = (outcome: Prose): void => {
    const elapsed = Math.round(performance.now() - start)
    policy.trace(say`${[call]}: ${[method]} ${url.host} ${route}: ${outcome} after ${elapsed} ms`)
  }
  try {
    const answer = await exchange(request, options, proxy, await agentFor(url, proxy))
    trace(say`status ${answer.status}`)
    return answer
  } catch (failure) {
    trace(failure instanceof TransportError ? [failure.code] : ['failed'])
    throw failure
  }
}

async function exchange(
  { url, method, headers, body }: HttpRequest,
  { policy, callTimeoutMs = CALL_TIMEOUT_MS, connectTimeoutMs = CONNECT_TIMEOUT_MS }: SendOptions,
  proxy: URL | undefined,
  agent: http.Agent,
): Promise<HttpAnswer> {
  const { host } = url
  const via = { proxy: proxy === undefined ? undefined : proxyName(proxy) }
  return new Promise<HttpAnswer>((resolve, reject) => {
    const abort = new AbortController()
    /** Undefined once the connection stands. */
    let waitingFor: Prose | undefined = isIP(url.hostname) === 0 ? ['name look-up or TCP'] : ['TCP']
    const onStage = (stage: Prose): void => {
      waitingFor = stage
    }
    const connecting = { host, signal: abort.signal, onStage }
    const tunnelled: TunnelRequestOptions = proxy === undefined ? {} : { connecting }
    const sent = (url.protocol === 'http:' ? http : https).request(url, {
      method,
      headers: { 'user-agent': USER_AGENT, ...headers },
      agent,
      ...tunnelled,
    })
    const settled = (): void => {
      clearTimeout(callTimer)
      clearTimeout(connectTimer)
    }
    // Keep the first failure; destroying the request emits another.
    const fail = (cause: unknown): void => {
      settled()
      reject(cause instanceof TransportError ? cause : networkError(cause, host, via))
    }
    const giveUp = (what: Prose): void => {
      fail(new TransportError('timeout', host, what, via))
      abort.abort()
      sent.destroy()
    }
    const inVain = (what: string, timeout: number): void => {
      const waited = waitingFor === undefined ? [] : say` (waiting for ${waitingFor})`
      giveUp(say`${[what]} within ${[inSeconds(timeout)]}${waited}`)
    }
    const callTimeout = Math.max(1, Math.min(callTimeoutMs, policy.deadline - performance.now()))
    const callTimer = setTimeout(inVain, callTimeout, 'no answer', callTimeout)
    const connectTimer = setTimeout(inVain, connectTimeoutMs, 'no connection', connectTimeoutMs)
    const connected = (): void => {
      clearTimeout(connectTimer)
      waitingFor = undefined
    }

    sent.once('socket', (socket) => {
      // A pooled socket is ready, and so is one from a tunnel. A new one is when TLS is, and one
      // that was opened ahead may be anywhere between.
      if (socket instanceof TLSSocket ? socket.authorized : !socket.connecting) {
        connected()
        return
      }
      if (!socket.connecting) onStage(['TLS'])
      socket.once('lookup', () => {
        onStage(['TCP'])
      })
      socket.once('connect', () => {
        onStage(['TLS'])
      })
      socket.once(url.protocol === 'http:' ? 'connect' : 'secureConnect', connected)
    })
    sent.once('error', fail)
    // Nobody asked for another protocol. Without a listener Node would report nothing at all.
    sent.once('upgrade', ({ statusCode: status = 0 }, socket) => {
      socket.destroy()
      fail(new TransportError('nonsense', host, say`a change of protocol (${status})`, via))
    })
    sent.once('response', (response) => {
      connected()
      const parts: Buffer[] = []
      let size = 0
      response.on('data', (part: Buffer) => {
        size += part.length
        parts.push(part)
        if (size > MAX_ANSWER_BYTES) {
          fail(
            new TransportError('nonsense', host, say`an answer of more than ${MAX_ANSWER_BYTES} bytes`, via),
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
          host,
          ...via,
        })
      })
    })
    sent.end(body)
  })
}

function networkError(cause: unknown, host: string, via: Pick<TransportDetails, 'proxy'>): TransportError {
  const nodeCode = nodeCodeOf(cause)
  const code = nodeCode ?? 'unknown cause'
  const error = (fault: TransportFault, what: Prose): TransportError =>
    new TransportError(fault, host, what, { ...via, nodeCode, cause })
  if (isTlsCode(code)) return error('tls', say`no trusted TLS connection (${code}${namesIn(cause)})`)
  if (isParserCode(code)) return error('nonsense', say`an answer that is not HTTP (${code})`)
  if (code === 'ETIMEDOUT') return error('timeout', say`no connection in time (${code})`)
  if (isBrokenCode(code)) return error('broken', say`the connection broke (${code})`)
  if (code === 'ENOTFOUND') return error('unreachable', say`no such host name (${code})`)
  return error('unreachable', say`no connection (${code})`)
}

/** For which names a certificate is, if it is not for the host: Node's `reason`. */
function namesIn(cause: unknown): Prose {
  return cause instanceof Error && 'reason' in cause && typeof cause.reason === 'string'
    ? say`: ${cause.reason}`
    : []
}
