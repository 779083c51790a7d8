/**
 * Text for people, in which our own words and other people's values are kept apart by type: STS's
 * messages, claims, branch names, variables and paths are written by someone else, and must reach the
 * log neither as a workflow command nor as markup. Everything that the step prints is `Prose`; only
 * the runner's room and the two renderers (here for the log, diagnosis/document.ts for Markdown) turn
 * it into a string.
 */

/**
 * A string is our own words and is printed as it stands; a `value` is somebody else's. Our words may
 * hold `code` between backticks, with no value in it, and no other Markdown.
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

/** UTF-16 units of a value that are shown; enough for every name, ARN and message that is meant to be read. */
export const MAX_VALUE_LENGTH = 2048

/**
 * Characters that a reader cannot see, or that reorder what he sees: controls, format characters such
 * as the bidirectional ones, line separators, halves of surrogate pairs.
 */
export const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/**
 * The value on one line of at most MAX_VALUE_LENGTH characters, with what cannot be seen spelled out
 * as `\u{...}`. Time and memory do not depend on what is cut off.
 */
export function visible(value: string, longest = MAX_VALUE_LENGTH): string {
  const shown = value
    .slice(0, longest)
    .replace(UNSEEN, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)
  if (value.length <= longest && shown.length <= longest) return shown
  return `${shown.slice(0, longest)}... (cut; ${value.length} characters in all)`
}

/** The prose as one text for a log or an error's message. Line breaks are our own: values have none. */
export function plain(prose: Prose): string {
  return withoutCommands(
    prose.map((part) => (typeof part === 'string' ? part : visible(part.value))).join(''),
  )
}

/**
 * The runner takes "::" at a line's start, and "##[" anywhere in a line, for a command. In JSON the
 * second form still means the same.
 */
export function withoutCommands(text: string): string {
  return text.replace(/^([^\S\n]*):(?=:)/gm, '$1\\u{3a}').replaceAll('##[', '##\\u005b')
}
