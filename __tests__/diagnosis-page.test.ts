import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { PAGE, withCodes } from '../scripts/troubleshooting.js'
import { STS_ANSWERS, stsAnswer } from '../src/diagnosis/sts-codes.js'

const page = readFileSync(PAGE, 'utf8')
const headings = page.split('\n').filter((line) => line.startsWith('### '))
const codesOf = (line: string): string[] =>
  [...line.matchAll(/`([A-Za-z.*]+)`/g)].map(([, code]) => code ?? '')

describe('docs/troubleshooting.md', () => {
  test('is what `npx tsx scripts/troubleshooting.ts` writes', () => {
    expect(page).toBe(withCodes(page))
  })

  test('has a heading for every code of the table, and no other', () => {
    expect(new Set(headings.flatMap(codesOf))).toEqual(new Set(STS_ANSWERS.flatMap(({ codes }) => codes)))
    expect(headings).toHaveLength(STS_ANSWERS.length)
    expect(new Set(headings).size).toBe(headings.length)
  })

  test('leads to sections that exist', () => {
    const anchors = page
      .split('\n')
      .filter((line) => line.startsWith('## '))
      .map((line) =>
        line
          .slice(3)
          .toLowerCase()
          .replace(/[^a-z0-9 -]/g, '')
          .replaceAll(' ', '-'),
      )
    expect([...page.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor)).toEqual(anchors)
  })

  test('a page that has lost its marks is not written', () => {
    expect(() => withCodes('# Troubleshooting')).toThrow('marks')
  })
})

describe('the table', () => {
  test('each row can be reached', () => {
    for (const answer of STS_ANSWERS) {
      const code = answer.codes[0] ?? ''
      const reason = answer.says ?? ''
      expect(stsAnswer({ call: 'AssumeRole', code: code.replace(/\*$/, 'Unheard'), reason }, false)).toBe(
        answer,
      )
    }
  })

  test('balances its backticks, ends its sentences, and speaks of nothing that stands only in the log', () => {
    for (const { cause, fix, fault } of STS_ANSWERS) {
      for (const words of [cause, fault, ...fix]) expect(words.split('`').length % 2).toBe(1)
      for (const words of [cause, ...fix]) expect(words).toMatch(/[.)]$/)
      for (const words of [cause, fault, ...fix]) expect(words).not.toMatch(/\b(below|above)\b|!/)
    }
  })
})
