import { createHash, createHmac } from 'node:crypto'

import { listen } from './listener.js'
import type { Answer, End, WireRequest } from './listener.js'
import { percentEncode, sha256Hex } from './signature.js'
import type { StandIn } from './stand-in.js'
import { createTrail } from './trail.js'
import type { RecordedRequest } from './trail.js'

export interface Oss extends End {
  /** Every request; `caller` is the ARN of who signed it, `code` OSS's error code. */
  readonly requests: readonly RecordedRequest[]
  /** What lies under `/bucket/object`, by the path. */
  readonly objects: ReadonlyMap<string, string>
  readonly close: () => Promise<void>
}

/** A request's signature, whichever version it is of. */
interface Signature {
  readonly accessKeyId: string
  readonly isBy: (secret: string) => boolean
}

/**
 * Starts a stand-in for OSS that knows the keys and sessions of `standIn`: objects in buckets that
 * exist once named, by path-style requests (GET, PUT, HEAD, DELETE, and the list of a bucket).
 * Signatures of version 1 and 4 in the Authorization header are verified.
 */
export async function startOss(standIn: Pick<StandIn, 'authenticate'>): Promise<Oss> {
  const objects = new Map<string, string>()
  const trail = createTrail(10_000)
  const listener = await listen(
    {
      name: 'oss',
      receive(request) {
        const signature = readSignature(request)
        return {
          action: request.method,
          accessKeyId: signature?.accessKeyId,
          answer(record) {
            const refusal = (code: string, message: string): Answer => ({
              ...xml(403, errorBody(code, message)),
              code,
            })
            if (signature === undefined)
              return refusal('AccessDenied', 'You have no right to access this object.')
            const found = standIn.authenticate(signature.accessKeyId, request.headers['x-oss-security-token'])
            if ('code' in found) {
              const code = OSS_CODES[found.code]
              return code === undefined
                ? refusal('AccessDenied', found.message)
                : refusal(code, found.message)
            }
            if (!signature.isBy(found.accessKeySecret))
              return refusal(
                'SignatureDoesNotMatch',
                'The request signature we calculated does not match the signature you provided.',
              )
            record.caller = found.arn
            return perform(request, objects)
          },
        }
      },
      refuse: ({ status, code, message, headers }) => ({
        ...xml(status, errorBody(code, message ?? code), headers),
        code,
      }),
    },
    { host: '127.0.0.1', port: 0, tls: undefined, trail, now: Date.now },
  )
  return { ...listener, requests: trail.requests, objects }
}

/** OSS has names of its own for what STS says of a key. */
const OSS_CODES: Readonly<Record<string, string>> = {
  'InvalidAccessKeyId.NotFound': 'InvalidAccessKeyId',
  'InvalidAccessKeyId.Inactive': 'InvalidAccessKeyId',
  'InvalidSecurityToken.Expired': 'SecurityTokenExpired',
  'InvalidSecurityToken.Malformed': 'InvalidSecurityToken',
  'InvalidSecurityToken.MismatchWithAccessKey': 'InvalidSecurityToken',
}

function perform({ method, path, query, body }: WireRequest, objects: Map<string, string>): Answer {
  const [, bucket = '', object = ''] = /^\/([^/]+)\/?(.*)$/.exec(decodeURIComponent(path)) ?? []
  const key = `${bucket}/${object}`
  if (method === 'GET' && object === '') return listOf(bucket, new Map(query).get('prefix') ?? '', objects)
  if (method === 'PUT' && object !== '') {
    objects.set(key, body.toString('utf8'))
    return {
      status: 200,
      body: '',
      headers: { etag: `"${createHash('md5').update(body).digest('hex').toUpperCase()}"` },
    }
  }
  if (method === 'DELETE') {
    objects.delete(key)
    return { status: 204, body: '' }
  }
  const content = objects.get(key)
  if (content === undefined)
    return { ...xml(404, errorBody('NoSuchKey', 'The specified key does not exist.')), code: 'NoSuchKey' }
  return { status: 200, body: content, headers: { 'content-type': 'application/octet-stream' } }
}

function listOf(bucket: string, prefix: string, objects: ReadonlyMap<string, string>): Answer {
  const keys = [...objects.keys()].flatMap((key) =>
    key.startsWith(`${bucket}/${prefix}`) ? [key.slice(bucket.length + 1)] : [],
  )
  const contents = keys.sort().map((key) => `<Contents><Key>${escapeXml(key)}</Key></Contents>`)
  return xml(
    200,
    `<ListBucketResult><Name>${bucket}</Name><Prefix>${escapeXml(prefix)}</Prefix><IsTruncated>false</IsTruncated>${contents.join('')}</ListBucketResult>`,
  )
}

function readSignature(request: WireRequest): Signature | undefined {
  const header = request.headers.authorization ?? ''
  const [, idV1, signatureV1] = /^OSS ([^:]+):(.+)$/.exec(header) ?? []
  if (idV1 !== undefined) {
    return {
      accessKeyId: idV1,
      isBy: (secret) =>
        createHmac('sha1', secret).update(stringToSignV1(request)).digest('base64') === signatureV1,
    }
  }
  const match =
    /^OSS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/oss\/aliyun_v4_request(?:,AdditionalHeaders=([^,]+))?,Signature=([0-9a-f]{64})$/.exec(
      header,
    )
  if (match === null) return undefined
  const [, accessKeyId = '', date = '', region = '', additional = '', signature] = match
  return {
    accessKeyId,
    isBy(secret) {
      const scope = `${date}/${region}/oss/aliyun_v4_request`
      const stringToSign = `OSS4-HMAC-SHA256\n${request.headers['x-oss-date'] ?? ''}\n${scope}\n${sha256Hex(canonicalRequestV4(request, additional))}`
      const key = [date, region, 'oss', 'aliyun_v4_request'].reduce<string | Buffer>(
        hmac,
        `aliyun_v4${secret}`,
      )
      return hmac(key, stringToSign).toString('hex') === signature
    },
  }
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

/**
 * Of a query, signature version 1 signs only what names a part or an aspect of the object; these
 * are what the clients here send.
 */
const SUBRESOURCES: ReadonlySet<string> = new Set(['acl', 'objectMeta', 'versionId'])

function stringToSignV1({ method, headers, path, query }: WireRequest): string {
  const own = Object.keys(headers)
    .filter((name) => name.startsWith('x-oss-'))
    .sort()
    .map((name) => `${name}:${headers[name] ?? ''}\n`)
  const standard = ['content-md5', 'content-type', 'date'].map((name) => headers[name] ?? '')
  const subresources = query
    .filter(([name]) => SUBRESOURCES.has(name))
    .map(([name, value]) => (value === '' ? name : `${name}=${value}`))
    .sort()
  const resource = [
    decodeURIComponent(path),
    ...(subresources.length === 0 ? [] : [subresources.join('&')]),
  ].join('?')
  return `${[method, ...standard].join('\n')}\n${own.join('')}${resource}`
}

function canonicalRequestV4({ method, headers, path, query }: WireRequest, additional: string): string {
  const extra = additional === '' ? [] : additional.split(';')
  const signed = Object.keys(headers)
    .filter(
      (name) =>
        name.startsWith('x-oss-') ||
        name === 'content-type' ||
        name === 'content-md5' ||
        extra.includes(name),
    )
    .sort()
    .map((name) => `${name}:${(headers[name] ?? '').trim()}\n`)
  const parameters = query
    .map(([name, value]) =>
      value === '' ? percentEncode(name) : `${percentEncode(name)}=${percentEncode(value)}`,
    )
    .sort()
  const uri = decodeURIComponent(path).split('/').map(percentEncode).join('/')
  return [
    method,
    uri,
    parameters.join('&'),
    signed.join(''),
    additional,
    headers['x-oss-content-sha256'] ?? '',
  ].join('\n')
}

function xml(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return {
    status,
    headers: { 'content-type': 'application/xml', ...headers },
    body: `<?xml version="1.0" encoding="UTF-8"?>${body}`,
  }
}

function errorBody(code: string, message: string): string {
  return `<Error><Code>${code}</Code><Message>${escapeXml(message)}</Message><RequestId>6571A0C0E1B2C3D4E5F60718</RequestId><HostId>127.0.0.1</HostId></Error>`
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
