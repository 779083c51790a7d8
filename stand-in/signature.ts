import { createHash, createHmac } from 'node:crypto'

/** Name and value, decoded. */
export type Pairs = readonly (readonly [name: string, value: string])[]

/** RFC 3986: everything but letters, digits, `-`, `_`, `.` and `~` is escaped. */
export function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function canonicalParameters(pairs: Pairs): string {
  return [...pairs]
    .sort(([nameA, valueA], [nameB, valueB]) => compare(nameA, nameB) || compare(valueA, valueB))
    .map(([name, value]) => `${percentEncode(name)}=${percentEncode(value)}`)
    .join('&')
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

export function sha256Hex(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

export interface Acs3Authorization {
  readonly accessKeyId: string
  readonly signedHeaders: readonly string[]
  readonly signature: string
}

/**
 * Reads `ACS3-HMAC-SHA256 Credential=...,SignedHeaders=a;b,Signature=...`; undefined for anything
 * else.
 */
export function parseAcs3Authorization(header: string): Acs3Authorization | undefined {
  const match =
    /^ACS3-HMAC-SHA256 Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})$/.exec(
      header,
    )
  if (match === null) return undefined
  const [, accessKeyId = '', signedHeaders = '', signature = ''] = match
  return { accessKeyId, signedHeaders: signedHeaders.split(';'), signature }
}

export interface Acs3Request {
  readonly method: string
  readonly path: string
  readonly query: Pairs
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** The body's SHA-256 in hex. */
  readonly bodyHash: string
}

/** The canonical request of ACS3-HMAC-SHA256, over the headers that are listed. */
export function acs3CanonicalRequest(request: Acs3Request, signedHeaders: readonly string[]): string {
  const names = [...signedHeaders].sort()
  const headers = names.map((name) => `${name}:${(request.headers[name] ?? '').trim()}\n`).join('')
  return [
    request.method,
    request.path,
    canonicalParameters(request.query),
    headers,
    names.join(';'),
    request.bodyHash,
  ].join('\n')
}

/** Signs a canonical request; hex. */
export function acs3Signature(canonicalRequest: string, accessKeySecret: string): string {
  return createHmac('sha256', accessKeySecret)
    .update(`ACS3-HMAC-SHA256\n${sha256Hex(canonicalRequest)}`)
    .digest('hex')
}

/** The headers of a request that ACS3 wants signed. */
export function headersToSign(headers: Readonly<Record<string, string>>): string[] {
  return Object.keys(headers)
    .filter((name) => name === 'host' || name === 'content-type' || name.startsWith('x-acs-'))
    .sort()
}

/**
 * The string to sign of signature version 1.0 (HMAC-SHA1), over all query and form parameters but
 * `Signature`.
 */
export function v1StringToSign(method: string, parameters: Pairs): string {
  return `${method}&%2F&${percentEncode(canonicalParameters(parameters.filter(([name]) => name !== 'Signature')))}`
}

/** Signs a string to sign of version 1.0; base64. */
export function v1Signature(stringToSign: string, accessKeySecret: string): string {
  return createHmac('sha1', `${accessKeySecret}&`).update(stringToSign).digest('base64')
}
