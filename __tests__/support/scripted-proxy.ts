/** A proxy that answers CONNECT as a test says: with any bytes, with nothing, or with a tunnel. */
import { connect, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'

/** What the proxy does with a connection whose CONNECT it has read. */
export type Script = (socket: Socket, request: string, count: number) => void

export interface ScriptedProxy {
  /** `host:port` */
  readonly host: string
  /** The head of every CONNECT, in order. */
  readonly requests: readonly string[]
  readonly close: () => Promise<void>
}

/** @param tls a certificate and its key for a proxy that itself speaks TLS */
export async function startScriptedProxy(
  script: Script,
  tls?: { readonly cert: string; readonly key: string },
): Promise<ScriptedProxy> {
  const requests: string[] = []
  const sockets = new Set<Socket>()
  const serve = (socket: Socket): void => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket))
    let head = ''
    const read = (part: Buffer): void => {
      head += part.toString('latin1')
      // A client that takes the proxy for one that speaks TLS begins with a handshake record.
      if (!head.includes('\r\n\r\n') && !head.startsWith('\x16')) return
      socket.off('data', read)
      requests.push(head)
      script(socket, head, requests.length)
    }
    socket.on('data', read)
  }
  const server: Server = tls === undefined ? createTcpServer(serve) : createTlsServer(tls, serve)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  return {
    host: `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    requests,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((done) => server.close(done))
    },
  }
}

/** Answers and closes. */
export const answers =
  (...lines: readonly string[]): Script =>
  (socket) => {
    socket.end(lines.join('\r\n'))
  }

/** Opens a tunnel to a port of this machine. */
export const tunnels =
  (port: (request: string) => number, status = 'HTTP/1.1 200 Connection established'): Script =>
  (socket, request) => {
    const target = connect(port(request), '127.0.0.1', () => {
      socket.write(`${status}\r\n\r\n`)
      target.pipe(socket).pipe(target)
    })
    target.on('error', () => socket.destroy())
    socket.on('close', () => target.destroy())
  }
