/**
 * What the step costs, as far as it does not depend on the machine: a guard, and the benchmark's
 * own parts.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { readAction } from '../stand-in/runner/action-manifest.js'
import { chart } from '../bench/chart.js'
import { downloadSize } from '../bench/download-size.js'
import { loadedFiles, totalBytes, type LoadedFile } from '../bench/loaded-files.js'
import { startRelay, type Relay } from '../bench/relay.js'
import { spreadOf } from '../bench/spread.js'
import { table } from '../bench/table.js'
import { NODES, startJob } from './support/job.js'
import { posixOnly } from './support/platform.js'
import { startWorld, type World } from './support/world.js'

// Limits in bytes and in files. Raising one is a decision: what it buys belongs into the commit's
// message.
const MAX_DIST = 540_000
const MAX_DIST_GZIPPED = 160_000
const MAX_ARCHIVE = 190_000
const MAX_MAIN_FILES = 2
const MAX_MAIN_BYTES = 356_000
const MAX_POST_FILES = 1
const MAX_POST_BYTES = 66_000
/** Stands in the SDK's code, and in no other. */
const SDK_MARK = 'ACS3-HMAC-SHA256'

const ROOT = resolve(import.meta.dirname, '..')

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bench-test-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** Sizes are those of gzip, the program. */
const zippedTest = posixOnly('Windows has no gzip')

describe('the download', () => {
  zippedTest('dist', () => {
    const { dist, distGzipped } = downloadSize(readAction('ours', ROOT))
    expect(dist).toBeLessThanOrEqual(MAX_DIST)
    expect(distGzipped).toBeLessThanOrEqual(MAX_DIST_GZIPPED)
    // Of something.
    expect(distGzipped).toBeGreaterThan(10_000)
  })

  // Sources that came without git have no archive.
  const archiveTest = existsSync(join(ROOT, '.git')) ? zippedTest : test.skip
  archiveTest('the archive of the last commit', () => {
    const { archive } = downloadSize(readAction('ours', ROOT))
    expect(archive).toBeLessThanOrEqual(MAX_ARCHIVE)
  })
})

describe.each(NODES)('on %s', (node) => {
  let world: World
  let relays: readonly [sts: Relay, issuer: Relay]
  let main: readonly LoadedFile[]
  let post: readonly LoadedFile[]

  beforeAll(async () => {
    world = await startWorld({ tls: true })
    const { sts, issuer } = world.standIn
    const relay = async (port: number) =>
      startRelay({ host: '127.0.0.1', port: 0, to: { host: '127.0.0.1', port }, rttMs: 0 })
    relays = [await relay(sts.port), await relay(issuer.port)]
    const requestUrl = new URL(issuer.requestUrl)
    requestUrl.port = String(relays[1].port)
    const coverage = mkdtempSync(join(tmpdir(), 'bench-coverage-'))
    const job = startJob({
      standIn: world.standIn,
      node,
      env: { ACTIONS_ID_TOKEN_REQUEST_URL: requestUrl.href },
    })
    try {
      const inputs = { ...world.byOidc, 'sts-endpoint': `https://127.0.0.1:${relays[0].port}` }
      const step = await job.main(inputs, { NODE_V8_COVERAGE: join(coverage, 'main') })
      expect(step.exitCode).toBe(0)
      await job.posts({ NODE_V8_COVERAGE: join(coverage, 'post') })
      main = loadedFiles(join(coverage, 'main'))
      post = loadedFiles(join(coverage, 'post'))
    } finally {
      job.remove()
      rmSync(coverage, { recursive: true, force: true })
    }
  })
  afterAll(async () => {
    for (const relay of relays) await relay.close()
    await world.standIn.close()
  })

  test('OIDC takes two requests, and one connection to each host', () => {
    expect(world.standIn.requests.map(({ action }) => action)).toEqual(['IdToken', 'AssumeRoleWithOIDC'])
    expect(relays.map((relay) => relay.connections())).toEqual([1, 1])
  })

  test('main loads no more bytes than recorded', () => {
    expect(main.map(({ path }) => path)).toContain(join(ROOT, 'dist/main/index.js'))
    expect(main.length).toBeLessThanOrEqual(MAX_MAIN_FILES)
    expect(totalBytes(main)).toBeLessThanOrEqual(MAX_MAIN_BYTES)
  })

  test('post loads no more bytes than recorded, and nothing of the SDK', () => {
    expect(post.map(({ path }) => path)).toContain(join(ROOT, 'dist/post/index.js'))
    expect(post.length).toBeLessThanOrEqual(MAX_POST_FILES)
    expect(totalBytes(post)).toBeLessThanOrEqual(MAX_POST_BYTES)
    const marked = (files: readonly LoadedFile[]): boolean =>
      files.some(({ path }) => readFileSync(path, 'utf8').includes(SDK_MARK))
    expect([marked(main), marked(post)]).toEqual([true, false])
  })
})

describe('the relay', () => {
  let relay: Relay
  let server: ReturnType<typeof createServer>

  async function relayTo(serve: (socket: Socket) => void, rttMs: number): Promise<Socket> {
    server = createServer({ allowHalfOpen: true }, serve)
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    const { port } = server.address() as AddressInfo
    relay = await startRelay({ host: '127.0.0.1', port: 0, to: { host: '127.0.0.1', port }, rttMs })
    return connect({ host: '127.0.0.1', port: relay.port, allowHalfOpen: true })
  }
  afterEach(async () => {
    await relay.close()
    server.close()
  })

  test.each([0, 1, 7])(
    'passes everything on in order, and each end, with round trips of %d ms',
    async (rttMs) => {
      const client = await relayTo((socket) => socket.pipe(socket), rttMs)
      const sent = Array.from({ length: 300 }, (_, index) => `${index},`)
      for (const part of sent) {
        // Parts of their own, some before and some after the connection would stand.
        if (!client.write(part) || part.endsWith('0,')) await new Promise((done) => setImmediate(done))
      }
      client.end()
      let received = ''
      for await (const part of client) received += String(part)
      expect(received).toBe(sent.join(''))
      expect(relay.connections()).toBe(1)
    },
  )

  test('passes a broken connection on', async () => {
    const client = await relayTo((socket) => socket.once('data', () => socket.resetAndDestroy()), 0)
    client.write('x')
    const failure = await new Promise<NodeJS.ErrnoException>((done) => client.once('error', done).resume())
    expect(failure.code).toBe('ECONNRESET')
  })
})

describe('the folder of another action', () => {
  test('has a manifest that says what to run and with which inputs', () => {
    writeFileSync(
      join(folder, 'action.yml'),
      'inputs: { a: { default: 1800 }, b: { default: "" }, c: { default: false }, d: , e: { required: true } }\nruns: { using: node20, main: out/m.js, post: ./p.js }\n',
    )
    expect(readAction('peer', folder)).toEqual({
      name: 'peer',
      folder,
      main: join(folder, 'out/m.js'),
      post: join(folder, 'p.js'),
      inputs: new Map([
        ['a', '1800'],
        ['b', ''],
        ['c', 'false'],
        ['d', undefined],
        ['e', undefined],
      ]),
      deprecations: new Map(),
    })
  })

  test.each(['runs: { using: composite, steps: [] }', 'runs: { using: node20, main: index.js }', '', '[]'])(
    '%j cannot be measured',
    (text) => {
      writeFileSync(join(folder, 'action.yml'), text)
      expect(() => readAction('peer', folder)).toThrow(/runs\.main and runs\.post/)
    },
  )

  zippedTest('a folder that is not the top of a checkout has no archive', () => {
    for (const name of ['m.js', 'p.js']) writeFileSync(join(folder, name), 'x'.repeat(1000))
    writeFileSync(join(folder, 'action.yml'), 'runs: { using: node20, main: m.js, post: p.js }')
    const { dist, distGzipped, archive } = downloadSize(readAction('peer', folder))
    expect([dist, archive]).toEqual([2000, undefined])
    expect(distGzipped).toBeLessThan(200)
  })
})

describe('figures', () => {
  test.each([
    [[7], { median: 7, p10: 7, p90: 7 }],
    [[3, 1], { median: 2, p10: 1.2, p90: 2.8 }],
    [[10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0], { median: 5, p10: 1, p90: 9 }],
    [[1, 1, 1, 1000], { median: 1, p10: 1, p90: 700.3 }],
  ])('the spread of %j', (values, spread) => {
    const found = spreadOf(values)
    for (const name of ['median', 'p10', 'p90'] as const) expect(found[name]).toBeCloseTo(spread[name], 6)
  })

  test('the spread of no figures is undefined', () => {
    expect(() => spreadOf([])).toThrow('nothing was measured')
  })

  test('a table is aligned Markdown', () => {
    expect(table(['What', 'a', 'b'], [['long name', '1', '22,000'], ['x']])).toBe(
      [
        '| What      |   a |      b |',
        '| --------- | --: | -----: |',
        '| long name |   1 | 22,000 |',
        '| x         |     |        |',
      ].join('\n'),
    )
  })

  test('a chart escapes names, is drawn to scale and stays within its width', () => {
    const svg = chart(
      [
        {
          title: 'a < b',
          unit: 'ms',
          bars: [
            { name: 'ours', value: 50 },
            { name: '"x" & y', value: 100, from: 80, to: 200 },
          ],
        },
      ],
      'ours',
      'Node & "more"',
    )
    expect(svg).toContain('>a &lt; b<')
    expect(svg).toContain('>&quot;x&quot; &amp; y<')
    expect(svg).toContain('aria-label="Node &amp; &quot;more&quot;"')
    const bars = [...svg.matchAll(/<rect x="([\d.]+)" y="\d+" width="([\d.]+)" [^>]*class="(\w+)"/g)].map(
      ([, , width, kind]) => [Number(width), kind],
    )
    expect(bars).toEqual([
      [130, 'own'],
      [260, 'other'],
    ])
    expect(Math.max(...[...svg.matchAll(/ x="([\d.]+)"/g)].map(([, x]) => Number(x)))).toBeLessThan(720 - 60)
  })
})
