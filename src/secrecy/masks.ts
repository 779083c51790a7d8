/** What the runner is told to hide for a secret. */

/** A shorter mask would hide parts of ordinary words. */
const SHORTEST_MASK = 4

/** A line of JSON or YAML without a value of its own, such as `},` or `---`. */
const PUNCTUATION = /^[\s{}[\]()<>,:;"'`|=._-]*$/

/** In a document a number is an account's, or a time. */
const NUMBER = /^\d*$/

/**
 * The masks of a secret, each of one line and of four characters or more. A JSON document is masked
 * value by value: a mask of the whole does not match its indented form in a log, and the runner
 * would mask each of its lines, so that every brace of the log became ***. Any other text is masked
 * line by line.
 */
export function masksOf(secret: string): string[] {
  const pieces = valuesOfJson(secret)?.filter((value) => !NUMBER.test(value)) ?? [secret]
  const lines = pieces.flatMap((piece) => piece.split(/[\r\n]+/)).map((line) => line.trim())
  return [...new Set(lines)].filter((line) => line.length >= SHORTEST_MASK && !PUNCTUATION.test(line))
}

/** What a message must not show of a secret; nothing if it is too short to be one. */
export function hiddenTexts(secret: string): string[] {
  const masks = masksOf(secret)
  return masks.length === 0 ? [] : [...new Set([secret, ...masks])]
}

/**
 * Whether the text is a JSON document, as a key file or a service's answer is, and not a single
 * value.
 */
export function isJsonDocument(text: string): boolean {
  return valuesOfJson(text) !== undefined
}

/** The string values in a JSON document, in documents within them too; undefined if it is none. */
function valuesOfJson(text: string): string[] | undefined {
  if (!/^\s*[{[]/.test(text)) return undefined
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    return undefined
  }
  const values: string[] = []
  const open: unknown[] = [document]
  while (open.length > 0) {
    const value = open.pop()
    if (typeof value === 'string') values.push(...(valuesOfJson(value) ?? [value]))
    else if (typeof value === 'object' && value !== null)
      for (const each of Object.values(value)) open.push(each)
  }
  return values
}
