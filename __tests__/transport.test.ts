import { createServer } from 'node:http'
import { describe, expect, test } from '@jest/globals'
import { send } from '../src/net/request.js'
import { TransportError } from '../src/net/transport-error.js'

describe('TransportError', () => {
  test('names the host, and the proxy on the way', () => {
    expect(new TransportError('broken', 'host:1', ['x'], { proxy: 'proxy:2' }).message).toBe(
      'host:1 (via proxy proxy:2): x',
    )
  })
})

describe('send', () => {
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
      const policy = { deadline: performance.now() + 300, trace: () => undefined }
      return await send({ method: 'GET', url, headers: {} }, { call: 'Call', policy }).catch(
        (failure: unknown) => failure,
      )
    } finally {
      server.closeAllConnections()
      server.close()
    }
  }

  test('an answer that never ends is a time-out, and one that breaks off a broken connection', async () => {
    expect(await answerPart('silence')).toMatchObject({ code: 'timeout' })
    expect(await answerPart('reset')).toMatchObject({ code: 'broken' })
  })
})
