import { checkBypass } from '@actions/http-client/lib/proxy'

/** The variables that name a proxy, lower case first, as curl and the toolkit read them. */
const VARIABLES = { 'http:': ['http_proxy', 'HTTP_PROXY'], 'https:': ['https_proxy', 'HTTPS_PROXY'] } as const

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The proxy for a URL, by HTTPS_PROXY, HTTP_PROXY and NO_PROXY in either case; undefined for none. A loopback address never has one.
 *
 * @throws Error where the variable is not the URL of a proxy; `proxyFaults` finds that beforehand
 */
export function proxyFor(url: URL, env: Environment): URL | undefined {
  // The toolkit's own rule for NO_PROXY and loopback, so that this step and the runner's other traffic go the same way.
  if (checkBypass(url)) return undefined
  const value = VARIABLES[url.protocol === 'http:' ? 'http:' : 'https:']
    .map((name) => env[name])
    .find((given) => given !== undefined && given !== '')
  return value === undefined ? undefined : parseProxy(value)
}

/** One sentence for each proxy variable that holds something else than a proxy's URL. Shows no value: it may hold a password. */
export function proxyFaults(env: Environment): string[] {
  return givenProxies(env).flatMap(([name, value]) => {
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
  const passwords = givenProxies(env).flatMap(([, value]) => {
    // By hand rather than by URL: a value that is no URL may still hold a password.
    const authority = value.replace(/^[a-z][a-z0-9+.-]*:\/\//i, '')
    const at = authority.lastIndexOf('@')
    const colon = authority.indexOf(':')
    const written = at > 0 && colon >= 0 && colon < at ? authority.slice(colon + 1, at) : ''
    return [written, decoded(written)]
  })
  return [...new Set(passwords)].filter((password) => password !== '')
}

function givenProxies(env: Environment): [string, string][] {
  return Object.values(VARIABLES)
    .flat()
    .flatMap((name) => {
      const value = env[name]
      return value === undefined || value === '' ? [] : [[name, value] satisfies [string, string]]
    })
}

function parseProxy(value: string): URL {
  // "proxy:8080" is what curl takes for http://proxy:8080, and what URL takes for a scheme.
  const url = new URL(/^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`)
  if (!/^https?:$/.test(url.protocol) || url.hostname === '') throw new Error('not an HTTP proxy')
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
