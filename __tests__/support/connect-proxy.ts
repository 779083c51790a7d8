/**
 * A real CONNECT proxy on loopback that leads the hosts of a table to ports of this machine, and
 * knows no others.
 */
import type { Server as HttpServer } from 'node:http'
import { connect, createServer, type Socket } from 'node:net'
import { Server } from 'proxy-chain'

export interface ConnectProxy {
  /** `host:port` */
  readonly host: string
  /** The hosts that were asked for, in order. */
  readonly asked: readonly string[]
  readonly close: () => Promise<void>
}

/**
 * @param ports the port of this machine that stands for each host name
 * @param account who may use the proxy; anyone if not given
 */
export async function startConnectProxy(
  ports: Readonly<Record<string, number>>,
  account?: { user: string; password: string },
): Promise<ConnectProxy> {
  const asked: string[] = []
  const server = new Server({
    host: '127.0.0.1',
    port: 0,
    prepareRequestFunction: ({ hostname, port, username, password }) => {
      asked.push(`${hostname}:${port}`)
      if (account !== undefined && (username !== account.user || password !== account.password))
        return { requestAuthentication: true }
      // Only its connections are used: what is tunnelled is TLS, and goes on as it is.
      const tunnel: unknown = createServer((client: Socket) => {
        const target = connect(ports[hostname] ?? 1, '127.0.0.1')
        target.pipe(client).pipe(target)
        for (const socket of [client, target]) {
          socket.on('error', () => {
            client.destroy()
            target.destroy()
          })
        }
      })
      return { customConnectServer: tunnel as HttpServer }
    },
  })
  await server.listen()
  return {
    host: `127.0.0.1:${server.port}`,
    asked,
    close: async () => server.close(true),
  }
}
