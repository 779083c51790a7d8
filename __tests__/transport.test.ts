import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { describe, expect, test } from '@jest/globals'
import { connectAhead, send, type SendOptions } from '../src/net/request.js'
import { TransportError } from '../src/net/transport-error.js'

describe('TransportError', () => {
  test('names the host, and the proxy on the way', () => {
    expect(new TransportError('broken', 'host:1', ['x'], { proxy: 'proxy:2' }).message).toBe(
      'host:1 (via proxy proxy:2): x',
    )
  })
})

describe('send', () => {
  const get = async (
    url: string,
    limits: Pick<SendOptions, 'callTimeoutMs' | 'connectTimeoutMs'> = {},
  ): Promise<unknown> => {
    const policy = { deadline: Infinity, trace: () => undefined }
    return send(
      { method: 'GET', url: new URL(url), headers: {} },
      { call: 'Call', policy, callTimeoutMs: 60_000, ...limits },
    ).catch((failure: unknown) => failure)
  }

  /** A server that answers with so much of a body and then nothing more, or breaks off. */
  const answerPart = async (then: 'silence' | 'reset'): Promise<unknown> => {
    const server = createServer((_, response) => {
      response.writeHead(200, { 'content-length': 100 })
      response.write('a part', () => {
        if (then === 'reset') response.destroy()
      })
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    try {
      const url = new URL(`http://127.0.0.1:${port}`)
      return await get(url.href, then === 'silence' ? { callTimeoutMs: 300 } : {})
    } finally {
      server.closeAllConnections()
      server.close()
    }
  }

  test('reports an answer that never ends as a time-out, and one that breaks off as a broken connection', async () => {
    expect(await answerPart('silence')).toMatchObject({
      code: 'timeout',
      message: expect.stringMatching(/no answer within 0\.3 s$/),
    })
    expect(await answerPart('reset')).toMatchObject({ code: 'broken' })
  })

  /** A server of bytes, which leaves its connections open. */
  const listen = async (serve: (socket: Socket) => unknown): Promise<[server: Server, authority: string]> => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => undefined)
      server.once('closing', () => socket.destroy())
      serve(socket)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    return [server, `127.0.0.1:${(server.address() as AddressInfo).port}`]
  }
  const close = async (server: Server): Promise<void> => {
    server.emit('closing')
    await new Promise((done) => server.close(done))
  }
  test('an answer that changes the protocol is no answer, and is not waited for', async () => {
    const [server, authority] = await listen((socket) => {
      socket.once('data', () =>
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: any\r\n\r\n{}'),
      )
    })
    try {
      expect(await get(`http://${authority}`)).toMatchObject({
        code: 'nonsense',
        message: `${authority}: a change of protocol (101)`,
      })
    } finally {
      await close(server)
    }
  })

  test('a connection that was opened ahead, and is silent since, has no more time for TLS than any', async () => {
    const accepted: Socket[] = []
    const [server, authority] = await listen((socket) => accepted.push(socket))
    try {
      await connectAhead(new URL(`https://${authority}`))
      if (accepted.length === 0) await once(server, 'connection')
      // The handshake has begun, so the client knows that TCP stands.
      for (const socket of accepted) await once(socket, 'data')
      expect(await get(`https://${authority}`, { connectTimeoutMs: 50 })).toMatchObject({
        code: 'timeout',
        message: `${authority}: no connection within 0.1 s (waiting for TLS)`,
      })
      // Nor has it if the call's own time ends first, and the error says so too.
      expect(await get(`https://${authority}`, { callTimeoutMs: 50 })).toMatchObject({
        code: 'timeout',
        message: expect.stringMatching(/no answer within 0\.1 s \(waiting for \S+\)$/),
      })
    } finally {
      await close(server)
    }
  })
})
