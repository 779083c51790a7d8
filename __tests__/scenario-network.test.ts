import { networkInterfaces } from 'node:os'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import type { Fault } from '../stand-in/faults.js'
import { startConnectProxy, type ConnectProxy } from './support/connect-proxy.js'
import { NODES, startJob, type Job, type JobOptions } from './support/job.js'
import { posixOnly } from './support/platform.js'
import { until } from './support/until.js'
import { startWorld, type World } from './support/world.js'

const ISSUER_HOST = 'run-actions-1-azure-eastus.actions.githubusercontent.com'
const STS_HOST = 'sts.cn-hangzhou.aliyuncs.com'

let world: World
let secure: World
let job: Job

beforeAll(async () => {
  world = await startWorld()
  secure = await startWorld({ tls: true, hostNames: [ISSUER_HOST, STS_HOST] })
})
afterAll(async () => {
  await Promise.all([world.standIn.close(), secure.standIn.close()])
})
afterEach(() => {
  job.remove()
  for (const { standIn } of [world, secure]) {
    standIn.forget()
    standIn.sts.clearFaults()
    standIn.issuer.clearFaults()
  }
})

const error = (status: number, code: string, message = code): Fault => ({
  kind: 'error',
  status,
  code,
  message,
})
const response = (status: number, body = '', headers: Record<string, string> = {}): Fault => ({
  kind: 'response',
  status,
  body,
  headers,
})

/** Faults after which another attempt may succeed: at STS. */
const PASSING: readonly [string, Fault][] = [
  ['Throttling', error(400, 'Throttling')],
  ['Throttling.User', error(400, 'Throttling.User')],
  [
    'Throttling.Api with x-acs-retry-after',
    { ...error(429, 'Throttling.Api'), headers: { 'x-acs-retry-after': '1' } } as Fault,
  ],
  ['InternalError', error(500, 'InternalError')],
  ['ServiceUnavailable', error(503, 'ServiceUnavailable')],
  ['SignatureNonceUsed', error(400, 'SignatureNonceUsed')],
  ['an unknown code with a server status', error(502, 'Odd.Moment')],
  ['302 without a body', response(302)],
  ['429 with Retry-After', response(429, '', { 'retry-after': '0' })],
  ['503 in HTML', response(503, '<html>busy</html>', { 'content-type': 'text/html' })],
  ['200 in HTML', response(200, '<html>welcome</html>')],
  ['200 with nothing', response(200)],
  ['200 with {}', response(200, '{}')],
  ['200 with null', response(200, 'null')],
  ['200 without credentials', response(200, '{"RequestId":"R","Credentials":null}')],
  ['400 without a code', response(400, '{"RequestId":"R"}')],
  ['a reset before the answer', { kind: 'reset', when: 'before-response' }],
  ['a reset in the answer', { kind: 'reset', when: 'mid-response' }],
]

/** Faults that no other attempt would mend. */
const FINAL: readonly [string, Fault, RegExp][] = [
  [
    'a denial',
    error(403, 'NoPermission', 'You are not authorized to do this action. You should be authorized by RAM.'),
    /NoPermission/,
  ],
  ['a denial with a server status', error(500, 'NoPermission'), /NoPermission/],
  [
    'a denial within a success',
    response(200, '{"Code":"NoPermission","Message":"no","RequestId":"R-1"}'),
    /NoPermission[\s\S]*R-1/,
  ],
  ['an unknown code', error(400, 'Odd.Refusal', 'odd words'), /Odd\.Refusal[\s\S]*odd words/],
  ['a wrong signature', error(400, 'SignatureDoesNotMatch'), /SignatureDoesNotMatch/],
  ['a permanent redirect', response(301, '', { location: 'https://example.com' }), /redirect/],
]

describe.each(NODES)('on %s', (node) => {
  const newJob = (options: Partial<JobOptions> = {}): Job =>
    (job = startJob({ standIn: world.standIn, node, ...options }))
  const actions = ({ standIn } = world): (string | undefined)[] =>
    standIn.requests.map(({ action }) => action)

  test.each(PASSING)('%s is retried, and one line says so', async (_, fault) => {
    newJob()
    world.standIn.sts.failNext(fault)
    const main = await job.main(world.byKey)
    expect(main.exitCode).toBe(0)
    expect(main.stderr).toBe('')
    expect(main.warnings).toEqual([])
    expect(actions()).toEqual(['AssumeRole', 'AssumeRole'])
    expect(
      main.log.match(/^AssumeRole: attempt 1 of 5 failed \(.+\); trying again in \d+\.\d s\.$/gm),
    ).toHaveLength(1)
    const nonces = world.standIn.requests.map(({ headers }) => headers['x-acs-signature-nonce'])
    expect(new Set(nonces).size).toBe(2)
  })

  test.each(FINAL)('%s is never retried', async (_, fault, message) => {
    newJob()
    world.standIn.sts.failNext(fault, { action: 'AssumeRole' })
    const main = await job.main(world.byKey)
    expect(main.exitCode).toBe(1)
    expect(main.errors).toEqual([expect.stringMatching(message)])
    expect(actions().filter((action) => action === 'AssumeRole')).toHaveLength(1)
    expect(main.env.size).toBe(0)
    expect(main.log).not.toContain('trying again')
  })

  test.each([
    ['500', response(500)],
    ['429', response(429, '', { 'retry-after': '0' })],
    ['an empty token', response(200, '{"value":""}')],
    ['no token', response(200, '{"count":1}')],
    ['no JSON', response(200, 'busy')],
    ['something that is no JWT', response(200, '{"value":"not-a-token"}')],
    ['another success than 200', response(201, '{"value":"a.b.c"}')],
    ['a reset', { kind: 'reset', when: 'before-response' }],
  ] as [string, Fault][])('the issuer: %s is retried', async (_, fault) => {
    newJob()
    world.standIn.issuer.failNext(fault)
    const main = await job.main(world.byOidc)
    expect(main.exitCode).toBe(0)
    expect(actions()).toEqual(['IdToken', 'IdToken', 'AssumeRoleWithOIDC'])
    expect(main.log).toMatch(/^OIDC token request: attempt 1 of 5 failed/m)
  })

  test.each([
    ['401', response(401)],
    ['403', response(403)],
    ['a redirect', response(302, '', { location: 'https://example.com' })],
  ] as [string, Fault][])('the issuer: %s is final', async (_, fault) => {
    newJob()
    world.standIn.issuer.failNext(fault, { times: 9 })
    const main = await job.main(world.byOidc)
    expect(main.exitCode).toBe(1)
    expect(main.errors).toHaveLength(1)
    expect(actions()).toEqual(['IdToken'])
  })

  test.each([
    ['JSON', '{"message":"no permission ::stop-commands::x"}', 'no permission ::stop-commands::x'],
    ['text', 'not\n::error::allowed', 'not\\u{a}::error::allowed'],
  ])("the issuer's own words are shown as plain text: %s", async (_, body, words) => {
    newJob()
    world.standIn.issuer.failNext(response(403, body), { times: 9 })
    const main = await job.main(world.byOidc)
    expect(main.errors).toEqual([expect.stringContaining(`(status 403): ${words}`)])
    expect(main.stdout).not.toMatch(/^\s*::stop-commands/m)
  })

  test('the request token never leaves this machine without TLS', async () => {
    newJob({ env: { ACTIONS_ID_TOKEN_REQUEST_URL: 'http://issuer.example:8080/token?x=1' } })
    const main = await job.main(world.byOidc)
    expect(main.exitCode).toBe(1)
    expect(main.errors).toEqual([expect.stringMatching(/issuer\.example:8080 has no TLS/)])
    expect(actions()).toEqual([])
  })

  posixOnly('Windows has no signals')('a cancelled step ends at once, and has exported nothing', async () => {
    newJob()
    world.standIn.sts.failNext({ kind: 'hang' }, { times: 9 })
    const main = await job.main(
      world.byKey,
      {},
      {
        kind: 'cancel',
        at: until(() => actions().length > 0, 'the request'),
      },
    )
    expect([main.signal, main.exitCode, main.env.size]).toEqual(['SIGINT', null, 0])
    expect(main.conclusion).toBe('cancelled')
  })

  test('an expired OIDC token is replaced by a fresh one, once', async () => {
    newJob()
    const expired = error(401, 'AuthenticationFail.OIDCToken.Expired', 'This JsonWebToken is expired.')
    world.standIn.sts.failNext(expired)
    const main = await job.main(world.byOidc)
    expect(main.exitCode).toBe(0)
    expect(actions()).toEqual(['IdToken', 'AssumeRoleWithOIDC', 'IdToken', 'AssumeRoleWithOIDC'])
    const tokens = world.standIn.requests
      .map(({ form }) => form.OIDCToken)
      .filter((token) => token !== undefined)
    expect(new Set(tokens).size).toBe(2)
    expect(main.masks).toEqual(expect.arrayContaining(tokens))

    world.standIn.forget()
    world.standIn.sts.failNext(expired, { times: 9 })
    const again = await job.main(world.byOidc)
    expect(again.exitCode).toBe(1)
    expect(actions().filter((action) => action === 'AssumeRoleWithOIDC')).toHaveLength(2)
  })

  test('if the attempts run out, the error says how many there were, over what time, and the last cause', async () => {
    newJob()
    world.standIn.sts.failNext(
      error(400, 'Throttling.User', 'Request was denied due to user flow control.'),
      { times: 9 },
    )
    const main = await job.main({ ...world.byKey, 'retry-max-attempts': '2' })
    expect(main.exitCode).toBe(1)
    expect(actions()).toEqual(['AssumeRole', 'AssumeRole'])
    expect(main.errors).toEqual([expect.stringMatching(/Throttling\.User/)])
    expect(main.errors[0]).toMatch(/2 attempts/)
    expect(main.errors[0]).toMatch(/retry-max-attempts/)
    expect(main.errors[0]).toContain('Request was denied due to user flow control.')
  })

  test('the deadline ends a call without an answer, and the error names it', async () => {
    newJob()
    world.standIn.sts.failNext({ kind: 'hang' }, { times: 9 })
    const main = await job.main({ ...world.byKey, 'timeout-seconds': '1' })
    expect(main.exitCode).toBe(1)
    expect(main.errors[0]).toMatch(/timeout-seconds/)
    expect(main.errors[0]).toMatch(/no answer/)
  })

  test('a wait that would pass the deadline is not begun', async () => {
    newJob()
    world.standIn.sts.failNext(response(429, '', { 'retry-after': '3600' }), { times: 9 })
    const main = await job.main(world.byKey)
    expect(main.exitCode).toBe(1)
    expect(actions()).toEqual(['AssumeRole'])
    expect(main.errors[0]).toMatch(/timeout-seconds/)
    expect(main.errors[0]).toMatch(/429/)
  })

  test('roles of a chain share one connection', async () => {
    newJob()
    const role = world.byKey['role-to-assume'] ?? ''
    const main = await job.main({ ...world.byKey, 'role-to-assume': `${role}\n${role}\n${role}` })
    expect(main.exitCode).toBe(0)
    expect(new Set(world.standIn.requests.map(({ connection }) => connection)).size).toBe(1)
  })

  test('an unknown host and a closed port are named in the error', async () => {
    newJob()
    // No system gives such a port to a server that takes any.
    const closed = 1
    const main = await job.main({
      ...world.byKey,
      'sts-endpoint': `http://127.0.0.1:${closed}`,
      'retry-max-attempts': '1',
    })
    expect(main.exitCode).toBe(1)
    expect(main.errors[0]).toContain(`127.0.0.1:${closed}`)
    expect(main.errors[0]).toContain('ECONNREFUSED')
  })

  const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ address }) => address === '::1'),
  )
  ;(hasIpv6 ? test : test.skip)('IPv6, with TLS and a connection opened ahead', async () => {
    const fresh = await startWorld({ tls: true, host: '::1' })
    newJob({ standIn: fresh.standIn })
    const main = await job.main(fresh.byOidc)
    const { requests } = fresh.standIn
    await fresh.standIn.close()
    expect(main.errors).toEqual([])
    expect(requests.map(({ service, connection }) => [service, connection])).toEqual([
      ['issuer', 1],
      ['sts', 1],
    ])
  })

  describe('with TLS', () => {
    const secureJob = (env: NonNullable<JobOptions['env']> = {}): Job =>
      newJob({ standIn: secure.standIn, env })

    test('extra CAs are trusted', async () => {
      secureJob()
      const main = await job.main(secure.byOidc)
      expect(main.exitCode).toBe(0)
      expect(actions(secure)).toEqual(['IdToken', 'AssumeRoleWithOIDC'])
    })

    test('one connection to each host, and that to STS is opened ahead', async () => {
      const fresh = await startWorld({ tls: true })
      newJob({ standIn: fresh.standIn })
      const main = await job.main(fresh.byOidc)
      const { requests } = fresh.standIn
      await fresh.standIn.close()
      expect(main.exitCode).toBe(0)
      // The stand-in numbers connections as they come: a connection opened in vain would have taken
      // the first number.
      expect(requests.map(({ service, connection }) => [service, connection])).toEqual([
        ['issuer', 1],
        ['sts', 1],
      ])
    })

    test('a certificate that is not trusted fails after one attempt, and the error says how to trust it', async () => {
      secureJob({ NODE_EXTRA_CA_CERTS: undefined })
      const main = await job.main(secure.byKey)
      expect(main.exitCode).toBe(1)
      expect(main.errors[0]).toContain(secure.standIn.sts.host)
      expect(main.errors[0]).toContain('NODE_EXTRA_CA_CERTS')
      expect(main.log).not.toContain('trying again')
    })
  })

  describe('through a proxy', () => {
    let proxy: ConnectProxy
    afterEach(async () => {
      await proxy.close()
    })
    const ports = (): Record<string, number> => ({
      [STS_HOST]: secure.standIn.sts.port,
      [ISSUER_HOST]: secure.standIn.issuer.port,
    })
    const issuerUrl = (): string => {
      const url = new URL(secure.standIn.issuer.requestUrl)
      url.host = `${ISSUER_HOST}:443`
      return url.href
    }
    const proxied = (env: Record<string, string>): Job =>
      newJob({ standIn: secure.standIn, env: { ACTIONS_ID_TOKEN_REQUEST_URL: issuerUrl(), ...env } })
    const inputs = () => ({ ...secure.byOidc, 'sts-endpoint': '', 'retry-max-attempts': '1' })

    test.each(['HTTPS_PROXY', 'https_proxy'])('%s applies to the issuer and to STS', async (name) => {
      proxy = await startConnectProxy(ports())
      proxied({ [name]: `http://${proxy.host}` })
      const main = await job.main(inputs())
      expect(main.errors).toEqual([])
      expect(proxy.asked).toEqual([`${ISSUER_HOST}:443`, `${STS_HOST}:443`])
      expect(actions(secure)).toEqual(['IdToken', 'AssumeRoleWithOIDC'])
    })

    test('an account in the URL is used, and its password masked and never shown', async () => {
      const password = 'p@ss%w0rd:/'
      proxy = await startConnectProxy(ports(), { user: 'ci', password })
      proxied({ HTTPS_PROXY: `http://ci:${encodeURIComponent(password)}@${proxy.host}`, DEBUG: '*' })
      const main = await job.main(inputs())
      expect(main.errors).toEqual([])
      expect(main.masks).toEqual(expect.arrayContaining([password, encodeURIComponent(password)]))
    })

    test('a rejected password for the proxy fails after one attempt, and the error names the proxy', async () => {
      proxy = await startConnectProxy(ports(), { user: 'ci', password: 'right' })
      proxied({ HTTPS_PROXY: `http://ci:wrong-password@${proxy.host}` })
      const main = await job.main({ ...inputs(), 'retry-max-attempts': '5' })
      expect(main.exitCode).toBe(1)
      expect(main.errors[0]).toContain('407')
      expect(main.errors[0]).toContain(proxy.host)
      expect(proxy.asked).toHaveLength(1)
    })

    test('a certificate for another name fails after one attempt too', async () => {
      proxy = await startConnectProxy({ ...ports(), 'sts.cn-beijing.aliyuncs.com': secure.standIn.sts.port })
      proxied({ HTTPS_PROXY: `http://${proxy.host}` })
      const main = await job.main({ ...inputs(), region: 'cn-beijing', 'retry-max-attempts': '5' })
      expect(main.exitCode).toBe(1)
      expect(main.errors[0]).toContain('ERR_TLS_CERT_ALTNAME_INVALID')
      expect(main.log).not.toContain('trying again')
    })

    test('a host in NO_PROXY is asked directly', async () => {
      proxy = await startConnectProxy(ports())
      proxied({ HTTPS_PROXY: `http://${proxy.host}`, NO_PROXY: '.example.com,127.0.0.1,nowhere.invalid' })
      const main = await job.main({
        ...inputs(),
        'sts-endpoint': 'sts.nowhere.invalid',
        'retry-max-attempts': '1',
      })
      expect(main.errors[0]).toMatch(/sts\.nowhere\.invalid: no (such host name|connection)/)
      expect(proxy.asked).toEqual([`${ISSUER_HOST}:443`])
    })

    test('an unsupported kind of proxy is named by its kind, without its password', async () => {
      proxy = await startConnectProxy({})
      proxied({ HTTPS_PROXY: 'socks5://ci:hidden-word@127.0.0.1:1080' })
      const main = await job.main(inputs())
      expect(main.errors).toEqual([expect.stringMatching(/HTTPS_PROXY \(environment\) names a SOCKS proxy/)])
      expect(proxy.asked).toEqual([])
    })
  })
})
