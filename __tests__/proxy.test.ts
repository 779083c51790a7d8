import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { proxyFor, proxyName, proxyPasswords } from '../src/net/proxy.js'

const STS = 'https://sts.cn-hangzhou.aliyuncs.com'
const NAMES = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy', 'NO_PROXY', 'no_proxy'] as const

let before: NodeJS.ProcessEnv

beforeEach(() => {
  before = process.env
  process.env = Object.fromEntries(
    Object.entries(before).filter(([name]) => !(NAMES as readonly string[]).includes(name)),
  )
})
afterEach(() => {
  process.env = before
})

/** The proxy for a URL in such an environment. */
function proxyIn(
  env: Partial<Record<(typeof NAMES)[number], string>>,
  url = STS,
  platform: NodeJS.Platform = 'linux',
): string | undefined {
  Object.assign(process.env, env)
  return proxyFor(new URL(url), platform)?.href
}

describe('the proxy for a URL', () => {
  test('is none if no variable names one', () => {
    expect(proxyIn({})).toBeUndefined()
    expect(proxyIn({ HTTPS_PROXY: '', https_proxy: ' \n' })).toBeUndefined()
  })

  test.each([
    ['HTTPS_PROXY', STS, 'http://proxy:3128/'],
    ['https_proxy', STS, 'http://proxy:3128/'],
    // Plain HTTP is spoken to loopback and to the metadata service alone.
    ['HTTP_PROXY', 'http://100.100.100.200', undefined],
    ['http_proxy', 'http://127.0.0.1:8080', undefined],
    ['HTTP_PROXY', STS, undefined],
    ['HTTPS_PROXY', 'http://100.100.100.200', undefined],
  ] as const)('%s for %s', (name, url, proxy) => {
    expect(proxyIn({ [name]: 'http://proxy:3128' }, url)).toBe(proxy)
  })

  test('is that of the lower-case variable, unless it is empty', () => {
    expect(proxyIn({ HTTPS_PROXY: 'http://upper', https_proxy: 'http://lower' })).toBe('http://lower/')
    expect(proxyIn({ HTTPS_PROXY: 'http://upper', https_proxy: '' })).toBe('http://upper/')
  })

  test('is that of HTTPS_PROXY on Windows, where both are one variable', () => {
    expect(proxyIn({ HTTPS_PROXY: 'http://proxy' }, STS, 'win32')).toBe('http://proxy/')
    expect(() => proxyIn({ HTTPS_PROXY: 'junk://', https_proxy: 'junk://' }, STS, 'win32')).toThrow(
      / HTTPS_PROXY \(environment\)/,
    )
  })

  test.each([
    ['proxy:3128', 'http://proxy:3128/'],
    ['proxy', 'http://proxy/'],
    ['10.0.0.1:80', 'http://10.0.0.1/'],
    ['[::1]:3128', 'http://[::1]:3128/'],
    ['user:p%40ss@proxy:3128', 'http://user:p%40ss@proxy:3128/'],
    ['https://proxy:8443/', 'https://proxy:8443/'],
    [' http://proxy:3128\n', 'http://proxy:3128/'],
    ['http://user:p@ss@proxy:3128', 'http://user:p%40ss@proxy:3128/'],
    ['http://user@proxy', 'http://user@proxy/'],
    // As curl does, which ignores what follows the authority.
    ['http://proxy:3128/path?query#hash', 'http://proxy:3128/path?query#hash'],
  ])('%j is the proxy %s', (value, proxy) => {
    expect(proxyIn({ HTTPS_PROXY: value })).toBe(proxy)
  })

  test.each(['https://127.0.0.1:1', 'https://127.9.9.9', 'https://localhost:1', 'https://[::1]:1'])(
    'is none for %s',
    (url) => {
      expect(proxyIn({ HTTPS_PROXY: 'http://proxy' }, url)).toBeUndefined()
    },
  )

  test.each([
    ['*', true],
    ['aliyuncs.com', true],
    ['.aliyuncs.com', true],
    ['x.com, STS.CN-HANGZHOU.ALIYUNCS.COM', true],
    ['sts.cn-hangzhou.aliyuncs.com:443', true],
    ['sts.cn-hangzhou.aliyuncs.com:8443', false],
    ['hangzhou.aliyuncs.com', false],
    ['iyuncs.com', false],
    ['example.com', false],
    [' , ', false],
  ])('NO_PROXY=%j: %s', (noProxy, bypassed) => {
    const proxy = bypassed ? undefined : 'http://proxy/'
    expect(proxyIn({ HTTPS_PROXY: 'http://proxy', NO_PROXY: noProxy })).toBe(proxy)
    expect(proxyIn({ HTTPS_PROXY: 'http://proxy', NO_PROXY: '', no_proxy: noProxy })).toBe(proxy)
  })
})

describe('a variable that does not name a proxy is an error that does not show its value', () => {
  const faultOf = (env: Parameters<typeof proxyIn>[0]): unknown => {
    try {
      return proxyIn(env)
    } catch (failure) {
      return failure
    }
  }
  const ACCEPTED =
    'Accepted: `http://host:port` or `https://user:password@host:port`, with reserved characters of the password percent-encoded.'

  test.each([
    'http://',
    'http://user:secret@',
    'http://proxy:port',
    'http://proxy:99999',
    'file:///proxy',
    'quic://proxy:443',
    'http://a b',
    'http://user:sec%ret@proxy',
    // A password that was not encoded: what URL takes for the host is the user's name.
    'http://user:12#secret@proxy:3128',
    'http://user:12/secret@proxy:3128',
    'http://user:12?secret@proxy:3128',
    'http://user:sec/ret@proxy:3128',
  ])('%j', (value) => {
    for (const name of ['HTTPS_PROXY', 'https_proxy'] as const) {
      expect(faultOf({ [name]: value })).toMatchObject({
        code: 'proxy-invalid',
        message: `sts.cn-hangzhou.aliyuncs.com: ${name} (environment): the value is not the URL of a proxy. ${ACCEPTED}`,
      })
      process.env = Object.fromEntries(Object.entries(process.env).filter(([key]) => key !== name))
    }
  })

  test.each([
    'socks5://user:secret@proxy:1080',
    'socks5h://proxy',
    'SOCKS4://proxy:1080',
    'socks://proxy',
    'socks:proxy',
  ])('%j: the error says that it is a SOCKS proxy', (value) => {
    expect(faultOf({ HTTPS_PROXY: value })).toMatchObject({
      code: 'proxy-unsupported',
      message: `sts.cn-hangzhou.aliyuncs.com: HTTPS_PROXY (environment) names a SOCKS proxy, a kind that this step does not support. ${ACCEPTED}`,
    })
  })

  test.each([
    [{ HTTP_PROXY: 'socks5://proxy' }, STS],
    [{ HTTPS_PROXY: 'junk://', NO_PROXY: '*' }, STS],
    [{ HTTPS_PROXY: 'socks5://proxy', NO_PROXY: 'aliyuncs.com' }, STS],
    [{ HTTPS_PROXY: 'socks5://proxy' }, 'http://100.100.100.200'],
    [{ HTTPS_PROXY: 'socks5://proxy' }, 'https://127.0.0.1:8443'],
  ] as const)('%j is not checked for %s, which would not use it', (env, url) => {
    expect(proxyIn(env, url)).toBeUndefined()
  })
})

test.each([
  ['http://user:secret@proxy:3128', 'proxy:3128'],
  ['http://proxy', 'proxy:80'],
  ['https://proxy', 'proxy:443'],
  ['http://[::1]:1', '[::1]:1'],
])('%s is named %s in messages', (url, name) => {
  expect(proxyName(new URL(url))).toBe(name)
})

test.each([
  ['http://user:secret@proxy:3128', ['secret']],
  ['user:secret@proxy:3128', ['secret']],
  ['HTTP://user:secret@proxy', ['secret']],
  ['http://user:p%40ss%2Fword@proxy', ['p%40ss%2Fword', 'p@ss/word']],
  ['http://user:p@ss:w#rd/x@proxy', ['p@ss:w#rd/x']],
  ['http://user:sec%ret@proxy', ['sec%ret']],
  ['http://:secret@proxy', ['secret']],
  ['http://user:secret@', ['secret']],
  ['socks5://user:secret@proxy', ['secret']],
  ['http://user:@proxy', []],
  ['http://user@proxy:3128', []],
  ['http://proxy:3128', []],
  ['', []],
])('the passwords in %j are masked as written and decoded', (value, passwords) => {
  expect(proxyPasswords({ https_proxy: value })).toEqual(passwords)
  expect(proxyPasswords({ HTTP_PROXY: value, HTTPS_PROXY: value })).toEqual(passwords)
})
