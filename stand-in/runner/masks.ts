/**
 * What GitHub's runner hides: SecretMasker.cs and ValueEncoders.cs of actions/runner. From each
 * value it derives the forms in which a program may print it. Hexadecimal, base64url,
 * percent-encoding in lower case and double encodings are not among them: they are printed.
 */

export interface Masks {
  /** Hides a value, and each of its lines, from now on. There is no minimum length. */
  readonly add: (value: string) => void
  /** The text as the log shows it. */
  readonly apply: (text: string) => string
  /** Whether this very value was added. */
  readonly has: (value: string) => boolean
  /** Everything that was added. */
  readonly values: () => readonly string[]
}

export function createMasks(values: Iterable<string> = []): Masks {
  const originals = new Set<string>()
  const forms = new Set<string>()
  const addOne = (value: string): void => {
    if (value === '' || originals.has(value)) return
    originals.add(value)
    for (const form of [value, ...derivedForms(value)]) if (form !== '') forms.add(form)
  }
  const add = (value: string): void => {
    addOne(value)
    for (const line of value.split(/[\r\n]/)) addOne(line.trim())
  }
  for (const value of values) add(value)
  return {
    add,
    apply: (text) => hidden(text, forms),
    has: (value) => originals.has(value),
    values: () => [...originals],
  }
}

/** In the order of HostContext.cs, which registers the encoders. */
function derivedForms(value: string): readonly string[] {
  const bytes = Buffer.from(value)
  return [
    ...[0, 1, 2].map((shift) => bytes.subarray(bytes.length > shift ? shift : 0).toString('base64')),
    value.replaceAll('"', '\\"'),
    value.replaceAll("'", "''"),
    JSON.stringify(value)
      .slice(1, -1)
      .replace(/[\u0085\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`),
    encodeURIComponent(value.toWellFormed()).replace(
      /[!'()*]/g,
      (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
    ),
    value.replace(/[<>"'&]/g, (char) => XML_ENTITIES[char] ?? char),
    value.length > 8 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : '',
    ...aroundAmpersand(value).filter((part) => part.length >= 6),
  ]
}

const XML_ENTITIES: Readonly<Record<string, string>> = {
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '&': '&amp;',
}

/**
 * PowerShell prints the parts of a value around its ampersand on their own, and may colour the
 * letter after "&+".
 */
function aroundAmpersand(value: string): readonly string[] {
  const plus = value.indexOf('&+')
  if (plus >= 0) return [value.slice(0, plus + 2), value.slice(plus + 3)]
  const last = value.lastIndexOf('&')
  return last < 0 ? [] : [value.slice(0, last + 1), value.slice(last + 1)]
}

/** Replaces every run of characters that forms cover; forms that overlap or touch make one run. */
function hidden(text: string, forms: Iterable<string>): string {
  const places: [start: number, end: number][] = []
  for (const form of forms) {
    for (let at = text.indexOf(form); at >= 0; at = text.indexOf(form, at + 1)) {
      places.push([at, at + form.length])
    }
  }
  let shown = ''
  let end = -1
  for (const [start, stop] of places.sort(([one], [other]) => one - other)) {
    if (start > end) shown += `${text.slice(Math.max(end, 0), start)}***`
    end = Math.max(end, stop)
  }
  return shown + text.slice(Math.max(end, 0))
}
