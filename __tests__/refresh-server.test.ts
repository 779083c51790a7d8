import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { serve, type KeeperServer } from '../src/refresh/server.js'
import type { CurrentSession } from '../src/refresh/renewal.js'

const READ = 'a'.repeat(64)
const STOP = 'b'.repeat(64)
const SESSION: CurrentSession = {
  session: {
    key: { accessKeyId: 'STS.id', accessKeySecret: 'secret', securityToken: 'token+/=' },
    expiration: new Date('2026-01-02T03:04:05.678Z'),
  },
}

let server: KeeperServer
let current: (patience: Promise<void>) => Promise<CurrentSession>
let stops: number
let onStopped: () => void
let sockets: Socket[]

beforeEach(async () => {
  current = async () => Promise.resolve(SESSION)
  stops = 0
  onStopped = () => undefined
  sockets = []
  server = await serve({
    readPath: READ,
    stopPath: STOP,
    current: async (patience) => current(patience),
    stop: async () => {
      stops += 1
      return Promise.resolve({ renewals: 3, troubles: [] })
    },
    onStopped: () => {
      onStopped()
    },
  })
})
afterEach(() => {
  for (const socket of sockets) socket.destroy()
  server.close()
})

interface Answer {
  readonly status: number
  readonly body: string
}

const ask = async (path: string, method = 'GET', headers = {}, body?: string): Promise<Answer> =>
  new Promise((done, fail) => {
    const sent = request({ host: '127.0.0.1', port: server.port, path, method, headers, agent: false })
    sent.once('error', fail)
    sent.once('response', (response) => {
      text(response).then((answer) => {
        done({ status: response.statusCode ?? 0, body: answer })
      }, fail)
    })
    sent.end(body)
  })

/**
 * A connection that sends so much and then waits; gives what came back when the server has ended
 * it.
 */
const silent = async (head: string): Promise<{ readonly ended: Promise<string> }> => {
  const socket = connect(server.port, '127.0.0.1')
  sockets.push(socket)
  const ended = new Promise<string>((done) => {
    let received = ''
    socket.setEncoding('utf8').on('data', (part: string) => (received += part))
    socket.once('error', () => undefined)
    socket.once('close', () => {
      done(received)
    })
  })
  await new Promise<void>((done) => socket.once('connect', done))
  socket.write(head)
  return { ended }
}

test("the read path answers as Alibaba Cloud's SDKs expect", async () => {
  const { status, body } = await ask(`/${READ}`)
  expect([status, JSON.parse(body)]).toEqual([
    200,
    {
      Code: 'Success',
      AccessKeyId: 'STS.id',
      AccessKeySecret: 'secret',
      SecurityToken: 'token+/=',
      Expiration: '2026-01-02T03:04:05Z',
    },
  ])
})

test('if the session has expired and cannot be renewed, the answer is 503 with the reason', async () => {
  const failure = { code: 'NoPermission', message: 'no', requestId: 'R-1', transient: false }
  current = async () => Promise.resolve({ failure })
  const { status, body } = await ask(`/${READ}`)
  expect([status, JSON.parse(body)]).toEqual([503, { Code: 'NoPermission', Message: 'no', RequestId: 'R-1' }])
})

test.each([
  ['/', 'GET'],
  ['', 'GET'],
  [`/${READ}/`, 'GET'],
  [`/${READ}?a=b`, 'GET'],
  [`//${READ}`, 'GET'],
  [`/${READ.toUpperCase()}`, 'GET'],
  [`/${READ.slice(1)}`, 'GET'],
  [`/${READ}a`, 'GET'],
  [`/x/../${READ}`, 'GET'],
  [`/%61${READ.slice(1)}`, 'GET'],
  [`http://127.0.0.1/${READ}`, 'GET'],
  [`/${STOP}`, 'GET'],
  [`/${READ}`, 'POST'],
  [`/${READ}`, 'HEAD'],
  [`/${READ}`, 'PUT'],
  [`/${READ}`, 'DELETE'],
  [`/${READ}`, 'OPTIONS'],
  [`/${STOP}`, 'PUT'],
  ['*', 'OPTIONS'],
])('%s with %s is answered with 404', async (path, method) => {
  expect(await ask(path, method)).toEqual({ status: 404, body: '' })
  expect(stops).toBe(0)
})

test.each([
  ['without a host', 'GET /guess HTTP/1.1\r\n\r\n'],
  ['of HTTP/1.0', 'GET /guess HTTP/1.0\r\n\r\n'],
  ['that expects a word before its body', 'POST /guess HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n'],
  ['that expects what nobody knows', 'GET /guess HTTP/1.1\r\nHost: x\r\nExpect: gift\r\n\r\n'],
  [
    'for another protocol',
    'GET /guess HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
  ],
  ['of an unknown version', 'GET /guess HTTP/9.9\r\nHost: x\r\n\r\n'],
  [
    'with two lengths',
    'POST /guess HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
  ],
])('a request %s is not found', async (_, request) => {
  const { ended } = await silent(request)
  expect(await ended).toMatch(/^HTTP\/1\.1 404 Not Found\r\n[^]*\r\n\r\n$/)
})

test('a tunnel is not opened', async () => {
  const { ended } = await silent('CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: x\r\n\r\n')
  expect(await ended).toBe('')
})

test('the stop path answers once, and says when its answer has gone', async () => {
  const gone = new Promise<void>((done) => (onStopped = done))
  const answers = await Promise.all([ask(`/${STOP}`, 'POST'), gone])
  expect(answers[0]).toEqual({ status: 200, body: '{"renewals":3,"troubles":[]}' })
  expect(await ask(`/${STOP}`, 'POST')).toEqual({ status: 404, body: '' })
  expect(stops).toBe(1)
})

describe('other users of the machine', () => {
  test('get only a 404 for a request that is malformed or too large', async () => {
    const garbage = await silent('\x16\x03\x01 nonsense\r\n\r\n')
    const large = await silent(`GET /${READ} HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(64 * 1024)}`)
    for (const { ended } of [garbage, large]) expect(await ended).toMatch(/^(HTTP\/1\.1 404 [^]*\r\n\r\n)?$/)
  })

  test('do not keep the job from its credentials with five hundred silent connections', async () => {
    for (let count = 0; count < 500; count++) await silent(`GET /${READ} HTTP/1.1\r\n`)
    for (let count = 0; count < 10; count++) expect((await ask(`/${READ}`)).status).toBe(200)
  })

  test('do not cut off an answer under way by connecting after it', async () => {
    let answer: (session: CurrentSession) => void = () => undefined
    const asked = new Promise<void>((begun) => {
      current = async () => {
        begun()
        return new Promise((done) => (answer = done))
      }
    })
    const waiting = ask(`/${READ}`)
    await asked
    for (let count = 0; count < 200; count++) await silent('G')
    answer(SESSION)
    expect((await waiting).status).toBe(200)
  })

  test('get one answer for each connection to pipelined guesses', async () => {
    const { ended } = await silent('GET /guess HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(50))
    expect((await ended).match(/HTTP\/1\.1 404/g)).toHaveLength(1)
  })

  test('are disconnected if a request never ends; clients are answered before the SDKs time out', async () => {
    const failure = { code: 'RenewalPending', message: '', requestId: undefined, transient: true }
    current = async (patience) => {
      await patience
      return { failure }
    }
    const waiting = ask(`/${READ}`)
    const slow = await Promise.all([
      silent(`GET /${READ} HTTP/1.1\r\nHost: x\r\nX-Slow: `),
      // The answer is there at once; that the body never comes keeps nothing open.
      silent('GET /guess HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n'),
    ])
    for (const { ended } of slow) expect(await ended).toMatch(/^HTTP\/1\.1 404/)
    expect((await waiting).status).toBe(503)
  })

  test('cannot connect from another machine', async () => {
    const refused = new Promise<string | undefined>((done) => {
      const socket = connect({ port: server.port, host: '::1' })
      sockets.push(socket)
      socket.once('error', (failure: NodeJS.ErrnoException) => {
        done(failure.code)
      })
      socket.once('connect', () => {
        done('connected')
      })
    })
    expect(await refused).not.toBe('connected')
  })
})
