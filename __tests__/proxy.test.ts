import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { proxyFaults, proxyFor, proxyPasswords } from '../src/net/proxy.js'

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
function proxyIn(env: Partial<Record<(typeof NAMES)[number], string>>, url = STS): string | undefined {
  Object.assign(process.env, env)
  return proxyFor(new URL(url))?.href
}

describe('which proxy', () => {
  test('none where no variable names one', () => {
    expect(proxyIn({})).toBeUndefined()
    expect(proxyIn({ HTTPS_PROXY: '', https_proxy: ' \n' })).toBeUndefined()
  })

  test.each([
    ['HTTPS_PROXY', STS, 'http://proxy:3128/'],
    ['https_proxy', STS, 'http://proxy:3128/'],
    ['HTTP_PROXY', 'http://issuer.internal', 'http://proxy:3128/'],
    ['http_proxy', 'http://issuer.internal', 'http://proxy:3128/'],
    ['HTTP_PROXY', STS, undefined],
    ['HTTPS_PROXY', 'http://issuer.internal', undefined],
  ] as const)('%s for %s', (name, url, proxy) => {
    expect(proxyIn({ [name]: 'http://proxy:3128' }, url)).toBe(proxy)
  })

  test('the lower case wins, unless it is empty', () => {
    expect(proxyIn({ HTTPS_PROXY: 'http://upper', https_proxy: 'http://lower' })).toBe('http://lower/')
    expect(proxyIn({ HTTPS_PROXY: 'http://upper', https_proxy: '' })).toBe('http://upper/')
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
  ])('%j is the proxy %s', (value, proxy) => {
    expect(proxyIn({ HTTPS_PROXY: value })).toBe(proxy)
    expect(proxyFaults({ HTTPS_PROXY: value })).toEqual([])
  })

  test.each(['https://127.0.0.1:1', 'https://127.9.9.9', 'https://localhost:1', 'https://[::1]:1'])(
    'none for %s',
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

test.each([
  'http://',
  'http://user:secret@',
  'http://proxy:port',
  'http://proxy:99999',
  'socks5://proxy:1080',
  'file:///proxy',
  'http://a b',
  'http://user:sec%ret@proxy',
  // A password that was not encoded: what URL takes for the host is the user's name.
  'http://user:12#secret@proxy:3128',
  'http://user:12/secret@proxy:3128',
  'http://user:12?secret@proxy:3128',
  'http://user:sec/ret@proxy:3128',
  'http://proxy/path',
])('%j is a fault that shows nothing of it', (value) => {
  for (const name of ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy']) {
    expect(proxyFaults({ [name]: value })).toEqual([
      `${name} (environment): the value is not the URL of a proxy. Accepted: http://host:port or https://user:password@host:port, with reserved characters of the password percent-encoded.`,
    ])
  }
  expect(() => proxyIn({ HTTPS_PROXY: value })).toThrow()
})

test('faults of several variables are told together', () => {
  expect(
    proxyFaults({ HTTPS_PROXY: 'http://', http_proxy: 'http://', HTTP_PROXY: 'http://proxy', NO_PROXY: '%' }),
  ).toHaveLength(2)
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
])('the passwords of %j, as written and as meant', (value, passwords) => {
  expect(proxyPasswords({ https_proxy: value })).toEqual(passwords)
  expect(proxyPasswords({ HTTP_PROXY: value, HTTPS_PROXY: value })).toEqual(passwords)
})
