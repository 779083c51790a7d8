import { visit } from 'jsonc-parser'
import { say } from '../text/prose.js'
import { ProfileError } from './profile-error.js'

/**
 * The text of the aliyun CLI's config.json, read as Go's encoding/json reads it into the CLI's
 * structures and edited by splices, so that whatever an edit does not intend to change keeps its
 * bytes. Texts are the file's bytes, one character each ("latin1"): JSON's structure is ASCII, so
 * offsets are byte offsets and even invalid UTF-8 survives.
 */
export interface ConfigText {
  readonly text: string
  /** Members of the top-level object in the order of the file; none if the file is `null`. */
  readonly members: readonly Member[]
  /**
   * The list that counts; undefined if the file has none: the CLI then uses an empty profile named
   * "default".
   */
  readonly profiles: Span | undefined
  readonly entries: readonly Entry[]
  /** What Go takes for the names of entries, by position, that give themselves none. */
  readonly inheritedNames: readonly string[]
  /** The value token of `current`; undefined if the file has no such member. */
  readonly current: Span | undefined
  /** The profile that the CLI uses unless told otherwise. */
  readonly currentName: string
  /**
   * Why the CLI would refuse this file although it can be edited; undefined if it would not. An
   * empty list of profiles is no refusal here: it can be repaired.
   */
  readonly refusal: Refusal | undefined
}

/** Why the CLI would not accept a file. */
export interface Refusal {
  readonly offset: number | undefined
  readonly reason: string
}

/** A part of the text. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** One profile: an object, or a `null`, which Go reads as an entry without fields. */
export interface Entry extends Span {
  readonly name: string
  /** The name that the entry gives itself; undefined if it takes what Go leaves in its place. */
  readonly ownName: string | undefined
}

/** A name and a value of a JSON object. */
export interface Member extends Span {
  readonly key: string
  readonly keyEnd: number
  readonly value: Span
}

/** The name that the CLI assumes if the file gives none (`NewConfiguration` in its source). */
export const DEFAULT_NAME = 'default'

/** So many arrays and objects in each other Go's encoding/json reads. */
const MAX_DEPTH = 10_000

/** The members of the top-level object that this action reads. */
const TOP_LEVEL_FIELDS = new Set(['current', 'profiles', 'meta_path'])

/**
 * The fields of a profile that this action reads. Types of all others are the CLI's business: each
 * version of it has more of them.
 */
const PROFILE_FIELDS = new Set([
  'name',
  'mode',
  'access_key_id',
  'access_key_secret',
  'sts_token',
  'region_id',
  'credentials_uri',
])

/**
 * Reads a file's text.
 *
 * @throws ProfileError, which names `path`, the line and the cure, if the text is not JSON or has
 *   no place for profiles; for what else the CLI refuses see `refusal`
 */
export function parseConfig(text: string, path: string): ConfigText {
  // The same file is checked before the credentials are asked for and edited after that.
  if (lastParsed?.text !== text) lastParsed = parse(text, path)
  return lastParsed
}

let lastParsed: ConfigText | undefined

function parse(text: string, path: string): ConfigText {
  requireJson(text, path)
  const start = skipSpace(text, 0)
  const refusals = new Refusals()
  if (text.charAt(start) === 'n') return summary(text, [], undefined, [], [DEFAULT_NAME], refusals)
  if (text.charAt(start) !== '{')
    throw refusalError(text, path, { offset: start, reason: 'it should hold a JSON object' })

  const members = readMembers(text, start, refusals)
  // The CLI decodes over a list that holds an empty "default", and Go a second list over the first:
  // profiles without a name keep those names.
  let inherited = [DEFAULT_NAME]
  let names = inherited
  let profiles: Span | undefined
  let entries: Entry[] = []
  for (const { key, value } of members) {
    if (fieldNamed(key, TOP_LEVEL_FIELDS) !== 'profiles') continue
    const first = text.charAt(value.start)
    if (first !== '[' && first !== 'n')
      throw refusalError(text, path, { offset: value.start, reason: '"profiles" should be a list' })
    inherited = names
    profiles = value
    entries = first === 'n' ? [] : readEntries(text, value, inherited, path, refusals)
    names = entries.length === 0 ? [] : [...entries.map(({ name }) => name), ...names.slice(entries.length)]
  }
  return summary(text, members, profiles, entries, inherited, refusals)
}

/** What follows from the members: which profile is current, and whether it exists. */
function summary(
  text: string,
  members: readonly Member[],
  profiles: Span | undefined,
  entries: readonly Entry[],
  inheritedNames: readonly string[],
  refusals: Refusals,
): ConfigText {
  const { current, currentName, faulty } = currentOf(text, members)
  if (faulty !== undefined) refusals.add({ offset: faulty.start, reason: '"current" should be a string' })
  const served = profiles === undefined ? [DEFAULT_NAME] : entries.map(({ name }) => name)
  if (served.length > 0 && !served.includes(currentName)) {
    refusals.add({
      offset: current?.start ?? 0,
      reason: '"current" should name a profile of this file, and no profile has the name it gives',
    })
  }
  const refusal = refusals.first
  return { text, members, profiles, entries, inheritedNames, current, currentName, refusal }
}

/** The member that counts, the name it gives, and the first such member that is no string. */
export function currentOf(
  text: string,
  members: readonly Member[],
): Pick<ConfigText, 'current' | 'currentName'> & { readonly faulty: Span | undefined } {
  let current: Span | undefined
  let faulty: Span | undefined
  let currentName = DEFAULT_NAME
  for (const { key, value } of members) {
    if (fieldNamed(key, TOP_LEVEL_FIELDS) !== 'current') continue
    const first = text.charAt(value.start)
    if (first !== '"' && first !== 'n') {
      faulty ??= value
      continue
    }
    // Go takes the last of several, and a null for no value at all.
    if (first === '"') currentName = decodeString(text.slice(value.start, value.end))
    if (first === '"' || current === undefined || text.charAt(current.start) === 'n') current = value
  }
  return { current, currentName, faulty }
}

/** Why the CLI would not work with this file; undefined if it would. */
export function refusalOf({ profiles, entries, refusal }: ConfigText): Refusal | undefined {
  return refusal !== undefined || profiles === undefined || entries.length > 0
    ? refusal
    : { offset: profiles.start, reason: '"profiles" should hold at least one profile' }
}

/** The error for a file that the CLI would refuse, with the line and the cure. */
export function refusalError(text: string, path: string, { offset, reason }: Refusal): ProfileError {
  const line = offset === undefined ? '' : `, line ${text.slice(0, offset).split('\n').length}`
  return new ProfileError(
    'profile-invalid-file',
    say`${path}${[line]}: the aliyun CLI would not accept this file: ${[reason]}. Fix the file, or remove it; it was left as it is`,
  )
}

/** The members of an entry in the order of the file; none if it is `null`. */
export function membersOf(text: string, { start }: Span): readonly Member[] {
  return text.charAt(start) === '{' ? readMembers(text, start, new Refusals()) : []
}

/**
 * The string fields of an entry by the names that the CLI gives them; the last of several counts.
 */
export function fieldsOf(text: string, entry: Span): ReadonlyMap<string, string> {
  const fields = new Map<string, string>()
  for (const { key, value } of membersOf(text, entry)) {
    const field = fieldNamed(key, PROFILE_FIELDS)
    if (field !== undefined && text.charAt(value.start) === '"')
      fields.set(field, decodeString(text.slice(value.start, value.end)))
  }
  return fields
}

/**
 * The members that say something besides `current`, the profiles, and the empty `meta_path` that
 * the CLI always writes.
 */
export function otherMembers({ text, members }: ConfigText): readonly Member[] {
  return members.filter(({ key, value }) => {
    const field = fieldNamed(key, TOP_LEVEL_FIELDS)
    return field === undefined || (field === 'meta_path' && text.slice(value.start, value.end) !== '""')
  })
}

/** The token of a JSON string as Go writes it, in the bytes of its UTF-8. */
export function encodeString(value: string): string {
  const token = JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return Buffer.from(token).toString('latin1')
}

/** The value of a string token as Go reads it: what is no Unicode becomes U+FFFD. */
export function decodeString(token: string): string {
  if (/^"[\x20-\x5b\x5d-\x7e]*"$/.test(token)) return token.slice(1, -1)
  const value: unknown = JSON.parse(Buffer.from(token, 'latin1').toString())
  return typeof value === 'string' ? wellFormed(value) : ''
}

/** The same text with U+FFFD in place of lone surrogates, as every UTF-8 encoder writes them. */
export function wellFormed(value: string): string {
  return Buffer.from(value).toString()
}

class Refusals {
  first: Refusal | undefined

  add(refusal: Refusal): void {
    this.first ??= refusal
  }
}

// These readers walk text that JSON.parse has accepted, without recursion: a file may nest as
// deeply as Go allows. They look at each character once: a file of 10,000 profiles takes some 30
// ms.

/** Reads the members of the object whose brace is at `start`. */
function readMembers(text: string, start: number, refusals: Refusals): Member[] {
  const members: Member[] = []
  let at = skipSpace(text, start + 1)
  while (text.charAt(at) === '"') {
    const keyEnd = endOfString(text, at)
    const key = decodeString(text.slice(at, keyEnd))
    const valueStart = skipSpace(text, skipSpace(text, keyEnd) + 1)
    const end = endOfValue(text, valueStart, refusals)
    members.push({ start: at, end, key, keyEnd, value: { start: valueStart, end } })
    at = skipSpace(text, end)
    if (text.charAt(at) === ',') at = skipSpace(text, at + 1)
  }
  return members
}

function endOfValue(text: string, start: number, refusals: Refusals): number {
  let at = start
  let depth = 0
  for (;;) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at)
        break
      case OPEN_BRACE:
      case OPEN_BRACKET:
        depth += 1
        // The first to read is always the top-level object, which is one level itself.
        if (depth === MAX_DEPTH) refusals.add({ offset: at, reason: 'its values are nested too deeply' })
        at += 1
        break
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        depth -= 1
        at += 1
        break
      default:
        // A number or a word at the level of the value itself; inside, whatever is between values.
        if (depth === 0) return endOfScalar(text, at)
        at += 1
    }
    if (depth === 0) return at
  }
}

function endOfScalar(text: string, start: number): number {
  let at = start
  while (at < text.length && !ENDS_SCALAR.has(text.charCodeAt(at))) at += 1
  return at
}

function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let backslashes = 0
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes += 1
    if (backslashes % 2 === 0) return end + 1
  }
}

function skipSpace(text: string, start: number): number {
  let at = start
  for (;;) {
    const code = text.charCodeAt(at)
    if (code !== 0x20 && code !== 0x09 && code !== 0x0a && code !== 0x0d) return at
    at += 1
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const ENDS_SCALAR = new Set([0x20, 0x09, 0x0a, 0x0d, 0x2c, CLOSE_BRACE, CLOSE_BRACKET])

function readEntries(
  text: string,
  list: Span,
  inherited: readonly string[],
  path: string,
  refusals: Refusals,
): Entry[] {
  const entries: Entry[] = []
  let start = skipSpace(text, list.start + 1)
  while (text.charAt(start) !== ']') {
    const first = text.charAt(start)
    if (first !== '{' && first !== 'n')
      throw refusalError(text, path, { offset: start, reason: 'each of "profiles" should be a JSON object' })
    const entry = readEntry(text, start, refusals)
    entries.push({ ...entry, name: entry.ownName ?? inherited[entries.length] ?? '' })
    start = skipSpace(text, entry.end)
    if (text.charAt(start) === ',') start = skipSpace(text, start + 1)
  }
  return entries
}

/** Reads the entry that begins at `start`; its name only if it gives one itself. */
export function readEntry(
  text: string,
  start: number,
  refusals = new Refusals(),
): Span & Pick<Entry, 'ownName'> {
  if (text.charAt(start) !== '{') return { start, end: start + 'null'.length, ownName: undefined }
  let ownName: string | undefined
  let at = skipSpace(text, start + 1)
  while (text.charCodeAt(at) === QUOTE) {
    const keyEnd = endOfString(text, at)
    const value = skipSpace(text, skipSpace(text, keyEnd) + 1)
    const end = endOfValue(text, value, refusals)
    if (isNameKey(text.slice(at, keyEnd))) {
      const first = text.charCodeAt(value)
      if (first === QUOTE) ownName = decodeString(text.slice(value, end))
      else if (text.charAt(value) !== 'n')
        refusals.add({ offset: value, reason: '"name" should be a string' })
    }
    at = skipSpace(text, end)
    if (text.charAt(at) === ',') at = skipSpace(text, at + 1)
  }
  return { start, end: at + 1, ownName }
}

/** Without decoding the keys of thousands of profiles: most are of another length. */
function isNameKey(token: string): boolean {
  return (
    (token.length === '"name"'.length || token.includes('\\')) && decodeString(token).toLowerCase() === 'name'
  )
}

/**
 * The field that Go fills from `key`: names are compared without regard to case, by Unicode's
 * simple folding (K, U+212A, is a k; U+017F an s).
 */
function fieldNamed(key: string, fields: ReadonlySet<string>): string | undefined {
  if (fields.has(key)) return key
  const plain = key
    .replace(/\u212a/g, 'k')
    .replace(/\u017f/g, 's')
    .toLowerCase()
  return fields.has(plain) ? plain : undefined
}

/**
 * Throws unless `text` is one JSON value. V8's own message would quote the file, secrets included.
 */
function requireJson(text: string, path: string): void {
  if (text.trim() === '') {
    throw new ProfileError(
      'profile-invalid-file',
      say`${path} is empty, which the aliyun CLI does not accept: remove the file, or write {} into it`,
    )
  }
  if (/^(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)/.test(text)) {
    throw new ProfileError(
      'profile-invalid-file',
      say`${path}, line 1: it begins with a byte order mark, which the aliyun CLI does not accept: save it as UTF-8 without one`,
    )
  }
  try {
    JSON.parse(text)
  } catch {
    throw refusalError(text, path, { offset: offsetOfFault(text), reason: 'it is not valid JSON' })
  }
}

function offsetOfFault(text: string): number | undefined {
  let first: number | undefined
  const found = new Error('found')
  try {
    visit(
      text,
      {
        onError: (_error, offset) => {
          first = offset
          throw found
        },
      },
      { disallowComments: true },
    )
  } catch (error) {
    // Besides our own there is the overflow of the stack that a deeply nested file makes: its line
    // stays unsaid.
    if (error !== found && !(error instanceof RangeError)) throw error
  }
  return first
}
