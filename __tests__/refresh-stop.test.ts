import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from '@jest/globals'
import { stopKeeper } from '../src/refresh/stop-keeper.js'

test('a state that names another address than a keeper has makes post ask nobody', async () => {
  const asked: (string | undefined)[] = []
  const server = createServer(({ url }, response) => {
    asked.push(url)
    response.end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const path = 'a'.repeat(64)
  try {
    for (const stopUrl of [
      `http://127.0.0.1:${port}/latest/meta-data`,
      `http://localhost:${port}/${path}`,
      `http://127.0.0.1:${port}/${path}?x`,
      `http://user@127.0.0.1:${port}/${path}`,
    ])
      expect((await stopKeeper({ folder: 'nowhere', stopUrl })).warnings).toHaveLength(1)
    expect(asked).toEqual([])
    await stopKeeper({ folder: 'nowhere', stopUrl: `http://127.0.0.1:${port}/${path}` })
    expect(asked).toEqual([`/${path}`])
  } finally {
    server.close()
  }
})
