// Writes the codes' part of docs/troubleshooting.md from the table that the step's messages come from: `npx tsx scripts/troubleshooting.ts`.
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { markdownProse } from '../src/text/document.js'
import { STS_ANSWERS, type StsAnswer } from '../src/diagnosis/sts-codes.js'

export const PAGE = resolve(import.meta.dirname, '../docs/troubleshooting.md')
const BEGIN = '<!-- Generated from src/diagnosis/sts-codes.ts by scripts/troubleshooting.ts: begin -->'
const END = '<!-- Generated: end -->'

/** The page with its generated part made anew, and the rest as it is. */
export function withCodes(page: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (begin < 0 || end < begin)
    throw new Error('docs/troubleshooting.md has lost the marks of its generated part')
  return `${page.slice(0, begin + BEGIN.length)}\n\n${STS_ANSWERS.map(section).join('\n\n')}\n\n${page.slice(end)}`
}

function section(answer: StsAnswer): string {
  const codes = answer.codes.map((code) => `\`${code}\``).join(', ')
  const { says } = answer
  const shared = STS_ANSWERS.some(
    (other) => other !== answer && other.codes.some((code) => answer.codes.includes(code)),
  )
  return [
    `### ${codes}${shared && says !== undefined ? `: ${markdownProse([says.split('. ')[0] ?? ''])}` : ''}`,
    ...(says === undefined ? [] : [`STS says: ${markdownProse([{ value: says }])}`]),
    `**Cause.** ${markdownProse([answer.cause])}`,
    answer.fix.length === 1
      ? `**Fix.** ${markdownProse(answer.fix)}`
      : `**Fix.**\n\n${answer.fix.map((sentence) => `- ${markdownProse([sentence])}`).join('\n')}`,
  ].join('\n\n')
}

if (process.argv[1] === import.meta.filename) writeFileSync(PAGE, withCodes(readFileSync(PAGE, 'utf8')))
