import { describe, expect, test } from '@jest/globals'

import {
  acs3CanonicalRequest,
  acs3Signature,
  headersToSign,
  parseAcs3Authorization,
  percentEncode,
  sha256Hex,
  v1Signature,
  v1StringToSign,
} from '../stand-in/signature.js'

const SECRET = 'secret'

describe('ACS3-HMAC-SHA256', () => {
  const headers = {
    host: 'sts.cn-hangzhou.aliyuncs.com',
    'x-acs-action': 'AssumeRole',
    'x-acs-content-sha256': sha256Hex(''),
    'x-acs-date': '2026-01-02T03:04:05Z',
    'x-acs-signature-nonce': '00000000000000000000000000000001',
    'x-acs-version': '2015-04-01',
    'user-agent': 'never signed',
  }
  const request = {
    method: 'POST',
    path: '/',
    headers,
    query: [
      ['RoleSessionName', 'sess'],
      ['DurationSeconds', '3600'],
      ['RoleArn', 'acs:ram::123456789012:role/admin'],
    ] as const,
    bodyHash: sha256Hex(''),
  }

  test('gives the signature of a known request', () => {
    const canonicalRequest = acs3CanonicalRequest(request, headersToSign(headers))
    expect(sha256Hex(canonicalRequest)).toBe(
      'b6beb9120cc07585f7916cb087564baa94ebc095118a463283a5754476ba76cc',
    )
    expect(acs3Signature(canonicalRequest, SECRET)).toBe(
      '746a968c06affcec861e83d0f3348507bfcbcbdfe087b2b7d35be7b2b2d5ebc0',
    )
  })

  test('covers host, content type and every x-acs header, in whatever order they are listed', () => {
    const names = headersToSign({ 'x-acs-b': '', accept: '', 'content-type': '', 'x-acs-a': '', host: '' })
    expect(names).toEqual(['content-type', 'host', 'x-acs-a', 'x-acs-b'])
    expect(acs3CanonicalRequest(request, [...headersToSign(headers)].reverse())).toBe(
      acs3CanonicalRequest(request, headersToSign(headers)),
    )
  })

  test.each([
    [
      'ACS3-HMAC-SHA256 Credential=LTAI,SignedHeaders=host;x-acs-date,Signature=' + 'a'.repeat(64),
      ['host', 'x-acs-date'],
    ],
    ['ACS3-HMAC-SHA256 Credential=LTAI,SignedHeaders=host,Signature=tooshort', undefined],
    ['ACS3-HMAC-SM3 Credential=LTAI,SignedHeaders=host,Signature=' + 'a'.repeat(64), undefined],
    ['Bearer abc', undefined],
    ['', undefined],
  ])('reads the header %s', (header, signedHeaders) => {
    expect(parseAcs3Authorization(header)?.signedHeaders).toEqual(signedHeaders)
  })
})

describe('signature version 1.0', () => {
  const parameters = [
    ['AccessKeyId', 'LTAItest'],
    ['Action', 'AssumeRole'],
    ['Format', 'json'],
    ['RoleArn', 'acs:ram::123456789012:role/admin'],
    ['RoleSessionName', 'sess'],
    ['SignatureMethod', 'HMAC-SHA1'],
    ['SignatureNonce', '1'],
    ['SignatureVersion', '1.0'],
    ['Timestamp', '2026-01-02T03:04:05Z'],
    ['Version', '2015-04-01'],
  ] as const

  test('gives the signature of a known request', () => {
    expect(v1Signature(v1StringToSign('POST', parameters), SECRET)).toBe('M7J0kvVlhaHu6n2yw7y26cV2MB8=')
  })

  test('does not cover the signature itself, and depends on the method', () => {
    expect(v1StringToSign('POST', [['Signature', 'x'], ...parameters])).toBe(
      v1StringToSign('POST', parameters),
    )
    expect(v1StringToSign('GET', parameters)).not.toBe(v1StringToSign('POST', parameters))
  })
})

test('percent encoding is that of RFC 3986', () => {
  expect(percentEncode("a b+c/d=e*f~g!h'i(j)é")).toBe('a%20b%2Bc%2Fd%3De%2Af~g%21h%27i%28j%29%C3%A9')
})
