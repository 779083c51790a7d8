import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { PAGE, withCodes } from '../scripts/troubleshooting.js'
import { stsAnswer } from '../src/diagnosis/sts-answer.js'
import { STS_ANSWERS } from '../src/diagnosis/sts-codes.js'

const page = readFileSync(PAGE, 'utf8')
const codes = page.slice(page.indexOf('\n## The codes of STS\n'))
const headings = codes.split('\n').filter((line) => line.startsWith('### '))
const codesOf = (line: string): string[] =>
  [...line.matchAll(/`([A-Za-z.*]+)`/g)].map(([, code]) => code ?? '')

describe('docs/troubleshooting.md', () => {
  test('is what `npm run troubleshooting` writes', () => {
    expect(page).toBe(withCodes(page))
  })

  test('has a heading for every code of the table, and no other', () => {
    expect(new Set(headings.flatMap(codesOf))).toEqual(new Set(STS_ANSWERS.flatMap(({ codes }) => codes)))
    expect(headings).toHaveLength(STS_ANSWERS.length)
    expect(new Set(headings).size).toBe(headings.length)
  })

  test('lists its sections at the top', () => {
    const titles = page.split('\n').flatMap((line) => (line.startsWith('## ') ? [line.slice(3)] : []))
    const contents = page.slice(0, page.indexOf('\n## ')).matchAll(/^- \[(.*)\]\(#(.*)\)$/gm)
    expect([...contents].map(([, title, anchor]) => [title, anchor])).toEqual(
      titles.map((title) => [
        title,
        title
          .toLowerCase()
          .replace(/[^a-z0-9 -]/g, '')
          .replaceAll(' ', '-'),
      ]),
    )
  })

  test('has one anchor for each code, made of the code alone, before the first section of that code', () => {
    const anchors = [...codes.matchAll(/<a id="([^"]+)"><\/a>/g)].map(([, anchor]) => anchor)
    const known = STS_ANSWERS.flatMap((answer) => answer.codes)
    expect(anchors).toEqual([
      ...new Set(known.map((code) => code.replace('.*', '').replaceAll('.', '-').toLowerCase())),
    ])
    for (const code of known) {
      const anchor = `<a id="${code.replace('.*', '').replaceAll('.', '-').toLowerCase()}"></a>`
      const heading = /^### .*$/m.exec(codes.slice(codes.indexOf(anchor)))?.[0] ?? ''
      expect(codesOf(heading)).toContain(code)
      expect(codes.indexOf(heading)).toBe(
        codes.indexOf(headings.find((line) => codesOf(line).includes(code)) ?? ''),
      )
    }
  })

  test.each([
    ["The step's error is about `config.json`", 'profile'],
    ['The metadata service gives no session', 'identity'],
  ])('%s: the words of the errors are those of the code', (heading, room) => {
    const folder = join(import.meta.dirname, '../src', room)
    const sources = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'))
    const section = page.slice(page.indexOf(`\n### ${heading}\n`)).split('\n### ')[1] ?? ''
    const words = section
      .split('\n')
      .flatMap((line) => (/^\| (?!-|The error says)/.test(line) ? (line.split('|')[1] ?? '').split(';') : []))
      .map((text) => text.trim())
    expect(words.length).toBeGreaterThan(3)
    expect(words.filter((text) => !sources.some((source) => source.includes(text)))).toEqual([])
  })

  test('is not written if it has lost its marks', () => {
    expect(() => withCodes('# Troubleshooting')).toThrow('marks')
  })
})

describe('the table of the codes of STS', () => {
  test('has no row that is hidden by an earlier one', () => {
    for (const answer of STS_ANSWERS) {
      const code = answer.codes[0] ?? ''
      const reason = answer.says ?? ''
      expect(stsAnswer({ call: 'AssumeRole', code: code.replace(/\*$/, 'Unheard'), reason }, false)).toBe(
        answer,
      )
    }
  })

  test('has balanced backticks and whole sentences, and mentions nothing that is only in the log', () => {
    for (const { cause, fix, fault } of STS_ANSWERS) {
      for (const words of [cause, fault, ...fix]) expect(words.split('`').length % 2).toBe(1)
      for (const words of [cause, ...fix]) expect(words).toMatch(/[.)]$/)
      for (const words of [cause, fault, ...fix]) expect(words).not.toMatch(/\b(below|above)\b|!/)
    }
  })
})
