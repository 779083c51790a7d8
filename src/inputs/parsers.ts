/** The shapes that inputs share. A parser gets a text that is trimmed and not empty. */
import type { Prose } from '../text/prose.js'
import type { Problem } from './fault.js'

/** A value, or all that is wrong with its text. */
export type Parsed<T> = { readonly value: T } | { readonly problems: readonly Problem[] }
export type Parser<T> = (text: string) => Parsed<T>

export function accepted<T>(value: T): Parsed<T> {
  return { value }
}

export function refused(problem: Problem): Parsed<never> {
  return { problems: [problem] }
}

export const anyText: Parser<string> = accepted

/** A boolean of YAML 1.2's core schema. */
export const yamlBoolean: Parser<boolean> = (text) => {
  if (/^(true|True|TRUE)$/.test(text)) return accepted(true)
  if (/^(false|False|FALSE)$/.test(text)) return accepted(false)
  return refused({ got: text, accepted: ['true or false'] })
}

/** @param unit for the message, such as `seconds`; both bounds are accepted */
export function wholeNumber(least: number, most: number, unit: string): Parser<number> {
  return (text) => {
    const number = /^\d{1,9}$/.test(text) ? Number(text) : NaN
    return number >= least && number <= most
      ? accepted(number)
      : refused({ got: text, accepted: [`a whole number of ${unit} from ${least} to ${most}`] })
  }
}

/** @param acceptable the rule in words, for the message */
export function matching(rule: RegExp, acceptable: string): Parser<string> {
  return (text) => (rule.test(text) ? accepted(text) : refused({ got: text, accepted: [acceptable] }))
}

/**
 * A list of one of these words or several. The result has them in the order in which they are named
 * here.
 */
export function oneOrSeveral<T extends string>(words: readonly T[]): Parser<readonly T[]> {
  const items = listOf(matching(new RegExp(`^(${words.join('|')})$`), `${words.join(', ')}, one or more`))
  return (text) => {
    const parsed = items(text)
    return 'value' in parsed ? accepted(words.filter((word) => parsed.value.includes(word))) : parsed
  }
}

export function oneOf<T extends string>(words: readonly T[]): Parser<T> {
  return (text) => {
    const found = words.find((word) => word === text)
    return found === undefined ? refused({ got: text, accepted: [words.join(', ')] }) : accepted(found)
  }
}

/** Wrong items of one list that are shown: more of them are one mistake made many times. */
const MOST_PROBLEMS = 5

/**
 * Items between white space and commas. A text that holds none, such as two empty variables joined
 * by a comma, is not an omitted input and is refused.
 */
export function listOf<T>(item: Parser<T>): Parser<readonly T[]> {
  return (text) => {
    const parts = text.split(/[\s,]+/).filter((part) => part !== '')
    const parsed = (parts.length === 0 ? [text] : parts).map((part) => item(part))
    const problems = parsed.flatMap((each) => ('problems' in each ? each.problems : []))
    return problems.length > 0
      ? { problems: problems.slice(0, MOST_PROBLEMS) }
      : accepted(parsed.flatMap((each) => ('value' in each ? [each.value] : [])))
  }
}

/**
 * GitHub's runner makes a double of an unquoted whole number and writes it with 15 digits: a
 * 16-digit account ID arrives as 1.23456789012346E+15.
 */
const ROUNDED = /\dE\+\d{2}(?!\d)/

/** The parser of a text with an account ID in it, which tells a rounded one from other mistakes. */
export function withAccountId<T>(parser: Parser<T>): Parser<T> {
  const accountId: Prose = ['the account ID as text, such as "1234567890123456"']
  const because: Prose = ['with an account ID that GitHub has rounded as a number: put it in quotes']
  return (text) => (ROUNDED.test(text) ? refused({ got: text, because, accepted: accountId }) : parser(text))
}

/** The same of a text that is a name, and nothing but a rounded number as it arrives. */
export function withUnroundedName(parser: Parser<string>): Parser<string> {
  const because: Prose = ['a number that GitHub has rounded: put it in quotes']
  return (text) =>
    /^\d(\.\d+)?E\+\d{2,}$/.test(text)
      ? refused({ got: text, because, accepted: ['the number as text, such as "1234567890123456"'] })
      : parser(text)
}
