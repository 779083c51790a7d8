/**
 * Inputs that nearly have a name of this action's. GitHub passes them on with a warning that nobody
 * reads, and a misspelt `allowed-account-id` would let every account through.
 */
import type { InputFault } from './fault.js'

/** A longer name is not a misspelling of one of ours. */
const LONGEST_NAME = 64

/**
 * @param given the names of the inputs that the runner passes on, in lower case
 * @param known the names of this action's inputs
 */
export function nearMisses(given: readonly string[], known: readonly string[]): InputFault[] {
  return given.flatMap((name) => {
    if (known.includes(name) || name.length > LONGEST_NAME) return []
    const [closest] = known
      .filter((candidate) => isNear(name, candidate))
      .sort((a, b) => distance(name, a) - distance(name, b))
    return closest === undefined
      ? []
      : [{ input: name, because: ['this action has no such input'], accepted: [`the name ${closest}`] }]
  })
}

/**
 * The same letters without separators and plurals; a few other letters; one word more or less; or,
 * of three and more, another word.
 */
function isNear(name: string, known: string): boolean {
  const [words, knownWords] = [wordsOf(name), wordsOf(known)]
  const [letters, knownLetters] = [words.join(''), knownWords.join('')]
  const slips = knownLetters.length < 8 ? 1 : 2
  return distance(letters, knownLetters) <= slips || differInOneWord(words, knownWords)
}

function wordsOf(name: string): string[] {
  return name
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '')
    .map((word) => word.replace(/s$/, ''))
}

/**
 * `account-ids` for `allowed-account-ids`, `mask-aws-account-id` for `mask-account-id`,
 * `expected-account-ids` for `allowed-account-ids`.
 */
function differInOneWord(some: readonly string[], others: readonly string[]): boolean {
  if (some.length === others.length)
    return some.length >= 3 && some.filter((word, index) => word !== others[index]).length === 1
  const [longer, shorter] = some.length > others.length ? [some, others] : [others, some]
  return (
    shorter.length >= 2 &&
    longer.length === shorter.length + 1 &&
    longer.some((_, left) => longer.toSpliced(left, 1).join('-') === shorter.join('-'))
  )
}

/**
 * How many letters are missing, too many, wrong or exchanged with the next (optimal string
 * alignment).
 */
function distance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, column) => column)]
  for (let row = 1; row <= a.length; row++) {
    const [above = [], twoAbove = []] = [rows[row - 1], rows[row - 2]]
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      const exchanged = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      current[column] = Math.min(
        (above[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (above[column - 1] ?? 0) + (same ? 0 : 1),
        exchanged ? (twoAbove[column - 2] ?? 0) + 1 : Infinity,
      )
    }
    rows.push(current)
  }
  return rows[a.length]?.[b.length] ?? 0
}
