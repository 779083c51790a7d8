import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

export interface RelayOptions {
  readonly host: string
  /** 0 for a free one. */
  readonly port: number
  readonly to: { readonly host: string; readonly port: number }
  /** The round-trip time to simulate; 0 passes everything on at once. */
  readonly rttMs: number
}

export interface Relay {
  readonly port: number
  /** Connections accepted since the start, used or not. */
  readonly connections: () => number
  readonly close: () => Promise<void>
}

/**
 * A TCP relay that makes loopback look far away. Each direction takes half a round trip. On
 * loopback a client's connect() succeeds at once, over a distance it takes a round trip, in which
 * the client can do other work: what a client sends earlier than that is held until then. So TCP's
 * handshake and TLS's cost what they would. Not simulated: the name look-up, bandwidth, slow start,
 * loss.
 */
export async function startRelay({ host, port, to, rttMs }: RelayOptions): Promise<Relay> {
  const open = new Set<Socket>()
  let connections = 0
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    connections += 1
    const connected = performance.now() + rttMs
    const upstream = connect({ ...to, allowHalfOpen: true, noDelay: true })
    forward(client, upstream, (now) => Math.max(now, connected) - now + rttMs / 2)
    forward(upstream, client, () => rttMs / 2)
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(socket)
      socket.on('error', () => other.resetAndDestroy())
      socket.on('close', () => open.delete(socket))
    }
  })
  await new Promise<void>((listening, fail) => {
    server.once('error', fail)
    server.listen(port, host, listening)
  })
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    close: () =>
      new Promise((closed) => {
        server.close(() => {
          closed()
        })
        for (const socket of open) socket.destroy()
      }),
  }
}

/** @param delay milliseconds that something which comes now must wait */
function forward(from: Socket, to: Socket, delay: (now: number) => number): void {
  // Timers of different lengths may end in another order than they should: each lets the oldest go,
  // whichever it was set for.
  const waiting: (Buffer | 'end')[] = []
  const later = (part: Buffer | 'end'): void => {
    waiting.push(part)
    const wait = delay(performance.now())
    if (wait === 0) release()
    else setTimeout(release, wait)
  }
  const release = (): void => {
    const part = waiting.shift()
    if (part === undefined || to.destroyed) return
    if (part === 'end') to.end()
    else to.write(part)
  }
  from.on('data', later)
  from.on('end', () => {
    later('end')
  })
}
