/**
 * Text for people, in which our own words and other people's values are kept apart by type: STS's
 * messages, claims, branch names, variables and paths are written by someone else, and must reach
 * the log neither as a workflow command nor as markup. Everything that the step prints is `Prose`;
 * only the runner's room and the renderers (here for the log, document.ts for Markdown) turn it
 * into a string.
 */

/**
 * A string is our own words and is printed as it stands; a `value` is somebody else's. Our words
 * may hold `code` between backticks, with no value in it, and no other Markdown.
 */
export type Prose = readonly (string | { readonly value: string })[]

/**
 * Our words as they stand, with values in them: say`The region is ${region}.` A value that is prose
 * itself is joined in, and a number is as good as our own word.
 */
export function say(words: TemplateStringsArray, ...values: readonly (string | number | Prose)[]): Prose {
  return words.flatMap((word, index) => {
    const value = values[index]
    if (value === undefined) return [word]
    if (typeof value === 'object') return [word, ...value]
    return [word, typeof value === 'number' ? String(value) : { value }]
  })
}

/** Several texts as one, with our own words between them. */
export function joined(texts: readonly Prose[], between: string): Prose {
  return texts.flatMap((text, index) => (index === 0 ? text : [between, ...text]))
}

/** The prose with every string in it changed, our own words and others' values alike. */
export function mapText(prose: Prose, change: (text: string) => string): Prose {
  return prose.map((part) => (typeof part === 'string' ? change(part) : { value: change(part.value) }))
}

/**
 * UTF-16 units of a value that are shown; enough for every name, ARN and message that is meant to
 * be read.
 */
export const MAX_VALUE_LENGTH = 2048

/**
 * Characters that a reader cannot see or cannot tell from a space, or that reorder what he sees:
 * controls, bidirectional and other format characters, fillers, line separators, halves of
 * surrogate pairs, spaces other than the ordinary one, Braille's blank.
 */
export const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{DI}\p{NChar}\u2800]|(?! )\p{Zs}/gu

/**
 * The value on one line of at most `longest` UTF-16 units, with what cannot be seen spelled out as
 * `\u{...}`. Time and memory do not depend on what is cut off.
 */
export function visible(value: string, longest = MAX_VALUE_LENGTH): string {
  // One unit more than can be shown, so that a pair is not cut in two unless it is cut off anyway.
  const shown = withoutOldCommands(value.slice(0, longest + 1).replace(UNSEEN, spelledOut))
  if (value.length <= longest && shown.length <= longest) return shown
  const mark = `... (cut; ${value.length} characters)`
  return shown.slice(0, Math.max(0, longest - mark.length)).replace(HALF_AT_END, '') + mark
}

const spelledOut = (char: string): string => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`

/** Half of a surrogate pair, or of a character that is spelled out. */
const HALF_AT_END = /[\ud800-\udbff]$|\\(u(\{[0-9a-f]{0,6}|[0-9a-f]{1,3})?)?$/

/**
 * The prose as one text for a log or an error's message. Line breaks are our own: values have none.
 */
export function plain(prose: Prose): string {
  return rendered(prose, MAX_VALUE_LENGTH)
}

/** @param longest UTF-16 units of each value that are shown */
function rendered(prose: Prose, longest: number): string {
  return withoutCommands(
    prose.map((part) => (typeof part === 'string' ? ownWords(part) : visible(part.value, longest))).join(''),
  )
}

/**
 * Our own words hold nothing unseen but line breaks. The gate makes sure of it.
 */
export function ownWords(text: string): string {
  return text.replace(UNSEEN, (char) => (char === '\n' ? char : spelledOut(char)))
}

/** Values shorter than this are never cut to make a text fit. */
const LEAST_VALUE_LENGTH = 64
const CUT = '\n... (cut; the whole text is printed above)'

/**
 * The same, in at most `longest` UTF-16 units: the longest values give way first, so that short
 * ones such as a RequestId stay whole. Only our own words, if there are too many of them, are cut
 * at the end.
 */
export function fitted(prose: Prose, longest: number): string {
  for (let each = MAX_VALUE_LENGTH; each >= LEAST_VALUE_LENGTH; each /= 2) {
    const text = rendered(prose, each)
    if (text.length <= longest) return text
  }
  const text = rendered(prose, LEAST_VALUE_LENGTH)
  return text.slice(0, Math.max(0, longest - CUT.length)).replace(HALF_AT_END, '') + CUT
}

/**
 * The runner takes a line that begins with "::", apart from white space, and a line that holds
 * "##[" for a command. In JSON the second form still means the same.
 *
 * @param text without characters that cannot be seen, but for line breaks
 */
export function withoutCommands(text: string): string {
  return withoutOldCommands(text.replace(/^( *):(?=:)/gm, '$1\\u{3a}'))
}

function withoutOldCommands(text: string): string {
  return text.replaceAll('##[', '##\\u005b')
}
