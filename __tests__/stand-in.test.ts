import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { Agent, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { setImmediate } from 'node:timers/promises'
import { promisify } from 'node:util'

import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose'

import { createFaultQueue } from '../stand-in/faults.js'
import type { Fault } from '../stand-in/faults.js'
import { startStandIn } from '../stand-in/stand-in.js'
import type { StandIn } from '../stand-in/stand-in.js'
import { createTrail } from '../stand-in/trail.js'
import type { RecordedRequest } from '../stand-in/trail.js'

const run = promisify(execFile)

/** A request that STS answers without credentials, by a refusal of its own. */
const ANONYMOUS = {
  method: 'POST',
  body: new URLSearchParams({ Action: 'AssumeRoleWithOIDC', Version: '2015-04-01' }),
}

let standIn: StandIn

beforeEach(async () => {
  standIn = await startStandIn()
})

afterEach(async () => {
  await standIn.close()
})

/** How a fetch broke: the code of the error underneath. */
async function breakage(attempt: Promise<unknown>): Promise<unknown> {
  const error: unknown = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  return (error as { readonly cause?: { readonly code?: unknown } } | undefined)?.cause?.code
}

describe('faults of STS', () => {
  test('an error has the shape of those of STS, and the next request succeeds', async () => {
    standIn.sts.failNext({
      kind: 'error',
      status: 503,
      code: 'ServiceUnavailable',
      message: 'Busy.',
      fields: { AccessDeniedDetail: '{}' },
      headers: { 'x-acs-retry-after': '250', 'retry-after': '1' },
    })
    const response = await fetch(standIn.sts.url, ANONYMOUS)
    expect(response.status).toBe(503)
    expect(response.headers.get('x-acs-retry-after')).toBe('250')
    expect(response.headers.get('retry-after')).toBe('1')
    expect(await response.json()).toMatchObject({
      RequestId: response.headers.get('x-acs-request-id'),
      HostId: 'sts.aliyuncs.com',
      Code: 'ServiceUnavailable',
      Message: 'Busy.',
      AccessDeniedDetail: '{}',
    })
    expect(await (await fetch(standIn.sts.url, ANONYMOUS)).json()).toMatchObject({ Code: 'MissingRoleArn' })
    expect(standIn.requests.map(({ fault, status, code }) => [fault, status, code])).toEqual([
      ['error', 503, 'ServiceUnavailable'],
      [undefined, 400, 'MissingRoleArn'],
    ])
  })

  test.each<[Extract<Fault, { kind: 'response' }>]>([
    [{ kind: 'response', status: 502, headers: { 'content-type': 'text/html' }, body: '<html>é</html>' }],
    [{ kind: 'response', status: 200, body: '' }],
    [{ kind: 'response', status: 200, body: '{}' }],
    [{ kind: 'response', status: 200, body: 'null' }],
    [{ kind: 'response', status: 200, body: '{"Credentials":null}' }],
    [{ kind: 'response', status: 200, body: '{"Code":"Throttling.User"}' }],
    [{ kind: 'response', status: 302 }],
    [{ kind: 'response', status: 302, headers: { location: 'http://127.0.0.1:9/' } }],
    [{ kind: 'response', status: 429, headers: { 'retry-after': '2' }, body: '' }],
  ])('a raw response is sent as it is: %j', async (fault) => {
    standIn.sts.failNext(fault)
    const response = await fetch(standIn.sts.url, { ...ANONYMOUS, redirect: 'manual' })
    expect(response.status).toBe(fault.status)
    expect(await response.text()).toBe(fault.body ?? '')
    for (const [name, value] of Object.entries(fault.headers ?? {}))
      expect(response.headers.get(name)).toBe(value)
  })

  test.each([
    ['before-response', []],
    ['mid-response', [400, 'half']],
  ] as const)('a reset %s', async (when, seen) => {
    standIn.sts.failNext({ kind: 'reset', when })
    const progress: unknown[] = []
    const error = await new Promise((resolve) => {
      httpRequest(standIn.sts.url, { method: 'POST', agent: false }, (response) => {
        progress.push(response.statusCode)
        response.once('data', (half: Buffer) =>
          progress.push(half.length * 2 <= Number(response.headers['content-length']) + 1 ? 'half' : 'all'),
        )
        response.once('error', resolve).once('end', resolve)
      })
        .once('error', resolve)
        .end()
    })
    expect(error).toMatchObject({ code: 'ECONNRESET' })
    expect(progress).toEqual(seen)
    expect(standIn.requests).toMatchObject([{ fault: 'reset', status: undefined }])
    expect((await fetch(standIn.sts.url, ANONYMOUS)).status).toBe(400)
  })

  test('a request that hangs delays no other, and ends with the stand-in', async () => {
    standIn.sts.failNext({ kind: 'hang' })
    const hanging = breakage(fetch(standIn.sts.url, ANONYMOUS))
    for (let turn = 0; standIn.requests.length === 0 && turn < 100_000; turn += 1) await setImmediate()
    expect((await fetch(standIn.sts.url, ANONYMOUS)).status).toBe(400)
    expect(await Promise.race([hanging, Promise.resolve('nothing yet')])).toBe('nothing yet')
    await standIn.close()
    expect(await hanging).toMatch(/ECONNRESET|UND_ERR_SOCKET/)
  })

  test('a delayed answer is otherwise unchanged', async () => {
    standIn.sts.failNext({ kind: 'delay', milliseconds: 1 })
    expect(await (await fetch(standIn.sts.url, ANONYMOUS)).json()).toMatchObject({ Code: 'MissingRoleArn' })
    expect(standIn.requests).toMatchObject([{ fault: 'delay', status: 400 }])
  })

  test('the Date header can be wrong in one answer, or follow a clock that is wrong', async () => {
    const noon = Date.parse('2026-01-02T12:00:00Z')
    await standIn.close()
    standIn = await startStandIn({ clock: () => noon })
    const dates: number[] = []
    const ask = async () => {
      const { headers } = await fetch(standIn.sts.url, ANONYMOUS)
      dates.push(Math.round((Date.parse(headers.get('date') ?? '') - noon) / 60_000))
    }
    await ask()
    standIn.sts.failNext({ kind: 'date', skewSeconds: -3600 })
    await ask()
    standIn.setClockSkew(7200)
    await ask()
    expect(dates).toEqual([0, -60, 120])
  })

  test('faults come in order, as often as requested, for the requested action', async () => {
    const answers: number[] = []
    const ask = async () => answers.push((await fetch(standIn.sts.url, ANONYMOUS)).status)
    standIn.sts.failNext({ kind: 'response', status: 599 }, { action: 'AssumeRole' })
    standIn.sts.failNext({ kind: 'response', status: 500 }, { times: 2 })
    standIn.sts.failNext({ kind: 'response', status: 501 }, { action: 'AssumeRoleWithOIDC' })
    for (let request = 0; request < 4; request += 1) await ask()
    expect(answers).toEqual([500, 500, 501, 400])
    standIn.sts.failNext({ kind: 'response', status: 500 })
    standIn.sts.clearFaults()
    await ask()
    expect(answers.at(-1)).toBe(400)
  })

  test('a fault happens at least once', () => {
    expect(() => {
      createFaultQueue().add({ kind: 'hang' }, { times: 0 })
    }).toThrow(RangeError)
  })
})

describe('the issuer', () => {
  async function ask(query = '&audience=sts.aliyuncs.com', token = standIn.issuer.requestToken) {
    const response = await fetch(`${standIn.issuer.requestUrl}${query}`, {
      headers: { authorization: `Bearer ${token}` },
    })
    return { status: response.status, body: (await response.json()) as { value?: string } }
  }

  test('issues a token to whoever presents the request token', async () => {
    const { status, body } = await ask('&audience=https%3A%2F%2Fa.example%2F%3Fx')
    expect(status).toBe(200)
    const jwks = createRemoteJWKSet(new URL(`${standIn.issuer.url}/.well-known/jwks`))
    const { payload, protectedHeader } = await jwtVerify(body.value ?? '', jwks, {
      issuer: 'https://token.actions.githubusercontent.com',
    })
    expect(protectedHeader).toMatchObject({ alg: 'RS256', typ: 'JWT' })
    expect(payload).toMatchObject({
      aud: 'https://a.example/?x',
      sub: 'repo:octo-org/octo-repo:ref:refs/heads/main',
      repository: 'octo-org/octo-repo',
    })
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(300)
    expect(standIn.requests).toMatchObject([
      {
        service: 'issuer',
        action: 'IdToken',
        method: 'GET',
        query: { audience: 'https://a.example/?x' },
        status: 200,
      },
      { action: 'Jwks' },
    ])
  })

  test("uses the owner's URL as the audience if none is requested", async () => {
    expect(decodeJwt((await ask('')).body.value ?? '').aud).toBe('https://github.com/octo-org')
  })

  test('puts the claims that a test gives into its tokens', async () => {
    standIn.issuer.claims.sub = 'repo:o@1/r@2:environment:prod'
    standIn.issuer.claims.environment = 'prod'
    expect(decodeJwt((await ask()).body.value ?? '')).toMatchObject({
      sub: 'repo:o@1/r@2:environment:prod',
      environment: 'prod',
      aud: 'sts.aliyuncs.com',
    })
    const minted = await standIn.issuer.mint({ environment: undefined, exp: 7 })
    expect(decodeJwt(minted)).toMatchObject({ sub: 'repo:o@1/r@2:environment:prod', exp: 7 })
    expect(decodeJwt(minted)).not.toHaveProperty('environment')
    standIn.issuer.claims.aud = 'stubborn'
    expect(decodeJwt((await ask()).body.value ?? '').aud).toBe('stubborn')
  })

  test('rejects every other bearer token', async () => {
    expect((await ask('', 'wrong')).status).toBe(401)
    expect((await ask('', standIn.issuer.requestToken.toUpperCase())).status).toBe(401)
    expect((await fetch(standIn.issuer.requestUrl)).status).toBe(401)
  })

  test('publishes its configuration and keys', async () => {
    const discovery = (await (
      await fetch(`${standIn.issuer.url}/.well-known/openid-configuration`)
    ).json()) as object
    expect(discovery).toMatchObject({
      issuer: standIn.issuer.iss,
      jwks_uri: `${standIn.issuer.iss}/.well-known/jwks`,
    })
    expect((await fetch(`${standIn.issuer.url}/elsewhere`)).status).toBe(404)
    expect((await fetch(standIn.issuer.requestUrl, { method: 'POST' })).status).toBe(404)
  })

  test('fails when a test asks for it', async () => {
    standIn.issuer.failNext({ kind: 'error', status: 503, code: 'Busy' }, { action: 'IdToken' })
    standIn.issuer.failNext({ kind: 'response', status: 200, body: '{"value":""}' })
    standIn.issuer.failNext({ kind: 'reset', when: 'before-response' })
    expect(await ask()).toEqual({ status: 503, body: { message: 'Busy' } })
    expect(await ask()).toEqual({ status: 200, body: { value: '' } })
    expect(await breakage(ask())).toMatch(/ECONNRESET|UND_ERR_SOCKET/)
    expect((await ask()).status).toBe(200)
  })

  test('can sign with a foreign key that has the same key ID', async () => {
    const tokens = await Promise.all([standIn.issuer.mint(), standIn.issuer.mint({}, { stranger: true })])
    expect(tokens.map((token) => decodeProtectedHeader(token).kid)).toEqual([
      expect.any(String),
      decodeProtectedHeader(tokens[0]).kid,
    ])
  })
})

test('an issuer other than that of github.com is trusted under its own name', async () => {
  const ghes = await startStandIn({
    issuer: 'https://ghes.example/_services/token',
    ram: {
      oidcProviders: [
        { name: 'ghes', issuer: 'https://ghes.example/_services/token', clientIds: ['sts.aliyuncs.com'] },
      ],
      roles: [
        {
          name: 'deploy',
          trustPolicy: {
            Version: '1',
            Statement: [
              {
                Effect: 'Allow',
                Action: 'sts:AssumeRole',
                Principal: { Federated: ['acs:ram::1234567890123456:oidc-provider/ghes'] },
              },
            ],
          },
        },
      ],
    },
  })
  try {
    const body = new URLSearchParams({
      Action: 'AssumeRoleWithOIDC',
      Version: '2015-04-01',
      RoleArn: 'acs:ram::1234567890123456:role/deploy',
      OIDCProviderArn: 'acs:ram::1234567890123456:oidc-provider/ghes',
      RoleSessionName: 'sess',
      OIDCToken: await ghes.issuer.mint({ aud: 'sts.aliyuncs.com' }),
    })
    expect((await fetch(ghes.sts.url, { method: 'POST', body })).status).toBe(200)
  } finally {
    await ghes.close()
  }
})

describe('the record of requests', () => {
  test('distinguishes connections', async () => {
    const agent = new Agent({ keepAlive: true })
    const ask = (using: Agent | false) =>
      new Promise<void>((resolve, reject) => {
        httpRequest(standIn.sts.url, { method: 'POST', agent: using }, (response) =>
          response.resume().once('end', resolve),
        )
          .once('error', reject)
          .end()
      })
    await ask(agent)
    // The agent takes a connection back a moment after its answer has ended.
    await setImmediate()
    await ask(agent)
    await ask(false)
    agent.destroy()
    expect(standIn.requests.map(({ connection }) => connection)).toEqual([1, 1, 2])
  })

  test('shows headers, query and form as they were sent', async () => {
    await fetch(`${standIn.sts.url}/?a=1%2B2&__proto__=x`, {
      method: 'POST',
      headers: { 'X-Odd': ' Value ' },
      body: new URLSearchParams({ b: 'c d' }),
    })
    expect(standIn.requests[0]).toMatchObject({
      method: 'POST',
      path: '/',
      headers: { 'x-odd': 'Value' },
      form: { b: 'c d' },
    })
    expect(Object.entries(standIn.requests[0]?.query ?? {})).toEqual([
      ['a', '1+2'],
      ['__proto__', 'x'],
    ])
    standIn.forget()
    expect(standIn.requests).toEqual([])
  })

  test('keeps the last requests, up to a limit', () => {
    const trail = createTrail(3)
    for (let time = 1; time <= 100; time += 1) {
      trail.addRequest({ time } as RecordedRequest)
      expect(trail.requests.length).toBeLessThanOrEqual(6)
      expect(trail.requests.slice(-3).map((request) => request.time)).toEqual(
        [time - 2, time - 1, time].filter((kept) => kept > 0),
      )
    }
  })
})

test('lists every secret, so that tests can look for leaks', async () => {
  const { accessKey } = standIn.ram.addUser({ name: 'ci' })
  const { arn } = standIn.ram.addRole({ name: 'deploy' })
  const session = standIn.issueSession({ roleArn: arn, roleSessionName: 'sess' })
  const token = await standIn.issuer.mint()
  expect([...standIn.secrets()].sort()).toEqual(
    [
      accessKey.accessKeyId,
      accessKey.accessKeySecret,
      session.accessKeyId,
      session.accessKeySecret,
      session.securityToken,
      token,
      standIn.issuer.requestToken,
    ].sort(),
  )
})

describe('with TLS', () => {
  let tls: StandIn

  beforeEach(async () => {
    tls = await startStandIn({ tls: true, hostNames: ['sts.cn-hangzhou.aliyuncs.com'] })
  })

  afterEach(async () => {
    await tls.close()
  })

  function ask(ca: string | undefined, servername: string): Promise<number | string | undefined> {
    return new Promise((resolve) => {
      httpsRequest(tls.sts.url, { ca, servername, agent: false }, (response) => {
        resolve(response.resume().statusCode)
      })
        .once('error', (error: NodeJS.ErrnoException) => {
          resolve(error.code)
        })
        .end()
    })
  }

  test('has a certificate that is valid for whoever trusts the CA', async () => {
    const ca = await readFile(tls.caFile ?? '', 'utf8')
    expect(await ask(ca, 'localhost')).toBe(400)
    expect(await ask(ca, 'sts.cn-hangzhou.aliyuncs.com')).toBe(400)
    expect(await ask(ca, 'sts.cn-shanghai.aliyuncs.com')).toBe('ERR_TLS_CERT_ALTNAME_INVALID')
    expect(await ask(undefined, 'localhost')).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE')
  })

  test('is trusted by a process with NODE_EXTRA_CA_CERTS', async () => {
    const script =
      'Promise.all(process.argv.slice(1).map((url) => fetch(url))).then((all) => console.log(all.map((one) => one.status).join()))'
    const { stdout } = await run(process.execPath, ['-e', script, tls.sts.url, tls.issuer.url], {
      env: { ...process.env, NODE_EXTRA_CA_CERTS: tls.caFile },
    })
    expect(stdout).toBe('400,404\n')
  })

  test.each(['before-response', 'mid-response'] as const)('is reset %s', async (when) => {
    tls.sts.failNext({ kind: 'reset', when })
    const ca = await readFile(tls.caFile ?? '', 'utf8')
    const outcome = await new Promise((resolve) => {
      httpsRequest(tls.sts.url, { ca, agent: false }, (response) => {
        response.resume().once('error', resolve).once('end', resolve)
      })
        .once('error', resolve)
        .end()
    })
    expect(outcome).toMatchObject({ code: 'ECONNRESET' })
  })

  test('removes its CA file when it ends', async () => {
    await tls.close()
    await expect(readFile(tls.caFile ?? '')).rejects.toMatchObject({ code: 'ENOENT' })
    expect(standIn.caFile).toBeUndefined()
  })
})
