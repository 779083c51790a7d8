/** Secrets in text that this step prints, whether or not the runner masks them too. */
import { UNSEEN } from '../text/prose.js'

const REDACTED = '***'

/** Knows secrets, and removes them from texts. */
export interface Redactor {
  /**
   * Hides this secret from now on, in every form in which a server or a library may quote it back.
   */
  readonly add: (secret: string) => void
  /** The text without the secrets. */
  readonly redact: (text: string) => string
}

/** Only forms whose first characters are somewhere in a text are looked for in it. */
const START_LENGTH = 4
/** Up to this many are looked for one by one: faster than collecting all starts of a text. */
const FEW_STARTS = 256

/** @param secrets known from the start; undefined and empty ones are skipped */
export function createRedactor(secrets: Iterable<string | undefined> = []): Redactor {
  const known = new Set<string>()
  const formsByStart = new Map<string, string[]>()
  const add = (secret: string): void => {
    for (const form of formsOf(secret)) {
      if (form === '' || known.has(form)) continue
      known.add(form)
      const start = form.slice(0, START_LENGTH)
      const forms = formsByStart.get(start)
      if (forms === undefined) formsByStart.set(start, [form])
      else forms.push(form)
    }
  }
  for (const secret of secrets) add(secret ?? '')
  return {
    add,
    redact: (text) => {
      const starts =
        formsByStart.size <= FEW_STARTS
          ? [...formsByStart.keys()].filter((start) => text.includes(start))
          : [...startsIn(text)]
      const forms = starts.flatMap((start) => formsByStart.get(start) ?? [])
      return forms.length === 0 ? text : without(text, forms)
    },
  }
}

/** Every run of START_LENGTH characters, and shorter ones for forms that are shorter. */
function startsIn(text: string): ReadonlySet<string> {
  const starts = new Set<string>()
  for (let length = 1; length <= START_LENGTH; length++)
    for (let at = 0; at + length <= text.length; at++) starts.add(text.slice(at, at + length))
  return starts
}

function without(text: string, forms: readonly string[]): string {
  /** For each position the end of the longest form that is there. */
  const endOf = new Int32Array(text.length)
  for (const form of forms)
    for (const at of placesOf(form, text)) endOf[at] = Math.max(endOf[at] ?? 0, at + form.length)
  const parts: string[] = []
  let kept = 0
  for (let at = 0; at < text.length; at++) {
    let end = endOf[at] ?? 0
    if (end === 0) continue
    parts.push(text.slice(kept, at), REDACTED)
    // Secrets that overlap are hidden together.
    for (let inside = at + 1; inside < end; inside++) end = Math.max(end, endOf[inside] ?? 0)
    kept = end
    at = end - 1
  }
  return [...parts, text.slice(kept)].join('')
}

/**
 * indexOf compares up to so many characters at each place; longer forms are searched without
 * starting over.
 */
const LONG = 256

/**
 * All places of the form in the text, those that overlap too. Time is linear in the text and the
 * form.
 */
function* placesOf(form: string, text: string): Iterable<number> {
  if (form.length <= LONG) {
    for (let at = text.indexOf(form); at !== -1; at = text.indexOf(form, at + 1)) yield at
    return
  }
  if (form.length > text.length) return
  // Knuth, Morris and Pratt: for each part of the form the longest end of it that the form begins
  // with.
  const borders = new Int32Array(form.length)
  let matched = 0
  for (let at = 1; at < form.length; at++) {
    while (matched > 0 && form[at] !== form[matched]) matched = borders[matched - 1] ?? 0
    if (form[at] === form[matched]) matched++
    borders[at] = matched
  }
  matched = 0
  for (let at = 0; at < text.length; at++) {
    while (matched > 0 && text[at] !== form[matched]) matched = borders[matched - 1] ?? 0
    if (text[at] === form[matched]) matched++
    if (matched < form.length) continue
    yield at + 1 - form.length
    matched = borders[matched - 1] ?? 0
  }
}

/** The text without these secrets. */
export function withoutSecrets(text: string, secrets: Iterable<string | undefined>): string {
  return createRedactor(secrets).redact(text)
}

/**
 * As it is, percent-encoded once or twice (STS quotes the string that it signed), in base64, as a
 * JSON string, and as a log spells out what cannot be seen.
 */
function formsOf(secret: string): string[] {
  const encoded = strictlyEncoded(secret)
  return [
    secret,
    encoded,
    strictlyEncoded(encoded),
    encodeURIComponent(secret.toWellFormed()),
    Buffer.from(secret).toString('base64'),
    JSON.stringify(secret).slice(1, -1),
    secret.replace(UNSEEN, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`),
  ]
}

/** RFC 3986, as Alibaba Cloud's signatures encode. */
function strictlyEncoded(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}
