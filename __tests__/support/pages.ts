/** The pages of the project, and what stands in them. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix, resolve } from 'node:path'

export const ROOT = resolve(import.meta.dirname, '../..')

export const readPage = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

const markdown = (folder: string): string[] =>
  readdirSync(join(ROOT, folder)).filter((name) => name.endsWith('.md'))

/** The folders, from the root, that have Markdown pages. */
const FOLDERS = ['.', '__tests__', 'consumers', 'docs', 'examples', 'wine']

/** Every Markdown page, by its path from the root. */
export const PAGES: readonly string[] = FOLDERS.flatMap((folder) =>
  markdown(folder).map((name) => posix.join(folder, name)),
)

export interface Block {
  readonly language: string
  readonly text: string
}

const FENCE = /^(```+)(\w*)\n([^]*?)^\1$/gm

/** The fenced blocks of a page, in order. */
export function blocksOf(page: string): Block[] {
  return [...page.matchAll(FENCE)].map(([, , language = '', text = '']) => ({ language, text }))
}

/** Those of one language. */
export function blocksIn(page: string, language: string): string[] {
  return blocksOf(page).flatMap((block) => (block.language === language ? [block.text] : []))
}

/** A page without its fenced blocks: its prose, headings, tables and links. */
export function withoutBlocks(page: string): string {
  return page.replace(FENCE, '')
}

/** What stands under a heading of the second level. */
export function sectionOf(page: string, heading: string): string {
  const begin = page.indexOf(`\n## ${heading}\n`)
  if (begin < 0) throw new Error(`There is no heading "${heading}"`)
  const rest = page.slice(begin + 4)
  const end = rest.search(/^## /m)
  return end < 0 ? rest : rest.slice(0, end)
}

/** A page's anchors: GitHub's for its headings, counted if they repeat, and those that it sets. */
export function anchorsOfPage(page: string): string[] {
  const seen = new Map<string, number>()
  const headings = [...withoutBlocks(page).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) => {
    const anchor = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-')
    const count = seen.get(anchor) ?? 0
    seen.set(anchor, count + 1)
    return count === 0 ? anchor : `${anchor}-${count}`
  })
  return [...headings, ...[...page.matchAll(/<a id="([^"]+)">/g)].map(([, id = '']) => id)]
}

/** The cells of the rows of the first table after a line that begins with `heading`. */
export function tableAfter(page: string, heading: string): string[][] {
  const lines = page.split('\n')
  const title = lines.findIndex((line) => line.startsWith(heading))
  const start = lines.findIndex((line, index) => index > title && line.startsWith('|'))
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('|'))
  return lines.slice(start + 2, end).map(cellsOf)
}

/** The cells of a table's row. */
export function cellsOf(row: string): string[] {
  return row
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim())
}

/** What stands in backticks. */
export function codeIn(text: string | undefined): string[] {
  return [...(text ?? '').matchAll(/`([^`]+)`/g)].map(([, code]) => code ?? '')
}
