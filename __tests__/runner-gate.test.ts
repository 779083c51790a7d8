import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import fc from 'fast-check'
import { createRunner, type Runner } from '../src/runner/runner.js'
import { markdown, paragraph } from '../src/text/document.js'
import { say } from '../src/text/prose.js'
import { linesOf, parseCommand } from '../stand-in/runner/workflow-commands.js'
import { commandLines, HOSTILE_TEXTS } from './support/runner-rule.js'

let written: string
let runner: Runner
// One for all tests: the toolkit remembers the first.
const folder = mkdtempSync(join(tmpdir(), 'gate-'))
const summary = join(folder, 'summary')

beforeAll(() => {
  process.env.GITHUB_STEP_SUMMARY = summary
  process.env.RUNNER_DEBUG = '1'
})
afterAll(() => {
  delete process.env.GITHUB_STEP_SUMMARY
  delete process.env.RUNNER_DEBUG
  rmSync(folder, { recursive: true })
})
beforeEach(() => {
  written = ''
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written += String(text)
    return true
  })
  writeFileSync(summary, '')
  runner = createRunner({})
})
afterEach(() => {
  jest.restoreAllMocks()
  process.exitCode = undefined
})

/** The first command of a name, as the runner reads it. */
function command(name: string): { title: string; data: string } {
  const known = new Set([name])
  const [first] = linesOf(written).flatMap((line) => parseCommand(line, known) ?? [])
  return { title: first?.properties.get('title') ?? '', data: first?.data ?? '' }
}

describe('everything that is printed', () => {
  test.each(HOSTILE_TEXTS.map((text) => [JSON.stringify(text.slice(0, 30)), text]))(
    '%s contains no workflow command but ours',
    (_name, value) => {
      // What is cut is printed whole before: another test's matter.
      const text = value.slice(0, 600)
      runner.info(say`${text}`)
      runner.group(say`${text}`, [say`${text}`, say`  ${text}`])
      runner.warning(say`${text}`)
      runner.debug(say`${text}`)
      runner.fail(say`${text}`, say`${text}: ${text}`)
      expect(commandLines(written).map((line) => line.replace(/^(::[a-z]+)[ :].*$/, '$1'))).toEqual([
        '::group',
        '::endgroup',
        '::warning',
        '::debug',
        '::error',
      ])
      expect(written).not.toContain('##[')
      // A command's data is on one line, and no value in it has one of its own.
      expect(command('error').data).not.toMatch(/[\r\n]/)
    },
  )

  test('an error stays below 4,096 characters, and what it leaves out is printed before it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constantFrom(...HOSTILE_TEXTS), fc.string({ maxLength: 6000 })), {
          maxLength: 9,
        }),
        (values) => {
          written = ''
          const text = values.flatMap((value) => say`\`input\` is ${value}.\n`)
          runner.fail(say`Title ${values.join(' ')}`, text)
          const { title, data } = command('error')
          expect(data.length).toBeLessThan(4096)
          expect(title).toMatch(/^Title/)
          expect(title.length).toBeLessThanOrEqual(200)
          if (data.includes('(cut; ') && values.every((value) => value.length < 2048))
            expect(written).toMatch(/^::group::The full text of the message below$/m)
        },
      ),
      { numRuns: 200 },
    )
    expect(process.exitCode).toBe(1)
  })

  test('our own words, if there are too many of them, are whole before the error', () => {
    const faults = Array.from(
      { length: 200 },
      (_, index) => `- input-${index}: wrong. Accepted: something.\n`,
    )
    runner.fail(['200 inputs'], faults)
    const { data } = command('error')
    expect(data).toHaveLength(4095)
    expect(data).toMatch(/the whole text is printed above\)$/)
    for (const fault of faults) expect(written).toContain(fault)
  })

  test('a secret at the edge of what is shown is not shown in part', () => {
    const secret = 'abcdefghijklmnopqrstuvwxyz'
    runner.mask(secret)
    for (let before = 1960; before < 2060; before++)
      runner.info(say`${'.'.repeat(before) + secret + '!'.repeat(3000)}`)
    expect(written.replace(/^::add-mask::.*$/m, '')).not.toContain('abcd')
  })
})

describe('mask-account-id', () => {
  test('masks an account before it is printed, wherever it comes from', () => {
    runner.info(['acs:ram::1111222233334444:role/x'])
    runner.maskAccountIds()
    runner.info(say`${'acs:ram::5555666677778888:role/x'}`)
    runner.warning(say`account ${'9999000011112222'}, role ${'acs:sts::123456789:assumed-role/a/b'}`)
    runner.fail(say`${'1234123412341234'}`, say`x ${'y'.repeat(2040) + ' 4321432143214321'}`)
    const lines = written.split(/\r?\n/)
    for (const id of [
      '5555666677778888',
      '9999000011112222',
      '123456789',
      '1234123412341234',
      '4321432143214321',
    ])
      expect(lines.filter((line) => line.includes(id))).toEqual([`::add-mask::${id}`])
    expect(written).toContain('1111222233334444')
  })

  test('does not spoil the log: short numbers and RequestIds stay', () => {
    runner.maskAccountIds()
    runner.info(say`${'acs:ram::12:role/x, 0C5A5A1E-7A4B-5E7C-9C55-3F2B1D6E8A90, 12345678901234567890'}`)
    expect(written).not.toContain('add-mask')
  })
})

describe('the job summary', () => {
  /** Its last line ends as lines do on this system. */
  const summarized = (): string => readFileSync(summary, 'utf8').replaceAll('\r\n', '\n')

  test('is cleaned as the log is', async () => {
    runner.mask('the-secret')
    runner.maskAccountIds()
    await runner.summary(
      markdown(say`A ${'the-secret'}`, [paragraph(say`${'acs:ram::5555666677778888:role/x'}`)]),
    )
    expect(summarized()).toBe('### A `***`\n\n`acs:ram::***:role/x`\n\n')
  })

  test('points to the log if it is too long for GitHub', async () => {
    await runner.summary(markdown(['A'], [paragraph(['word '.repeat(300_000)])]))
    expect(summarized()).toBe('The message is too long for a job summary. It is in the log of the step.\n\n')
  })

  test('does not fail the step if it cannot be written', async () => {
    rmSync(summary)
    mkdirSync(summary)
    await runner.summary(markdown(['A'], []))
    expect(command('debug').data).toContain('The job summary could not be written')
  })
})
