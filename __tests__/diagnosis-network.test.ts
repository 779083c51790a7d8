import { parsedInputs } from './support/parsed-inputs.js'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from '@jest/globals'
import { knowsNodeUseSystemCa, readNodeSettings, type NodeSettings } from '../src/diagnosis/node-settings.js'
import { TransportError, type TransportFault } from '../src/net/transport-error.js'
import { readRunContext } from '../src/runner/run-context.js'
import { AssumeRoleError } from '../src/sts/role-chain.js'
import { explained, NODE_20 } from './support/explained.js'

const ROLE = 'acs:ram::1234567890123456:role/deploy'
const PROXY = 'proxy.example:3128'

function told(
  code: TransportFault,
  {
    host,
    proxy,
    nodeCode,
    proxyUserGiven = false,
    node = NODE_20,
    given = {},
  }: {
    host?: string
    proxy?: string
    nodeCode?: string
    proxyUserGiven?: boolean
    node?: NodeSettings
    given?: Readonly<Record<string, string>>
  } = {},
): string {
  const inputs = parsedInputs({
    'role-to-assume': ROLE,
    'oidc-provider-arn': 'acs:ram::1234567890123456:oidc-provider/github',
    ...given,
  })
  const error = new TransportError(code, host ?? inputs.endpoint.host, ['what happened'], {
    proxy,
    nodeCode,
    proxyUserGiven,
  })
  return explained(new AssumeRoleError(ROLE, 1, 1, undefined, error), {
    inputs,
    run: readRunContext({}),
    node,
    event: undefined,
    oidcToken: undefined,
    caller: undefined,
  }).message
}

describe("a failure of the proxy is reported as the proxy's, with its host and port", () => {
  const host = 'pipelines.actions.githubusercontent.com'

  test('proxy-authentication: the message says that the given user and password were rejected', () => {
    const message = told('proxy-authentication', { host, proxy: PROXY, proxyUserGiven: true })
    expect(message).toContain(`the proxy ${PROXY} rejects the user and the password given.`)
  })

  test.each([
    [
      'proxy-forbidden',
      `the proxy ${PROXY} forbids ${host}`,
      `Neither ${host} nor any \`permissions\` are the cause`,
    ],
    ['proxy-authentication', `the proxy ${PROXY} requires a user and a password`, '`@` is `%40`'],
    [
      'proxy-unreachable',
      `the proxy ${PROXY} cannot be reached, or cannot reach ${host}`,
      '`HTTPS_PROXY` names the right proxy',
    ],
    ['proxy-redirect', `the proxy ${PROXY} answered with a redirect`, 'captive portal'],
    ['proxy-tls', `no trusted TLS connection to the proxy ${PROXY}`, 'their URL begins with `http://`'],
    ['proxy-refused', `the proxy ${PROXY} opens no tunnel to ${host}`, 'allows CONNECT'],
    [
      'proxy-unsupported',
      `the proxy for ${host} is a SOCKS proxy, which this step does not support`,
      'HTTP proxy',
    ],
    [
      'proxy-invalid',
      `the variable that names the proxy for ${host} does not hold the URL of a proxy`,
      '`@` is `%40`',
    ],
  ] as const)('%s', (code, fault, words) => {
    const message = told(code, { host, proxy: PROXY })
    expect(message.split('\n')[0]).toBe(`Could not assume ${ROLE}: ${fault}.`)
    expect(message).toContain(words)
    expect(message).not.toContain('id-token')
    if (code !== 'proxy-tls') expect(message).toContain(`add ${host} to \`NO_PROXY\``)
  })
})

describe('a host of STS that does not answer', () => {
  test.each(['unreachable', 'timeout', 'broken'] as const)(
    'in a VPC: the message says that it cannot be reached from outside (%s)',
    (code) => {
      const message = told(code, { given: { 'sts-endpoint': 'sts-vpc.cn-hangzhou.aliyuncs.com' } })
      expect(message).toContain('can be reached only from inside a VPC of its region')
      expect(message).not.toContain('mainland')
    },
  )

  test('in mainland China: the message suggests the endpoint of a near region, and keeps the region', () => {
    for (const given of [
      {},
      { region: 'cn-beijing' },
      { region: 'ap-south-1' },
      { 'sts-endpoint': 'sts.aliyuncs.com' },
    ]) {
      const message = told('timeout', { given })
      expect(message).toContain('Set `sts-endpoint` to that of a near region')
      expect(message).toContain('valid in all regions')
    }
  })

  test.each([{ region: 'eu-central-1' }, { region: 'cn-hongkong' }, { 'sts-endpoint': 'sts.example.com' }])(
    'elsewhere: the message suggests no other endpoint (%j)',
    (given) => {
      expect(told('timeout', { given })).not.toContain('mainland')
    },
  )

  test('is not mentioned if the issuer fails', () => {
    expect(told('timeout', { host: 'sts.aliyuncs.com.example' })).not.toContain('mainland')
  })
})

describe('for a certificate that is not trusted, the message', () => {
  const untrusted = (node: NodeSettings): string =>
    told('tls', { nodeCode: 'SELF_SIGNED_CERT_IN_CHAIN', node })

  test('suggests NODE_USE_SYSTEM_CA if this Node.js knows it', () => {
    const message = untrusted({ ...NODE_20, knowsSystemCas: true })
    expect(message).toContain('set `NODE_USE_SYSTEM_CA` to `1`')
    expect(message).toContain("NODE_USE_SYSTEM_CA: '1'")
    expect(message).toContain('NODE_EXTRA_CA_CERTS')
  })

  test('does not suggest NODE_USE_SYSTEM_CA if it is set already', () => {
    const message = untrusted({ ...NODE_20, knowsSystemCas: true, usesSystemCas: true })
    expect(message).toContain('this one is not among them')
    expect(message).not.toContain("NODE_USE_SYSTEM_CA: '1'")
  })

  test('does not suggest NODE_USE_SYSTEM_CA to a Node.js that does not know it', () => {
    expect(untrusted(NODE_20)).not.toContain('NODE_USE_SYSTEM_CA')
  })

  test('names the file of NODE_EXTRA_CA_CERTS, and says if it cannot be read', () => {
    const path = '/etc/ssl/company-ca.pem'
    expect(untrusted({ ...NODE_20, extraCas: { path, failure: undefined } })).toContain(
      `\`NODE_EXTRA_CA_CERTS\` is ${path}: check that the file contains`,
    )
    expect(untrusted({ ...NODE_20, extraCas: { path, failure: 'ENOENT' } })).toContain(
      `\`NODE_EXTRA_CA_CERTS\` is ${path}, and this file cannot be read (ENOENT), so Node.js has ignored it`,
    )
  })
})

describe('the settings of Node.js', () => {
  const folder = mkdtempSync(join(tmpdir(), 'node-settings-'))
  afterAll(() => {
    rmSync(folder, { recursive: true })
  })

  test.each([
    ['20.20.2', false],
    ['22.18.0', false],
    ['22.19.0', true],
    ['23.11.1', false],
    ['24.5.0', false],
    ['24.6.0', true],
    ['24.18.0', true],
    ['26.0.0', true],
  ])('%s knows NODE_USE_SYSTEM_CA: %p', (version, known) => {
    expect(knowsNodeUseSystemCa(version)).toBe(known)
  })

  test('are read from the variables', async () => {
    const path = join(folder, 'ca.pem')
    expect(await readNodeSettings({}, '20.20.2')).toEqual(NODE_20)
    expect(await readNodeSettings({ NODE_USE_SYSTEM_CA: '1' }, '20.20.2')).toEqual(NODE_20)
    expect(await readNodeSettings({ NODE_USE_SYSTEM_CA: '1', NODE_EXTRA_CA_CERTS: path }, '24.18.0')).toEqual(
      {
        extraCas: { path, failure: 'ENOENT' },
        knowsSystemCas: true,
        usesSystemCas: true,
      },
    )
    writeFileSync(path, '')
    expect(
      (await readNodeSettings({ NODE_EXTRA_CA_CERTS: path }, '24.18.0')).extraCas?.failure,
    ).toBeUndefined()
    expect((await readNodeSettings({ NODE_EXTRA_CA_CERTS: folder }, '24.18.0')).extraCas?.failure).toBe(
      'not a file',
    )
  })
})
