import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { withoutSecrets } from '../src/secrecy/redact.js'

/** RFC 3986, as a string to sign holds it. */
const rfc3986 = (text: string): string =>
  encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )

/** The ways in which a secret may come back. */
const FORMS: [string, (secret: string) => string][] = [
  ['as it is', (secret) => secret],
  ['percent-encoded, as by a browser', encodeURIComponent],
  ['percent-encoded, as by RFC 3986', rfc3986],
  ['percent-encoded twice', (secret) => rfc3986(rfc3986(secret))],
  ['in base64', (secret) => Buffer.from(secret).toString('base64')],
  ['in JSON', (secret) => JSON.stringify(secret).slice(1, -1)],
]

// Not of asterisks alone: those are what stands in the place of a secret.
const secret = fc
  .string({ unit: 'grapheme', minLength: 4, maxLength: 60 })
  .filter((text) => !/^\**$/.test(text))
const tokenLike = fc.stringMatching(/^CAIS[A-Za-z0-9+/]{20,60}={0,2}$/)

describe.each(FORMS)('a secret %s', (_, form) => {
  test('is removed from a text, and the rest stays', () => {
    expect(withoutSecrets(`before ${form("a+b/c='d'(e)*!\"\\ü")} after`, ["a+b/c='d'(e)*!\"\\ü"])).toBe(
      'before *** after',
    )
  })

  test('is removed whatever it is, and however often it occurs', () => {
    fc.assert(
      fc.property(fc.oneof(secret, tokenLike), fc.string({ maxLength: 20 }), (given, around) => {
        const text = `${around}${form(given)}<>${form(given)}${around}`
        const left = withoutSecrets(text, [given])
        expect(left).not.toContain(form(given))
        expect(left).toContain('***')
      }),
    )
  })
})

test('several secrets are removed, even one within another', () => {
  expect(withoutSecrets('x abcdef abc y', ['abc', 'abcdef'])).toBe('x *** *** y')
  expect(withoutSecrets('x abcdef abc y', ['abcdef', 'abc'])).toBe('x *** *** y')
})

test('absent and empty secrets remove nothing', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(withoutSecrets(text, [undefined, ''])).toBe(text)
    }),
  )
})

test('any secret is removed from any text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary', minLength: 1 }), (text, given) => {
      expect(typeof withoutSecrets(text + given, [given])).toBe('string')
    }),
  )
  // Half of a pair, as a JSON answer may hold it, has no percent-encoding of its own.
  expect(withoutSecrets('a \ud800secret b', ['\ud800secret'])).toBe('a *** b')
})

test('special characters of regular expressions and replacements are plain text', () => {
  expect(withoutSecrets('a$& .* $1 b', ['.*'])).toBe('a$& *** $1 b')
  expect(withoutSecrets("a $' b", ["$'"])).toBe('a *** b')
})
