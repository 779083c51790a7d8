/** Which proxy a request goes through, by the variables that curl and the runner read. */
import { checkBypass } from '@actions/http-client/lib/proxy'
import { say } from '../text/prose.js'
import { TransportError } from './transport-error.js'

/**
 * The variables that name the proxy of an https host, lower case first, as curl and the toolkit
 * read them.
 */
const VARIABLES = ['https_proxy', 'HTTPS_PROXY'] as const
/**
 * No request of this step uses those for plain HTTP, but they may hold a password too.
 */
const ALL_VARIABLES = [...VARIABLES, 'http_proxy', 'HTTP_PROXY'] as const

/**
 * The proxy for a URL, by this process's HTTPS_PROXY and NO_PROXY in either case; undefined for
 * none. Plain HTTP is spoken to loopback addresses and the metadata service alone, and those never
 * have one.
 *
 * @throws TransportError (proxy-unsupported, proxy-invalid) if the variable names no proxy that
 * this step can use. It shows nothing of the value, which may hold a password
 */
export function proxyFor(url: URL, platform: NodeJS.Platform = process.platform): URL | undefined {
  // The toolkit's own rule for NO_PROXY and loopback, so that this step and the runner's other
  // traffic go the same way.
  if (url.protocol !== 'https:' || checkBypass(url)) return undefined
  // On Windows both are one variable. It is called by the name under which people set it.
  const names = platform === 'win32' ? (['HTTPS_PROXY'] as const) : VARIABLES
  const [first] = givenProxies(process.env, names)
  if (first === undefined) return undefined
  const [name, value] = first
  const accepted = say`Accepted: \`http://host:port\` or \`https://user:password@host:port\`, with reserved characters of the password percent-encoded.`
  if (/^socks\w*:/i.test(value)) {
    throw new TransportError(
      'proxy-unsupported',
      url.host,
      say`${[name]} (environment) names a SOCKS proxy, a kind that this step does not support. ${accepted}`,
    )
  }
  const proxy = parseProxy(value)
  if (proxy === undefined) {
    throw new TransportError(
      'proxy-invalid',
      url.host,
      say`${[name]} (environment): the value is not the URL of a proxy. ${accepted}`,
    )
  }
  return proxy
}

/** `host:port` of a proxy, as messages name it. */
export function proxyName(proxy: URL): string {
  return `${proxy.hostname}:${proxyPort(proxy)}`
}

/** The port of a proxy's URL, or its scheme's default. */
export function proxyPort({ protocol, port }: URL): number {
  return Number(port || (protocol === 'https:' ? '443' : '80'))
}

/** The passwords in the proxy variables, as written and decoded: both must be masked. */
export function proxyPasswords(env: Readonly<NodeJS.ProcessEnv>): string[] {
  const passwords = givenProxies(env, ALL_VARIABLES).flatMap(([, value]) => {
    // By hand rather than by URL: a value that is no URL may still hold a password.
    const authority = value.replace(/^[a-z][a-z0-9+.-]*:\/\//i, '')
    const at = authority.lastIndexOf('@')
    const colon = authority.indexOf(':')
    const written = at > 0 && colon >= 0 && colon < at ? authority.slice(colon + 1, at) : ''
    return [written, decoded(written)]
  })
  return [...new Set(passwords)].filter((password) => password !== '')
}

/** The variables that hold something, in the order given. */
function givenProxies<Name extends string>(
  env: Readonly<NodeJS.ProcessEnv>,
  names: readonly Name[],
): [Name, string][] {
  return names.flatMap((name) => {
    const value = env[name]?.trim() ?? ''
    return value === '' ? [] : [[name, value] satisfies [Name, string]]
  })
}

function parseProxy(value: string): URL | undefined {
  // "proxy:8080" is what curl takes for http://proxy:8080, and what URL takes for a scheme.
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  if (!/^https?:$/.test(url.protocol) || url.hostname === '') return undefined
  // A path is ignored, as curl does. But an @ in it means that a password was not encoded: what
  // looks like the host is the user's name.
  if (`${url.pathname}${url.search}${url.hash}`.includes('@')) return undefined
  try {
    decodeURIComponent(url.username + url.password)
  } catch {
    return undefined
  }
  return url
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
