/**
 * How requests leave this process: time-outs, proxies, what counts as a passing fault, and how long it is worth trying again.
 * Both hosts the step talks to, STS and the CI's OIDC issuer, are reached through this file alone.
 */
import { setTimeout as sleepFor } from 'node:timers/promises'
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
const BACKOFF_BASE_MS = 500
const BACKOFF_CAP_MS = 8_000
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
export type TransportFault = 'unreachable' | 'broken' | 'timeout' | 'tls' | 'proxy' | 'redirect' | 'status' | 'nonsense'

const PASSING_FAULTS: ReadonlySet<TransportFault> = new Set(['unreachable', 'broken', 'timeout', 'status', 'nonsense'])

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
    return PASSING_FAULTS.has(this.fault)
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
    const callTimeout = Math.max(1, Math.min(options.callTimeoutMs ?? CALL_TIMEOUT_MS, options.deadline - performance.now()))
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
          fail(new TransportError('nonsense', url.host, `an answer of more than ${MAX_ANSWER_BYTES} bytes`, by))
          sent.destroy()
        }
      })
      response.once('error', fail)
      response.once('end', () => {
        settled()
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts).toString('utf8') })
      })
    })
    sent.end(body)
  })
  if (answer.status === 407) throw new TransportError('proxy', url.host, 'the proxy wants authentication (407)', by)
  return answer
}

/** Node's codes for a handshake or a certificate that was not accepted (Node's documentation, "X509 certificate error codes"). */
const TLS_CODE =
  /^(ERR_TLS|ERR_SSL|EPROTO|CERT_|CRL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_CA|PATH_LENGTH|INVALID_PURPOSE|HOSTNAME_MISMATCH|ERROR_IN_CERT)/
const BROKEN_CODE = /^(ECONNRESET|EPIPE|ECONNABORTED|HPE_|UND_)/

function networkError(cause: unknown, host: string, by: { proxy: string | undefined }): TransportError {
  const code = codeOf(cause)
  if (TLS_CODE.test(code)) return new TransportError('tls', host, `no trusted TLS connection (${code})`, by)
  if (code === 'ETIMEDOUT') return new TransportError('timeout', host, 'no connection in time (ETIMEDOUT)', by)
  if (BROKEN_CODE.test(code)) return new TransportError('broken', host, `the connection broke (${code})`, by)
  return new TransportError('unreachable', host, code === 'ENOTFOUND' ? 'no such host name (ENOTFOUND)' : `no connection (${code})`, by)
}

/** The code of Node's error; where several addresses failed, of the first, since Node leaves the whole without a message. */
function codeOf(cause: unknown): string {
  if (!types.isNativeError(cause)) return 'unknown cause'
  if ('errors' in cause && Array.isArray(cause.errors) && cause.errors.length > 0) return codeOf(cause.errors[0])
  if ('code' in cause && typeof cause.code === 'string') return cause.code
  // https-proxy-agent says that a proxy hung up in words only.
  return /proxy connection ended/i.test(cause.message) ? 'ECONNRESET' : 'unknown cause'
}

/** How far a series of attempts at one call may go, and how it waits. One for the whole step, since the deadline is the step's. */
export interface Patience {
  /** At each call. */
  readonly maxAttempts: number
  /** On the clock of `performance.now()`. */
  readonly deadline: number
  /** The whole step's time in seconds, for messages. */
  readonly timeoutSeconds: number
  /** Takes one line for each retry. */
  readonly onRetry: (line: string) => void
  readonly random?: () => number
  readonly sleep?: (ms: number) => Promise<void>
}

export function patience(maxAttempts: number, timeoutSeconds: number, onRetry: (line: string) => void): Patience {
  return { maxAttempts, timeoutSeconds, deadline: performance.now() + timeoutSeconds * 1000, onRetry }
}

/** A call that was tried again until attempts or time ran out. `cause` is what the last attempt met. */
export class GaveUp extends Error {
  override readonly name = 'GaveUp'
  readonly call: string
  readonly attempts: number
  readonly elapsedMs: number
  readonly because: 'attempts' | 'deadline'

  constructor(call: string, attempts: number, elapsedMs: number, because: 'attempts' | 'deadline', allowed: string, cause: unknown) {
    super(
      `${call}: gave up after ${attempts} attempt${attempts === 1 ? '' : 's'} in ${seconds(elapsedMs)} (${allowed}); the last one: ${messageOf(cause)}`,
      { cause },
    )
    this.call = call
    this.attempts = attempts
    this.elapsedMs = elapsedMs
    this.because = because
  }
}

/** What an error asks of its caller: nothing (not worth another attempt), or another attempt, perhaps not before some time has passed. */
export type Verdict = 'final' | { readonly retryAfterMs: number | undefined }

/** What a failure on the way means; anything but a passing TransportError is final. */
export function verdictOf(failure: unknown): Verdict {
  return failure instanceof TransportError && failure.transient ? { retryAfterMs: failure.retryAfterMs } : 'final'
}

/**
 * Makes a call, and makes it again while its failures are passing ones: exponential backoff with full jitter, never before the server's
 * Retry-After, never beyond the deadline.
 *
 * @param call the call's name for messages, such as AssumeRole
 * @param judge what a failure means
 * @throws the failure itself where it is final at the first attempt or later; GaveUp where attempts or time ran out
 */
export async function persist<T>(call: string, attempt: () => Promise<T>, judge: (failure: unknown) => Verdict, how: Patience): Promise<T> {
  const { random = Math.random, sleep = sleepFor } = how
  const start = performance.now()
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt()
    } catch (failure) {
      const verdict = judge(failure)
      if (verdict === 'final') throw failure
      const now = performance.now()
      const gaveUp = (because: 'attempts' | 'deadline', allowed: string): GaveUp =>
        new GaveUp(call, attempts, now - start, because, allowed, failure)
      const byTime = `timeout-seconds allows ${how.timeoutSeconds} s for the whole step`
      if (now >= how.deadline) throw gaveUp('deadline', byTime)
      if (attempts >= how.maxAttempts) throw gaveUp('attempts', `retry-max-attempts allows ${how.maxAttempts}`)
      const backoff = random() * Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** (attempts - 1))
      // Jitter on top of what the server asked: the runs it turned away together must not come back together.
      const wait = verdict.retryAfterMs === undefined ? backoff : verdict.retryAfterMs + backoff / 4
      if (now + wait >= how.deadline) throw gaveUp('deadline', `${byTime}; the next attempt would have come ${seconds(wait)} later`)
      how.onRetry(`${call}: attempt ${attempts} of ${how.maxAttempts} failed (${messageOf(failure)}); trying again in ${seconds(wait)}.`)
      await sleep(wait)
    }
  }
}

/**
 * What the answer asks us to wait: `x-acs-retry-after` in milliseconds (Alibaba Cloud's SDKs), else Retry-After in seconds or as a date.
 */
export function retryAfterMs(headers: IncomingHttpHeaders): number | undefined {
  const own = headers['x-acs-retry-after']
  if (typeof own === 'string' && /^\d+$/.test(own)) return Number(own)
  const standard = headers['retry-after']
  if (standard === undefined) return undefined
  if (/^\d+$/.test(standard)) return Number(standard) * 1000
  // Date.parse takes "1.5" and "-5" for dates too; HTTP's begin with the day of the week.
  const date = /^[A-Za-z]{3}/.test(standard) ? Date.parse(standard) : NaN
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now())
}

function messageOf(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure)
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
