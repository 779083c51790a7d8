/**
 * A text of several blocks, and its two renderings: lines for the log, Markdown for the job
 * summary.
 */
import { joined, mapText, ownWords, UNSEEN, visible, withoutCommands, type Prose } from './prose.js'

/** Markdown in which every value is escaped. Only this file makes it. */
export type Markdown = string & { readonly isMarkdown: unique symbol }

/** A name, which is our own word, and what there is to say about it. */
export type Field = readonly [name: string, content: Prose]

export type Block =
  /** Our own words. */
  | { readonly kind: 'heading'; readonly text: string }
  | { readonly kind: 'paragraph'; readonly prose: Prose }
  | { readonly kind: 'list'; readonly items: readonly Prose[] }
  | { readonly kind: 'fields'; readonly fields: readonly Field[] }
  /** To a page of ours: `url` is our own word and needs no escaping. */
  | { readonly kind: 'link'; readonly text: string; readonly url: string }
  /** Something to be copied as it stands; whatever cannot be seen is escaped already. */
  | { readonly kind: 'code'; readonly language: 'json' | 'sh' | 'yaml'; readonly text: string }

export const heading = (text: string): Block => ({ kind: 'heading', text })
export const paragraph = (prose: Prose): Block => ({ kind: 'paragraph', prose })
export const list = (items: readonly Prose[]): Block[] =>
  items.length === 0 ? [] : [{ kind: 'list', items }]
export const fields = (all: readonly Field[]): Block[] =>
  all.length === 0 ? [] : [{ kind: 'fields', fields: all }]
/** A document that RAM takes, as indented JSON. */
export const json = (document: object): Block => ({
  kind: 'code',
  language: 'json',
  text: visibleJson(JSON.stringify(document, null, 2)),
})
export const yaml = (text: string): Block => ({ kind: 'code', language: 'yaml', text: ownWords(text) })
/** Commands. What stands in them must have been checked: a shell reads more than a person sees. */
export const commands = (...lines: readonly string[]): Block => ({
  kind: 'code',
  language: 'sh',
  text: ownWords(lines.join('\n')),
})

/**
 * What cannot be seen, in JSON's own escapes, so that it still means the same. Line breaks are the
 * indentation's: those of values are escaped already.
 */
function visibleJson(text: string): string {
  return text.replace(UNSEEN, (char) => (char === '\n' ? char : unicodeEscapes(char)))
}

function unicodeEscapes(char: string): string {
  return Array.from(
    { length: char.length },
    (_, index) => `\\u${char.charCodeAt(index).toString(16).padStart(4, '0')}`,
  ).join('')
}

/** The blocks with every string in them changed. */
export function mapBlocks(blocks: readonly Block[], change: (text: string) => string): Block[] {
  return blocks.map((block) => {
    switch (block.kind) {
      case 'heading':
      case 'code':
        return { ...block, text: change(block.text) }
      case 'link':
        return block
      case 'paragraph':
        return { ...block, prose: mapText(block.prose, change) }
      case 'list':
        return { ...block, items: block.items.map((item) => mapText(item, change)) }
      case 'fields':
        return {
          ...block,
          fields: block.fields.map(([name, text]) => [name, mapText(text, change)] as const),
        }
    }
  })
}

/**
 * For the log: each block's lines, an empty line before each block but what stands under a heading.
 * Code is indented by two spaces.
 */
export function logLines(blocks: readonly Block[]): Prose[] {
  return blocks.flatMap((block, index) =>
    index === 0 || blocks[index - 1]?.kind === 'heading' ? linesOf(block) : [[''], ...linesOf(block)],
  )
}

function linesOf(block: Block): Prose[] {
  switch (block.kind) {
    case 'heading':
      return [[`${block.text}:`]]
    case 'link':
      return [[`${block.text}: ${block.url}`]]
    case 'paragraph':
      return [block.prose]
    case 'list':
      return block.items.map((item) => ['- ', ...item])
    case 'fields': {
      const width = Math.max(...block.fields.map(([name]) => name.length))
      return block.fields.map(([name, content]) => [`  ${name.padEnd(width)}  `, ...content])
    }
    case 'code':
      return block.text.split('\n').map((line) => [line === '' ? '' : `  ${line}`])
  }
}

/** The blocks for the log, as one text. */
export function logText(blocks: readonly Block[]): Prose {
  return joined(logLines(blocks), '\n')
}

/** For the job summary. */
export function markdown(title: Prose, blocks: readonly Block[]): Markdown {
  return ([`### ${markdownProse(title)}`, ...blocks.map(markdownBlock)].join('\n\n') + '\n') as Markdown
}

function markdownBlock(block: Block): string {
  switch (block.kind) {
    case 'heading':
      return `**${escaped(block.text)}**`
    case 'link':
      return `${escaped(block.text)}: <${block.url}>`
    case 'paragraph':
      return markdownProse(block.prose)
    case 'list':
      return block.items.map((item) => `- ${markdownProse(item)}`).join('\n')
    case 'fields':
      return block.fields.map(([name, content]) => `- ${escaped(name)}: ${markdownProse(content)}`).join('\n')
    case 'code':
      return fenced(block.language, block.text)
  }
}

export function markdownProse(prose: Prose): string {
  return prose
    .map((part) => (typeof part === 'string' ? markdownWords(ownWords(part)) : codeSpan(part.value)))
    .reduce((all, part) => (all.endsWith('`') && part.startsWith('`') ? `${all} ${part}` : all + part), '')
}

/**
 * Our own words: `code` stays code, as long as each backtick has its partner and is not next to
 * another.
 */
function markdownWords(words: string): string {
  const pieces = words.split('`')
  if (pieces.length % 2 === 0 || words.includes('``')) return escaped(words)
  return pieces.map((piece, index) => (index % 2 === 0 ? escaped(piece) : `\`${piece}\``)).join('')
}

function escaped(words: string): string {
  return words.replace(/[\\`*_[\]<>#|~$&]/g, '\\$&')
}

/**
 * Within a code span nothing is markup, as long as its fence is longer than any run of backticks
 * inside (CommonMark 6.1).
 */
function codeSpan(value: string): string {
  const shown = visible(value)
  if (shown.trim() === '') return `\`${JSON.stringify(shown)}\``
  const fence = '`'.repeat(longestRun(shown) + 1)
  const pad = /^[ `]|[ `]$/.test(shown) ? ' ' : ''
  return `${fence}${pad}${shown}${pad}${fence}`
}

function fenced(language: string, text: string): string {
  const fence = '`'.repeat(Math.max(3, longestRun(text) + 1))
  return `${fence}${language}\n${withoutCommands(text)}\n${fence}`
}

function longestRun(text: string): number {
  let longest = 0
  for (const [run] of text.matchAll(/`+/g)) longest = Math.max(longest, run.length)
  return longest
}
