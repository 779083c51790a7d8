import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { hiddenTexts, masksOf } from '../src/secrecy/masks.js'
import { createRedactor } from '../src/secrecy/redact.js'

/** As the runner does it: it masks each trimmed line of a mask too. */
function masked(log: string, masks: readonly string[]): string {
  return masks
    .flatMap((mask) => [mask, ...mask.split('\n').map((line) => line.trim())])
    .filter((mask) => mask !== '')
    .reduce((text, mask) => text.replaceAll(mask, '***'), log)
}

describe('the mask of a secret', () => {
  test('is the secret itself, if that has one line', () => {
    for (const secret of ['LTAI5tExample', 'a"b\\c', '<b>&amp;</b>', '{not json', '100%25', 'a b c d'])
      expect(masksOf(secret)).toEqual([secret])
    expect(masksOf('  padded \r\n')).toEqual(['padded'])
  })

  test.each(['', ' ', 'a', 'abc', ' abc\n', '{}', '[ ]', '{{{{{{', '----', '},\n{', '\n\n\n'])(
    'does not exist for %j: it would spoil the log and hide nothing',
    (text) => {
      expect(masksOf(text)).toEqual([])
      expect(hiddenTexts(text)).toEqual([])
    },
  )

  test('is each line of a text of several lines, except lines of punctuation only', () => {
    const pem = '-----BEGIN KEY-----\r\nMIIEow\r\n  AbCd  \r\nab\r\n====\r\n-----END KEY-----\r\n'
    expect(masksOf(pem)).toEqual(['-----BEGIN KEY-----', 'MIIEow', 'AbCd', '-----END KEY-----'])
  })

  test.each([undefined, 2, '\t'])(
    'is a value of a JSON document, however that is indented (%j)',
    (indent) => {
      const inner = { AccessKeyId: 'STS.inner' }
      const document = {
        Credentials: { AccessKeyId: 'STS.id', AccessKeySecret: 'a\nlong\nsecret', On: true, Id: 12345678 },
        List: ['CAIStoken', ['deeper'], null, '{'],
        Text: JSON.stringify(inner),
        AccountID: '1234567890123456',
      }
      const text = JSON.stringify(document, undefined, indent)
      expect(new Set(masksOf(text))).toEqual(
        new Set(['STS.id', 'long', 'secret', 'CAIStoken', 'deeper', 'STS.inner']),
      )
      // Another program's JSON in the log stays JSON.
      const log = '{\n  "a": [\n    { "b": "STS.id" }\n  ]\n}'
      expect(masked(log, masksOf(text))).toBe('{\n  "a": [\n    { "b": "***" }\n  ]\n}')
    },
  )

  test('is one line of at least four characters for any text, and never a lone brace for any document', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.jsonValue().map((value) => JSON.stringify(value, undefined, 2)),
      fc.array(fc.constantFrom('{', '}', '\n', '\r', ' ', 'abcd', '"', ',')).map((parts) => parts.join('')),
    )
    fc.assert(
      fc.property(text, (secret) => {
        for (const mask of masksOf(secret)) {
          expect(mask).not.toMatch(/[\r\n]/)
          expect(mask.length).toBeGreaterThanOrEqual(4)
          expect(mask).not.toMatch(/^[\s{}[\],:"]*$/)
        }
      }),
    )
  })

  test('hides the whole secret and each of its lines', () => {
    const line = fc.stringMatching(/^[A-Za-z0-9+/]{4,60}$/)
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 5 }), (lines) => {
        const secret = lines.join('\n')
        const redactor = createRedactor(hiddenTexts(secret))
        const shown = redactor.redact(`${secret} and ${lines.join(' and ')} and ${JSON.stringify(secret)}`)
        for (const each of lines) expect(shown).not.toContain(each)
      }),
    )
  })
})

test('the time to mask a huge secret, or one of very many lines, grows only with its size', () => {
  const long = 'a secret '.repeat(40_000).trim()
  const many = Array.from({ length: 60_000 }, (_, index) => `line ${index}`).join('\n')
  expect(masksOf(long)).toHaveLength(1)
  expect(masksOf(many)).toHaveLength(60_000)
  expect(masksOf('\n'.repeat(60_000))).toEqual([])
  // A repetitive secret that is almost there at every place.
  const redactor = createRedactor([...hiddenTexts(long), ...hiddenTexts(`z${'`'.repeat(200_000)}`)])
  expect(redactor.redact(`before ${long} after`)).toBe('before *** after')
  expect(redactor.redact('`'.repeat(400_000))).toHaveLength(400_000)
})
