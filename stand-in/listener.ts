import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { isIPv6, type AddressInfo, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

import { createFaultQueue } from './faults.js'
import type { Fault, FaultOptions } from './faults.js'
import type { Pairs } from './signature.js'
import type { OpenRecord, RecordedRequest, Trail } from './trail.js'

/** A request, read whole. */
export interface WireRequest {
  readonly method: string
  readonly path: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly query: Pairs
  /** Empty unless the body is a form. */
  readonly form: Pairs
  readonly body: Buffer
}

export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string
  /** The error code in the body. */
  readonly code?: string
  readonly requestId?: string
}

/** What a service makes of one request. `answer` is not called for a request that a fault takes. */
export interface Reception {
  readonly action: string | undefined
  readonly accessKeyId: string | undefined
  readonly answer: (record: OpenRecord) => Answer | Promise<Answer>
}

export interface Service {
  readonly name: RecordedRequest['service']
  readonly receive: (request: WireRequest) => Reception
  /** The service's error response. */
  readonly refuse: (fault: Extract<Fault, { kind: 'error' }>) => Answer
}

export interface ListenOptions {
  readonly host: string
  readonly port: number
  readonly tls: { readonly key: string; readonly cert: string } | undefined
  readonly trail: Trail
  /** The time that the Date header and the trail tell, in milliseconds since the epoch. */
  readonly now: () => number
}

/** One service on its port, as a test sees it. */
export interface End {
  /** `http://127.0.0.1:40000`, or https with TLS. */
  readonly url: string
  /** `127.0.0.1:40000` */
  readonly host: string
  readonly port: number
  /** Queues a fault for requests to come. */
  readonly failNext: (fault: Fault, options?: FaultOptions) => void
  /** Takes back the faults that nobody has met. */
  readonly clearFaults: () => void
}

export interface Listener extends End {
  /** Ends every connection. */
  readonly close: () => Promise<void>
}

// A long OIDC token in a query passes Node's 16 KiB.
const MAX_HEADER_SIZE = 256 * 1024

interface Connection {
  readonly number: number
  /** Of a TLS connection this is the socket underneath. */
  readonly socket: Socket
}

/** Serves one service on one port. */
export async function listen(service: Service, options: ListenOptions): Promise<Listener> {
  const { trail, now } = options
  const faults = createFaultQueue()
  // A TLS request knows the socket on top only: the two have the client's port in common.
  const connections = new Map<number, Connection>()
  let connectionCount = 0

  const onRequest = (message: IncomingMessage, response: ServerResponse): void => {
    respond(message, response).catch((error: unknown) => {
      // A client that goes away is no matter of the server's; what else happens is a fault of the
      // stand-in and must be seen.
      if (message.socket.destroyed || response.headersSent) message.socket.destroy()
      else
        response
          .writeHead(500)
          .end(
            `The stand-in failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
          )
    })
  }

  async function respond(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const connection = connections.get(message.socket.remotePort ?? 0)
    const request = await readRequest(message)
    const reception = service.receive(request)
    const fault = faults.take(reception.action)
    const record: OpenRecord = {
      service: service.name,
      time: now(),
      connection: connection?.number ?? 0,
      method: request.method,
      path: request.path,
      headers: request.headers,
      query: Object.fromEntries(request.query),
      form: Object.fromEntries(request.form),
      action: reception.action,
      accessKeyId: reception.accessKeyId,
      caller: undefined,
      fault: fault?.kind,
      status: undefined,
      code: undefined,
      requestId: undefined,
    }
    trail.addRequest(record)

    if (fault?.kind === 'hang') return
    if (fault?.kind === 'reset' && fault.when === 'before-response') {
      connection?.socket.resetAndDestroy()
      return
    }
    const answer = await answerTo(fault, reception, record)
    response.sendDate = false
    response.setHeader(
      'date',
      new Date(now() + (fault?.kind === 'date' ? fault.skewSeconds * 1000 : 0)).toUTCString(),
    )
    response.setHeader('content-length', Buffer.byteLength(answer.body))
    response.writeHead(answer.status, answer.headers)
    if (fault?.kind === 'reset') {
      response.write(answer.body.slice(0, answer.body.length / 2), () => connection?.socket.resetAndDestroy())
      return
    }
    record.status = answer.status
    record.code = answer.code
    record.requestId = answer.requestId
    response.end(answer.body)
  }

  async function answerTo(
    fault: Fault | undefined,
    reception: Reception,
    record: OpenRecord,
  ): Promise<Answer> {
    switch (fault?.kind) {
      case 'error':
        return service.refuse(fault)
      case 'response':
        return {
          status: fault.status,
          body: fault.body ?? '',
          ...(fault.headers === undefined ? {} : { headers: fault.headers }),
        }
      case 'delay':
        await delay(fault.milliseconds, undefined, { ref: false })
        return reception.answer(record)
      case 'fields': {
        const answer = await reception.answer(record)
        return { ...answer, body: withFields(answer.body, fault.fields) }
      }
      case 'date':
      case 'reset':
      case 'hang':
      case undefined:
        return reception.answer(record)
    }
  }

  const serverOptions = { maxHeaderSize: MAX_HEADER_SIZE }
  const server =
    options.tls === undefined
      ? createServer(serverOptions, onRequest)
      : createTlsServer({ ...serverOptions, ...options.tls }, onRequest)
  server.on('connection', (socket: Socket) => {
    const port = socket.remotePort
    if (port === undefined) return
    connectionCount += 1
    connections.set(port, { number: connectionCount, socket })
    socket.once('close', () => connections.delete(port))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, resolve)
  })
  const { port } = server.address() as AddressInfo
  const host = `${isIPv6(options.host) ? `[${options.host}]` : options.host}:${port}`
  return {
    url: `${options.tls === undefined ? 'http' : 'https'}://${host}`,
    host,
    port,
    failNext: faults.add,
    clearFaults: faults.clear,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve()
        })
        for (const { socket } of connections.values()) socket.destroy()
      }),
  }
}

/** The JSON text with fields changed, each named by its path. */
function withFields(body: string, fields: Readonly<Record<string, unknown>>): string {
  const root = JSON.parse(body) as Record<string, unknown>
  for (const [path, value] of Object.entries(fields)) {
    const names = path.split('.')
    const last = names.pop() ?? ''
    const parent = names.reduce((object, name) => object[name] as Record<string, unknown>, root)
    parent[last] = value
  }
  return JSON.stringify(root)
}

async function readRequest(message: IncomingMessage): Promise<WireRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks)
  const url = message.url ?? '/'
  const questionMark = url.indexOf('?')
  const headers = Object.fromEntries(
    Object.entries(message.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]),
  )
  const isForm = /^application\/x-www-form-urlencoded\b/i.test(headers['content-type'] ?? '')
  return {
    method: message.method ?? '',
    path: questionMark < 0 ? url : url.slice(0, questionMark),
    headers,
    query: questionMark < 0 ? [] : [...new URLSearchParams(url.slice(questionMark + 1))],
    form: isForm ? [...new URLSearchParams(body.toString('utf8'))] : [],
    body,
  }
}
