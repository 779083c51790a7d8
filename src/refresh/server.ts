/**
 * The keeper's server: the credentials-URI protocol of Alibaba Cloud's SDKs on one secret path, the
 * end of the keeper on another, and 404 for everything else. On loopback only, but any user of
 * the machine may connect there: connections, sizes and times are bounded.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { utcSeconds } from '../text/utc.js'
import type { CurrentSession } from './renewal.js'

/** What the keeper's server serves. */
export interface KeeperServerOptions {
  /** Without the slash. */
  readonly readPath: string
  readonly stopPath: string
  readonly current: (patience: Promise<void>) => Promise<CurrentSession>
  /** What the keeper has done, for the post step. Called once. */
  readonly stop: () => Promise<object>
  /** Called when the answer to `stop` has been sent. */
  readonly onStopped: () => void
}

/** A server that listens. */
export interface KeeperServer {
  readonly port: number
  /** Ends all connections. */
  readonly close: () => void
}

/** SDKs wait 10 s, from the moment they connect. */
const ANSWER_WITHIN_MS = 7_500
const READ_WITHIN_MS = 5_000
const MAX_HEADER_BYTES = 8 * 1024
const MAX_CONNECTIONS = 64
const NOT_FOUND = 'HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'

/** Listens on a free port of 127.0.0.1. */
export async function serve(options: KeeperServerOptions): Promise<KeeperServer> {
  let stopping = false
  // Clients that have not shown a secret path yet, in the order in which they connected.
  const strangers = new Set<Socket>()

  const isRead = pathTest(options.readPath)
  const isStop = pathTest(options.stopPath)

  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const url = request.url ?? ''
    // Both tests are always made, and each takes the same time for every path.
    const [reads, stops] = [isRead(url), isStop(url)]
    if (reads && request.method === 'GET') {
      strangers.delete(request.socket)
      void answerRead(response)
    } else if (stops && request.method === 'POST' && !stopping) {
      stopping = true
      strangers.delete(request.socket)
      response.once('close', options.onStopped)
      void options.stop().then((report) => {
        sendJson(response, 200, report)
      })
    } else {
      response.writeHead(404, { connection: 'close', 'content-length': 0 }).end()
    }
  }

  const answerRead = async (response: ServerResponse): Promise<void> => {
    let timer: NodeJS.Timeout | undefined
    const patience = new Promise<void>((done) => (timer = setTimeout(done, ANSWER_WITHIN_MS)))
    const current = await options.current(patience)
    clearTimeout(timer)
    if ('failure' in current) {
      const { code, message, requestId } = current.failure
      sendJson(response, 503, { Code: code, Message: message, RequestId: requestId })
      return
    }
    const { key, expiration } = current.session
    sendJson(response, 200, {
      Code: 'Success',
      AccessKeyId: key.accessKeyId,
      AccessKeySecret: key.accessKeySecret,
      SecurityToken: key.securityToken,
      Expiration: utcSeconds(expiration),
    })
  }

  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: READ_WITHIN_MS,
      requestTimeout: READ_WITHIN_MS,
      connectionsCheckingInterval: 1_000,
      keepAlive: false,
      // Node would answer by itself, with 400.
      requireHostHeader: false,
    },
    onRequest,
  )
  // And here with 100 and 417.
  server.on('checkContinue', onRequest)
  server.on('checkExpectation', onRequest)
  server.timeout = 2 * ANSWER_WITHIN_MS
  server.on('connection', (socket: Socket) => {
    strangers.add(socket)
    socket.once('close', () => strangers.delete(socket))
    // The oldest goes, not the newest: a client that knows the path says so at once.
    if (strangers.size > MAX_CONNECTIONS) {
      const [oldest] = strangers
      strangers.delete(oldest ?? socket)
      oldest?.destroy()
    }
  })
  server.on('clientError', (_failure, socket) => {
    if (socket.writable) socket.end(NOT_FOUND)
    else socket.destroy()
  })
  await new Promise<void>((done, fail) => {
    server.once('error', fail)
    server.listen(0, '127.0.0.1', done)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response
    .writeHead(status, {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      connection: 'close',
    })
    .end(JSON.stringify(body))
}

/**
 * Digests are of one length, and comparing them says nothing about how much of a guess was right.
 */
function pathTest(path: string): (url: string) => boolean {
  const expected = digest(`/${path}`)
  return (url) => timingSafeEqual(digest(url), expected)
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
