/** Which proxy a request goes through, by the variables that curl and the runner read. */
import { checkBypass } from '@actions/http-client/lib/proxy'

/** The variables that name a proxy, lower case first, as curl and the toolkit read them. */
const VARIABLES = { 'http:': ['http_proxy', 'HTTP_PROXY'], 'https:': ['https_proxy', 'HTTPS_PROXY'] } as const
const ALL_VARIABLES = Object.values(VARIABLES).flat()

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The proxy for a URL, by this process's HTTPS_PROXY, HTTP_PROXY and NO_PROXY in either case; undefined for none. A loopback address never
 * has one.
 *
 * @throws Error where the variable is not the URL of a proxy; `proxyFaults` finds that beforehand
 */
export function proxyFor(url: URL): URL | undefined {
  // The toolkit's own rule for NO_PROXY and loopback, so that this step and the runner's other traffic go the same way.
  if (checkBypass(url)) return undefined
  const [first] = givenProxies(process.env, VARIABLES[url.protocol === 'http:' ? 'http:' : 'https:'])
  return first === undefined ? undefined : parseProxy(first[1])
}

/** One sentence for each proxy variable that holds something else than a proxy's URL. Shows no value: it may hold a password. */
export function proxyFaults(env: Environment): string[] {
  return givenProxies(env, ALL_VARIABLES).flatMap(([name, value]) => {
    try {
      parseProxy(value)
      return []
    } catch {
      return [
        `${name} (environment): the value is not the URL of a proxy. Accepted: http://host:port or https://user:password@host:port, with reserved characters of the password percent-encoded.`,
      ]
    }
  })
}

/** The passwords in the proxy variables, as written and decoded: both must be masked. */
export function proxyPasswords(env: Environment): string[] {
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
function givenProxies(env: Environment, names: readonly string[]): [string, string][] {
  return names.flatMap((name) => {
    const value = env[name]?.trim() ?? ''
    return value === '' ? [] : [[name, value] satisfies [string, string]]
  })
}

function parseProxy(value: string): URL {
  // "proxy:8080" is what curl takes for http://proxy:8080, and what URL takes for a scheme.
  const url = new URL(/^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`)
  // A path or more is what follows a # or / in a password that was not encoded: the host before it would be the user's name.
  const bare = url.pathname === '/' && url.search === '' && url.hash === ''
  if (!/^https?:$/.test(url.protocol) || url.hostname === '' || !bare) throw new Error('not an HTTP proxy')
  // The agents decode both; a stray % must be found here, not there.
  decodeURIComponent(url.username + url.password)
  return url
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
