/** TLS or nothing: whatever a proxy says is the proxy's, and never the host's. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { createCertificates, type Certificates } from '../stand-in/certificates.js'
import { NODES, type StepInputs, type StepResult } from './support/job.js'
import {
  answers,
  startScriptedProxy,
  tunnels,
  type Script,
  type ScriptedProxy,
} from './support/scripted-proxy.js'
import { useJobs, useWorld } from './support/set-up.js'
import { DEPLOY_ROLE, startWorld } from './support/world.js'

const ISSUER_HOST = 'run-actions-1-azure-eastus.actions.githubusercontent.com'
const STS_HOST = 'sts.cn-hangzhou.aliyuncs.com'

const SESSION = {
  RequestId: 'F0F0F0F0-0000-0000-0000-000000000000',
  AssumedRoleUser: { Arn: `${DEPLOY_ROLE}/x`, AssumedRoleId: '1:x' },
  Credentials: {
    AccessKeyId: 'STS.forged-by-the-proxy',
    AccessKeySecret: 'forged-by-the-proxy',
    SecurityToken: 'forged-by-the-proxy',
    Expiration: '2099-01-02T03:04:05Z',
  },
}
const IDENTITY = { RequestId: SESSION.RequestId, Arn: `${DEPLOY_ROLE}/x`, AccountId: '1234567890123456' }
const TOKEN = { value: 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJmb3JnZWQifQ.Zm9yZ2Vk' }

const world = useWorld({ tls: true, hostNames: [ISSUER_HOST, STS_HOST] })
const startJob = useJobs(world)
let proxy: ScriptedProxy
let proxyCertificates: Certificates

beforeAll(async () => {
  proxyCertificates = await createCertificates([], 'CA of the proxy')
})
afterAll(async () => {
  await proxyCertificates.remove()
})
afterEach(async () => {
  await proxy.close()
})

const portOf = (request: string): number =>
  request.startsWith(`CONNECT ${ISSUER_HOST}:443 `) ? world.standIn.issuer.port : world.standIn.sts.port

/** An HTTP response with a JSON body, as a host would send it. */
function json(status: string, body: object): string[] {
  const text = JSON.stringify(body)
  return [`HTTP/1.1 ${status}`, 'Content-Type: application/json', `Content-Length: ${text.length}`, '', text]
}

describe.each(NODES)('on %s', (node) => {
  const run = async (
    source: 'byKey' | 'byOidc',
    inputs: StepInputs = {},
    env: Record<string, string> = {},
  ): Promise<StepResult> => {
    const requestUrl = new URL(world.standIn.issuer.requestUrl)
    requestUrl.host = `${ISSUER_HOST}:443`
    const job = startJob({
      node,
      env: {
        ACTIONS_ID_TOKEN_REQUEST_URL: requestUrl.href,
        HTTPS_PROXY: `http://${proxy.host}`,
        ...env,
      },
    })
    return job.main({ ...world[source], 'sts-endpoint': '', 'output-credentials': 'true', ...inputs })
  }
  /**
   * A failure that names the proxy, after which nothing is exported and nothing forged is believed.
   */
  const failed = (main: StepResult): string => {
    expect([main.exitCode, main.env.size, main.outputs.size, main.stderr]).toEqual([1, 0, 0, ''])
    expect(main.stdout).not.toMatch(/forged|Alibaba Cloud identity/)
    expect(main.errors).toHaveLength(1)
    expect(main.errors[0]).toContain(proxy.host)
    return main.errors[0] ?? ''
  }

  describe.each([
    ['AssumeRole', 'byKey', SESSION, {}],
    [
      'GetCallerIdentity',
      'byKey',
      IDENTITY,
      { 'security-token': 'token-of-a-session', 'role-to-assume': '' },
    ],
    ['the issuer', 'byOidc', TOKEN, {}],
  ] as const)('a proxy that answers CONNECT in the place of the host, for %s', (_, source, body, inputs) => {
    test.each(['201 Created', '200 OK', '206 Partial Content'])(
      'with %s and a forged answer',
      async (status) => {
        proxy = await startScriptedProxy(answers(...json(status, body)))
        const message = failed(await run(source, { 'retry-max-attempts': '1', ...inputs }))
        expect(message).toContain('data of its own')
      },
    )

    test.each([
      ['404 Not Found', /opens no tunnel/],
      ['502 Bad Gateway', /cannot reach/],
    ])('with %s and a forged answer', async (status, words) => {
      proxy = await startScriptedProxy(answers(...json(status, body)))
      expect(failed(await run(source, { 'retry-max-attempts': '1', ...inputs }))).toMatch(words)
    })

    test('with a tunnel, and a forged answer in plain bytes behind it', async () => {
      proxy = await startScriptedProxy((socket) => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
        // By now a TLS session begins: what is no TLS is no answer.
        socket.once('data', () => socket.write(json('200 OK', body).join('\r\n')))
      })
      expect(failed(await run(source, { 'retry-max-attempts': '1', ...inputs }))).toMatch(/TLS/)
    })

    test('with a TLS session of its own, whose certificate nobody vouches for', async () => {
      const forger = await startWorld({ tls: true, hostNames: [ISSUER_HOST, STS_HOST] })
      try {
        proxy = await startScriptedProxy(tunnels(() => forger.standIn.sts.port))
        const message = failed(await run(source, { 'retry-max-attempts': '5', ...inputs }))
        expect(message).toContain('NODE_EXTRA_CA_CERTS')
        expect(proxy.requests).toHaveLength(1)
        expect(forger.standIn.requests).toEqual([])
      } finally {
        await forger.standIn.close()
      }
    })
  })

  test('certificates are verified whatever NODE_TLS_REJECT_UNAUTHORIZED says', async () => {
    proxy = await startScriptedProxy(tunnels(portOf))
    const off = { NODE_TLS_REJECT_UNAUTHORIZED: '0', NODE_EXTRA_CA_CERTS: '' }
    expect(failed(await run('byKey', {}, off))).toContain('NODE_EXTRA_CA_CERTS')
    // Without a proxy, with a connection that is opened ahead.
    const direct = await run('byKey', { 'sts-endpoint': world.standIn.sts.url }, off)
    expect([direct.exitCode, direct.env.size, direct.stderr]).toEqual([1, 0, ''])
    expect(world.standIn.requests).toEqual([])
  })

  describe("an answer of the proxy is reported as the proxy's", () => {
    test.each([
      ['403 Forbidden by policy', 1, /forbids.*403 Forbidden by policy/s],
      ['407 Proxy Authentication Required', 1, /requires a user and a password/],
      ['302 Found', 1, /answered with a redirect.*redirect \(302 Found\)/s],
      ['405 Method Not Allowed', 1, /opens no tunnel/],
      ['500 Internal Server Error', 2, /cannot reach/],
      ['502 Bad Gateway', 2, /cannot reach/],
      ['503 Service Unavailable', 2, /cannot reach/],
      ['504 Gateway Timeout', 2, /cannot reach/],
      ['429 Too Many Requests', 2, /cannot reach/],
    ])('%s: attempts made: %d', async (status, attempts, words) => {
      proxy = await startScriptedProxy(
        answers(`HTTP/1.1 ${status}`, 'Location: http://portal.example/', '', '<html>'),
      )
      const message = failed(await run('byOidc', { 'retry-max-attempts': '2' }))
      expect(message).toMatch(words)
      // The host is named, and none of its own troubles is blamed.
      expect(message).toContain(ISSUER_HOST)
      expect(message).not.toMatch(/id-token/)
      expect(proxy.requests).toHaveLength(attempts)
    })

    test('a password that is rejected is told apart from one that is missing, and is masked', async () => {
      proxy = await startScriptedProxy(answers('HTTP/1.1 407 Authentication Required', '', ''))
      const main = await run('byKey', {}, { HTTPS_PROXY: `http://ci:pass-word@${proxy.host}` })
      expect(failed(main)).toContain('rejects the user and password given')
      expect(main.masks).toContain('pass-word')
      expect(proxy.requests).toHaveLength(1)
      const account = Buffer.from('ci:pass-word').toString('base64')
      expect(proxy.requests[0]).toContain(`proxy-authorization: Basic ${account}`)
    })

    test.each([
      ['the password', 'hunter-2'],
      ['the header that holds it', Buffer.from('ci:hunter-2').toString('base64')],
    ])('%s in a status line is not shown, and no part of it where the line is cut', async (_, quoted) => {
      for (const before of [0, 195]) {
        const reason = `${'x'.repeat(before)} ${quoted}`
        proxy = await startScriptedProxy(answers(`HTTP/1.1 407 ${reason}`, '', ''))
        const main = await run('byKey', {}, { HTTPS_PROXY: `http://ci:hunter-2@${proxy.host}` })
        expect(failed(main)).toMatch(/rejects the user and password given \(407 x* \*{1,3}/)
        expect(main.log).not.toContain(quoted.slice(0, 4))
        await proxy.close()
      }
    })

    test('a status line with workflow commands in it stays text', async () => {
      const attack = '403 x ::stop-commands::y ##[set-output name=a]b'
      proxy = await startScriptedProxy(answers(`HTTP/1.1 ${attack}`, '', ''))
      const main = await run('byKey')
      failed(main)
      expect(main.stdout).not.toContain('##[')
      expect(main.stdout).not.toMatch(/^\s*::stop-commands/m)
    })

    test.each([
      ['something else than HTTP', answers('SSH-2.0-OpenSSH_9.6', '', ''), 1, /not answer in HTTP/],
      ['headers without end', endlessHeaders, 1, /not answer in HTTP/],
      ['nothing, and hangs up', (socket) => void socket.end(), 2, /ended the connection/],
      ['a tunnel that ends at once', answers('HTTP/1.1 200 OK', '', ''), 2, /broke/],
    ] as [string, Script, number, RegExp][])('%s', async (_, script, attempts, words) => {
      proxy = await startScriptedProxy(script)
      expect(failed(await run('byKey', { 'retry-max-attempts': '2' }))).toMatch(words)
      expect(proxy.requests).toHaveLength(attempts)
    })

    test('a proxy that is not there is retried, and named', async () => {
      proxy = await startScriptedProxy(tunnels(portOf))
      // No system gives such a port to a server that takes any.
      const [host, inputs] = ['127.0.0.1:1', { 'retry-max-attempts': '2' }]
      const main = await run('byKey', inputs, { HTTPS_PROXY: `http://${host}` })
      expect([main.exitCode, main.env.size, main.errors]).toEqual([
        1,
        0,
        [expect.stringContaining(`(via proxy ${host}): no connection to the proxy (ECONNREFUSED)`)],
      ])
      expect(main.log).toMatch(/^AssumeRole: attempt 1 of 2 failed/m)
    })

    test.each([
      ['says nothing', () => undefined],
      ['drips', drip],
    ] as [string, Script][])(
      'a proxy that %s is waited for until the deadline, and named in the error',
      async (_, script) => {
        proxy = await startScriptedProxy(script)
        const main = await run('byKey', { 'timeout-seconds': '2' })
        expect(failed(main)).toMatch(/no answer within \d\.\d s \(waiting for [^)]+\)/)
      },
    )
  })

  test('a proxy that swallows the first CONNECT: the step succeeds with the second, and ends', async () => {
    const open = tunnels(portOf)
    proxy = await startScriptedProxy((socket, request, count) => {
      if (count > 1) open(socket, request, count)
    })
    const main = await run('byKey')
    expect([main.errors, main.exitCode]).toEqual([[], 0])
    expect(main.log).toMatch(
      /^AssumeRole: attempt 1 of 5 failed \(sts\.cn-hangzhou\.aliyuncs\.com \(via proxy 127\.0\.0\.1:\d+\): no connection within 5\.0 s \(waiting for the proxy to open a tunnel\)\); trying again in/m,
    )
    expect(proxy.requests).toHaveLength(2)
  })

  test('the proxy sees only the host, the port and the User-Agent of a request', async () => {
    proxy = await startScriptedProxy(tunnels(portOf, 'HTTP/1.0 204 No Content'))
    const main = await run('byOidc')
    expect(main.errors).toEqual([])
    expect(proxy.requests.map((request) => request.split('\r\n').slice(0, -2))).toEqual(
      [ISSUER_HOST, STS_HOST].map((host) => [
        `CONNECT ${host}:443 HTTP/1.1`,
        `host: ${host}:443`,
        expect.stringMatching(/^user-agent: configure-alibaba-cloud-credentials\/\d+\.\d+\.\d+$/),
      ]),
    )
    expect(world.standIn.requests.map(({ headers }) => headers['user-agent'])).toEqual([
      expect.stringMatching(/^configure-alibaba-cloud-credentials\/\d+\.\d+\.\d+$/),
      expect.stringMatching(/^configure-alibaba-cloud-credentials\/\d+\.\d+\.\d+ run\/1234567890$/),
    ])
  })

  test('the roles of a chain share one tunnel', async () => {
    proxy = await startScriptedProxy(tunnels(portOf))
    const main = await run('byKey', { 'role-to-assume': `${DEPLOY_ROLE}\n${DEPLOY_ROLE}\n${DEPLOY_ROLE}` })
    expect(main.errors).toEqual([])
    expect(world.standIn.requests).toHaveLength(3)
    expect(proxy.requests).toHaveLength(1)
  })

  describe('a proxy that speaks TLS itself', () => {
    const secureProxy = async (): Promise<void> => {
      proxy = await startScriptedProxy(tunnels(portOf), proxyCertificates)
    }

    test('works if its certificate is trusted', async () => {
      await secureProxy()
      const both = join(proxyCertificates.caFile, '../both.pem')
      writeFileSync(
        both,
        [proxyCertificates.caFile, world.standIn.caFile ?? '']
          .map((file) => readFileSync(file, 'utf8'))
          .join('\n'),
      )
      for (const host of [proxy.host, proxy.host.replace('127.0.0.1', 'localhost')]) {
        const main = await run('byOidc', {}, { HTTPS_PROXY: `https://${host}`, NODE_EXTRA_CA_CERTS: both })
        expect(main.errors).toEqual([])
      }
      expect(proxy.requests).toHaveLength(4)
    })

    test("a certificate that is not trusted is reported as the proxy's after one attempt", async () => {
      await secureProxy()
      const main = await run('byKey', {}, { HTTPS_PROXY: `https://${proxy.host}` })
      expect(failed(main)).toMatch(/no trusted TLS connection to the proxy/)
      expect(main.log).not.toContain('trying again')
      expect(proxy.requests).toEqual([])
    })

    test('a proxy that speaks plain HTTP instead is reported after one attempt', async () => {
      proxy = await startScriptedProxy(answers('HTTP/1.1 400 Bad Request', '', ''))
      const main = await run('byKey', {}, { HTTPS_PROXY: `https://${proxy.host}` })
      expect(failed(main)).toMatch(/no trusted TLS connection to the proxy[^]*begins with `http:\/\/`/)
      expect(main.log).not.toContain('trying again')
    })
  })

  test.each([
    ['another variable is junk', { HTTP_PROXY: 'socks5://127.0.0.1:1', http_proxy: 'junk://' }],
    ['its URL has a path', { HTTPS_PROXY: '<proxy>/some/path' }],
  ])('a proxy is used although %s', async (_, env) => {
    proxy = await startScriptedProxy(tunnels(portOf))
    const values = Object.entries(env).map(([name, value]) => [
      name,
      value.replace('<proxy>', `http://${proxy.host}`),
    ])
    const main = await run('byKey', {}, Object.fromEntries(values) as Record<string, string>)
    expect(main.errors).toEqual([])
    expect(proxy.requests).toHaveLength(1)
  })

  test('a proxy variable that no request uses is not checked', async () => {
    proxy = await startScriptedProxy(tunnels(portOf))
    const main = await run(
      'byKey',
      { 'sts-endpoint': world.standIn.sts.url },
      { HTTPS_PROXY: 'junk://', HTTP_PROXY: 'socks5://x', NO_PROXY: '*' },
    )
    expect(main.errors).toEqual([])
    expect(proxy.requests).toEqual([])
  })

  test("Node's own proxy support changes nothing", async () => {
    proxy = await startScriptedProxy(tunnels(portOf))
    const main = await run('byKey', {}, { NODE_USE_ENV_PROXY: '1' })
    expect([main.errors, main.stderr]).toEqual([[], ''])
    expect(proxy.requests).toHaveLength(1)
  })

  test('with RUNNER_DEBUG the log has each call with its route, its time and its RequestId', async () => {
    proxy = await startScriptedProxy(tunnels(portOf))
    const main = await run('byOidc', {}, { RUNNER_DEBUG: '1', NO_PROXY: '' })
    const debug = [...main.stdout.matchAll(/^::debug::(.*)$/gm)].map(([, line]) => line)
    expect(debug.slice(0, 3)).toEqual([
      expect.stringMatching(
        `^OIDC token request: GET ${ISSUER_HOST} via proxy ${proxy.host}: status 200 after \\d+ ms$`,
      ),
      expect.stringMatching(
        `^AssumeRoleWithOIDC: POST ${STS_HOST} via proxy ${proxy.host}: status 200 after \\d+ ms$`,
      ),
      expect.stringMatching(/^AssumeRoleWithOIDC: RequestId [0-9A-F-]{36}$/),
    ])
    const direct = await run('byKey', { 'sts-endpoint': world.standIn.sts.url }, { RUNNER_DEBUG: '1' })
    expect(direct.stdout).toMatch(
      /^::debug::AssumeRole: POST 127\.0\.0\.1:\d+ directly: status 200 after \d+ ms$/m,
    )
    const silent = await run('byKey')
    expect(silent.stdout).not.toContain('::debug::')
  })
})

function endlessHeaders(socket: Parameters<Script>[0]): void {
  socket.write(`HTTP/1.1 200 OK\r\nX-Long: ${'x'.repeat(100_000)}`)
}

function drip(socket: Parameters<Script>[0]): void {
  socket.write('HTTP/1.1 200 OK\r\n')
  const timer = setInterval(() => socket.write('X-Drip: x\r\n'), 50)
  socket.on('close', () => {
    clearInterval(timer)
  })
}
