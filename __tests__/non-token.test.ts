import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { describeNonToken } from '../src/identity/non-token.js'

const isUtf16 = (text: string): boolean => describeNonToken(text).includes('UTF-16')
const ascii = fc.string({ unit: fc.integer({ min: 1, max: 0x7e }).map((code) => String.fromCharCode(code)) })

describe('a text that was written as UTF-16 and read as UTF-8', () => {
  const readAsUtf8 = (bytes: Buffer): string => bytes.toString('utf8')
  const ways: readonly (readonly [string, (text: string) => Buffer])[] = [
    ['with a byte order mark, little end first', (text) => Buffer.from(`\ufeff${text}`, 'utf16le')],
    ['with a byte order mark, big end first', (text) => Buffer.from(`\ufeff${text}`, 'utf16le').swap16()],
    ['without a mark, little end first', (text) => Buffer.from(text, 'utf16le')],
    ['without a mark, big end first', (text) => Buffer.from(text, 'utf16le').swap16()],
  ]
  test.each(ways)('%s is recognised, trimmed or not', (_, write) => {
    fc.assert(
      fc.property(ascii, (text) => {
        fc.pre(text !== '')
        const read = readAsUtf8(write(text))
        expect(isUtf16(read)).toBe(true)
        // PowerShell ends the text with a line break, half of which trimming takes away.
        const trimmed = readAsUtf8(write(`${text.trim()}x\r\n`)).trim()
        expect(isUtf16(trimmed)).toBe(true)
      }),
    )
  })

  test('a text in UTF-8 is not taken for UTF-16', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        fc.pre(!text.includes('\0'))
        expect(isUtf16(readAsUtf8(Buffer.from(text)))).toBe(false)
      }),
    )
  })

  test('a file without content is described as empty', () => {
    expect(describeNonToken('')).toBe('is empty')
  })

  test('a NUL here and there does not make a text UTF-16', () => {
    expect(isUtf16('token\0')).toBe(false)
    expect(isUtf16('a\0\0b')).toBe(false)
  })
})
