// Writes the codes' part of docs/troubleshooting.md from the table that the step's messages come
// from: `npm run troubleshooting`.
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { markdownProse } from '../src/text/document.js'
import { anchorOfCode } from '../src/diagnosis/sts-answer.js'
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

/**
 * The anchors of a code's section, which messages link to: the code in lower case, with hyphens for
 * dots and without the `.*` of a family. A code that several sections share is the first one's.
 */
function anchorsOf(answer: StsAnswer): string[] {
  const earlier = STS_ANSWERS.slice(0, STS_ANSWERS.indexOf(answer)).flatMap(({ codes }) =>
    codes.map(anchorOfCode),
  )
  return [...new Set(answer.codes.map(anchorOfCode))].filter((anchor) => !earlier.includes(anchor))
}

/** How a message, which cannot link, names a section of another page. */
const PAGE_AND_SECTION = /docs\/([a-z-]+\.md), ([A-Z][a-z]+)/g

function section(answer: StsAnswer): string {
  const codes = answer.codes.map((code) => `\`${code}\``).join(', ')
  const { says } = answer
  const shared = STS_ANSWERS.some(
    (other) => other !== answer && other.codes.some((code) => answer.codes.includes(code)),
  )
  const anchors = anchorsOf(answer).map((anchor) => `<a id="${anchor}"></a>`)
  return [
    ...(anchors.length === 0 ? [] : [anchors.join('')]),
    `### ${codes}${shared && says !== undefined ? `: ${markdownProse([says.split('. ')[0] ?? ''])}` : ''}`,
    ...(says === undefined ? [] : [`STS says: ${markdownProse([{ value: says }])}`]),
    `**Cause.** ${markdownProse([answer.cause])}`,
    answer.fix.length === 1
      ? `**Fix.** ${markdownProse(answer.fix)}`
      : `**Fix.**\n\n${answer.fix.map((sentence) => `- ${markdownProse([sentence])}`).join('\n')}`,
  ]
    .join('\n\n')
    .replace(
      PAGE_AND_SECTION,
      (_, page: string, title: string) => `[${title}](${page}#${title.toLowerCase()})`,
    )
}

if (process.argv[1] === import.meta.filename) writeFileSync(PAGE, withCodes(readFileSync(PAGE, 'utf8')))
