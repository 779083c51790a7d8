import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { heading, json, list, logText, markdown, paragraph } from '../src/text/document.js'
import { fitted, joined, MAX_VALUE_LENGTH, plain, say, visible, type Prose } from '../src/text/prose.js'
import { outsideCode } from './support/markdown.js'
import { HOSTILE_TEXTS, isCommand } from './support/runner-rule.js'
import { linesOf } from '../stand-in/runner/workflow-commands.js'

const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u

const piece = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '::',
    '##[',
    '#',
    ' ',
    '\n',
    '\r',
    '\u2028',
    '\u00a0',
    '`',
    '\\',
    '\u202e',
    '\ud800',
    '::error::',
  ),
)
const hostile = fc.oneof(
  fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
  fc.constantFrom(...HOSTILE_TEXTS),
)

describe('a value in a message', () => {
  test('is shown as one visible line of at most 2 KB', () => {
    fc.assert(
      fc.property(hostile, fc.constantFrom(64, 200, MAX_VALUE_LENGTH), (value, longest) => {
        const shown = visible(value, longest)
        expect(shown.length).toBeLessThanOrEqual(longest)
        expect(shown).not.toMatch(UNSEEN)
      }),
      { numRuns: 2000 },
    )
  })

  test.each([
    [
      'an ordinary one',
      'repo:octo-org/octo-repo:ref:refs/heads/日本-é',
      'repo:octo-org/octo-repo:ref:refs/heads/日本-é',
    ],
    ['line breaks', 'a\r\nb\u2028c\u0085', 'a\\u{d}\\u{a}b\\u{2028}c\\u{85}'],
    ['colours', '\u001b[31mred', '\\u{1b}[31mred'],
    ['what turns the direction', 'a\u202eb', 'a\\u{202e}b'],
    ['half of a pair', 'a\ud800b', 'a\\u{d800}b'],
    ['a space that is none', 'a\u00a0b\u3164c\u2800d', 'a\\u{a0}b\\u{3164}c\\u{2800}d'],
    ['an emoji', 'ship it 🚀', 'ship it 🚀'],
  ])('has its invisible characters spelled out: %s', (_name, value, shown) => {
    expect(visible(value)).toBe(shown)
  })

  test('says so if it is cut, and is not cut within a character', () => {
    expect(visible('a'.repeat(3000))).toHaveLength(MAX_VALUE_LENGTH)
    expect(visible('a'.repeat(3000))).toMatch(/^a+\.\.\. \(cut; 3000 characters\)$/)
    for (let length = 40; length < 60; length++) {
      expect(visible('\ud83d\ude80'.repeat(100), length)).toMatch(/^(🚀)+\.\.\. \(cut; 200 characters\)$/)
      expect(visible('\n'.repeat(100), length)).toMatch(/^(\\u\{a\})+\.\.\. \(cut; 100 characters\)$/)
    }
  })
})

describe('a message', () => {
  test('never contains a workflow command, however values and our words are combined', () => {
    fc.assert(
      fc.property(hostile, hostile, (a, b) => {
        const prose: Prose = joined(
          [say`${a}${b}`, say`:${a}`, say`#${b}[`, say`  ${a}`, say`- ${b}: ${a}`],
          '\n',
        )
        for (const text of [
          plain(prose),
          fitted(prose, 4096),
          plain(logText([paragraph(prose), ...list([prose])])),
        ]) {
          const lines = linesOf(text)
          expect(lines.filter(isCommand)).toEqual([])
          expect(lines.filter((line) => UNSEEN.test(line))).toEqual([])
        }
        expect(linesOf(plain(prose))).toHaveLength(5)
      }),
      { numRuns: 1000 },
    )
  })

  test('is printed as it is if there is nothing to escape', () => {
    expect(plain(say`\`sub\` is ${'repo:a/b'} (${3} of ${say`${'x'}!`})`)).toBe('`sub` is repo:a/b (3 of x!)')
  })

  test('is shortened at its longest values first, and short ones stay whole', () => {
    const prose = say`${'x'.repeat(3000)} ${'y'.repeat(3000)} RequestId ${'4B2C6D1E-0001-4B2C6D1E-0001'}`
    const text = fitted(prose, 3000)
    expect(text.length).toBeLessThanOrEqual(3000)
    expect(text).toMatch(/ RequestId 4B2C6D1E-0001-4B2C6D1E-0001$/)
    expect(text).toContain('(cut; 3000 characters)')
  })

  test('is never longer than allowed', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(hostile, fc.string({ maxLength: 9000 })), { maxLength: 60 }),
        (values) => {
          const prose = values.flatMap((value, index) => (index % 5 === 0 ? [value] : say`${value}, `))
          expect(fitted(prose, 4096).length).toBeLessThanOrEqual(4096)
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('the Markdown of a message', () => {
  test('contains no markup from a value, and has a bounded size', () => {
    fc.assert(
      fc.property(hostile, (value) => {
        const text = markdown(say`A ${value}`, [
          heading('B'),
          paragraph(say`${value}`),
          ...list([say`c ${value}`]),
        ])
        expect(text.length).toBeLessThan(30_000)
        expect(outsideCode(text)).toMatch(/^### A \n\n\*\*B\*\*\n\n\n\n- c \n$/)
      }),
      { numRuns: 1000 },
    )
  })

  test("contains no markup even if our own words hold someone else's", () => {
    fc.assert(
      fc.property(hostile, hostile, (a, b) => {
        const text = markdown(
          [a.slice(0, 500).replaceAll('\n', ' '), { value: b }, '`code`', { value: a }],
          [],
        )
        expect(outsideCode(text)).not.toMatch(/[`<>[\]|$*~&]/)
      }),
      { numRuns: 2000 },
    )
  })

  test('keeps the meaning of JSON in a code block', () => {
    fc.assert(
      fc.property(hostile, (value) => {
        const document = { [value]: value, list: [value] }
        const text = markdown(['A'], [json(document)])
        const [, , body] = /^(`{3,})json\n([\s\S]*)\n\1\n$/m.exec(text) ?? []
        expect(JSON.parse(body ?? '')).toEqual(document)
        expect(linesOf(plain(logText([json(document)]))).filter(isCommand)).toEqual([])
      }),
      { numRuns: 100 },
    )
  })
})
