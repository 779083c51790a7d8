/** A text of several blocks, and its two renderings: plain lines for the log, Markdown for the job summary. */
import { plain, UNSEEN, visible, withoutCommands, type Prose } from './prose.js'

/** Markdown in which every value is escaped. Only this file makes it. */
export type Markdown = string & { readonly isMarkdown: unique symbol }

export type Block =
  | { readonly kind: 'heading'; readonly text: string }
  | { readonly kind: 'paragraph'; readonly prose: Prose }
  | { readonly kind: 'list'; readonly items: readonly Prose[] }
  | { readonly kind: 'fields'; readonly fields: readonly (readonly [name: string, value: string])[] }
  | { readonly kind: 'code'; readonly language: 'json' | 'yaml' | 'text'; readonly text: string }

export const heading = (text: string): Block => ({ kind: 'heading', text })
export const paragraph = (prose: Prose): Block => ({ kind: 'paragraph', prose })
export const list = (items: readonly Prose[]): Block[] =>
  items.length === 0 ? [] : [{ kind: 'list', items }]
/** A document that RAM takes, as indented JSON. */
export const json = (document: object): Block => ({
  kind: 'code',
  language: 'json',
  text: visibleJson(JSON.stringify(document, null, 2)),
})
/** Something to be copied as it stands. */
export const text = (content: string): Block => ({ kind: 'code', language: 'text', text: visible(content) })
export const yaml = (text: string): Block => ({ kind: 'code', language: 'yaml', text })

/** The same for JSON, in JSON's own escapes, so that it still means the same. Line breaks are the indentation's: those of values are escaped already. */
function visibleJson(text: string): string {
  return text.replace(UNSEEN, (char) => (char === '\n' ? char : unicodeEscapes(char)))
}

function unicodeEscapes(char: string): string {
  return Array.from(
    { length: char.length },
    (_, index) => `\\u${char.charCodeAt(index).toString(16).padStart(4, '0')}`,
  ).join('')
}

/** A message that someone else has written, for the log. */
export function plainLines(message: string): string {
  return withoutCommands(
    message
      .split(/\r?\n/)
      .map((line) => visible(line))
      .join('\n'),
  )
}

/** The same for the job summary. */
export function fencedText(message: string): Markdown {
  return `${fenced('text', plainLines(message))}\n` as Markdown
}

/** For the log. Code is indented by two spaces. */
export function plainText(title: Prose, blocks: readonly Block[]): string {
  const indented = (text: string): string => text.replace(/^(?=.)/gm, '  ')
  const rendered = (block: Block): string => {
    switch (block.kind) {
      case 'heading':
        return `${block.text}:`
      case 'paragraph':
        return plain(block.prose)
      case 'list':
        return block.items.map((item) => `- ${plain(item)}`).join('\n')
      case 'fields': {
        const width = Math.max(...block.fields.map(([name]) => name.length))
        return block.fields.map(([name, value]) => `  ${name.padEnd(width)}  ${visible(value)}`).join('\n')
      }
      case 'code':
        return indented(block.text)
    }
  }
  const lines = blocks.map((block, index) => {
    // A heading stands on its text; everything else has air above it.
    const air = blocks[index - 1]?.kind === 'heading' ? '\n' : '\n\n'
    return `${air}${rendered(block)}`
  })
  return withoutCommands(`${plain(title)}${lines.join('')}`)
}

/** For the job summary. */
export function markdown(title: Prose, blocks: readonly Block[]): Markdown {
  const rendered = (block: Block): string => {
    switch (block.kind) {
      case 'heading':
        return `**${block.text}**`
      case 'paragraph':
        return markdownProse(block.prose)
      case 'list':
        return block.items.map((item) => `- ${markdownProse(item)}`).join('\n')
      case 'fields':
        return block.fields.map(([name, value]) => `- ${escaped(name)}: ${codeSpan(value)}`).join('\n')
      case 'code':
        return fenced(block.language, block.text)
    }
  }
  return ([`### ${markdownProse(title)}`, ...blocks.map(rendered)].join('\n\n') + '\n') as Markdown
}

export function markdownProse(prose: Prose): string {
  return prose
    .map((part) =>
      typeof part === 'string'
        ? part
            .split('`')
            .map((words, index) => (index % 2 === 0 ? escaped(words) : `\`${words}\``))
            .join('')
        : codeSpan(part.value),
    )
    .join('')
}

function escaped(words: string): string {
  return words.replace(/[\\`*_[\]<>#|~$&]/g, '\\$&')
}

/** Within a code span nothing is markup, as long as its fence is longer than any run of backticks inside (CommonMark 6.1). */
function codeSpan(value: string): string {
  const shown = visible(value)
  if (shown.trim() === '') return `\`${JSON.stringify(shown)}\``
  const fence = '`'.repeat(longestRun(shown) + 1)
  const pad = /^[ `]|[ `]$/.test(shown) ? ' ' : ''
  return `${fence}${pad}${shown}${pad}${fence}`
}

function fenced(language: string, text: string): string {
  const fence = '`'.repeat(Math.max(3, longestRun(text) + 1))
  return `${fence}${language}\n${text}\n${fence}`
}

function longestRun(text: string): number {
  let longest = 0
  for (const [run] of text.matchAll(/`+/g)) longest = Math.max(longest, run.length)
  return longest
}
