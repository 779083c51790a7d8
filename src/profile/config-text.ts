import { createScanner, visit } from 'jsonc-parser'
import { ProfileError } from './profile-error.js'

/**
 * The text of the aliyun CLI's config.json, read as Go's encoding/json reads it into the CLI's structures and edited by splices, so that
 * whatever an edit does not mean keeps its bytes. Texts are the file's bytes, one character each ("latin1"): JSON's structure is ASCII, so
 * offsets are byte offsets and even invalid UTF-8 survives.
 */
export interface ConfigText {
  readonly text: string
  /** Members of the top-level object in the order of the file; none where the file is `null`. */
  readonly members: readonly Member[]
  /** The list that counts, and undefined where the file has none: the CLI then serves an empty profile named "default". */
  readonly profiles: Span | undefined
  readonly entries: readonly Entry[]
  /** The value token of `current`, and undefined where the file has no such member. */
  readonly current: Span | undefined
  /** The profile that the CLI uses unless told otherwise. */
  readonly currentName: string
  /** Why the CLI would refuse this file although it can be edited, and undefined where it would not. */
  readonly refusal: Refusal | undefined
}

export interface Refusal {
  readonly offset: number | undefined
  readonly reason: string
}

export interface Span {
  readonly start: number
  readonly end: number
}

/** One profile: an object, or a `null`, which Go reads as an entry without fields. */
export interface Entry extends Span {
  readonly name: string
}

export interface Member extends Span {
  readonly key: string
  readonly keyEnd: number
  readonly value: Span
}

/** The name that the CLI assumes where the file gives none (`NewConfiguration` in its source). */
export const DEFAULT_NAME = 'default'

/** So many arrays and objects in each other Go's encoding/json reads. */
const MAX_DEPTH = 10_000

// The fields of the CLI's structures (config/configuration.go and config/profile.go of v3.4.11) that are not strings. A value of another
// type makes encoding/json refuse the file, whatever the profile.
const INTEGER_FIELDS = [
  ...[
    'expired_seconds',
    'retry_timeout',
    'connect_timeout',
    'retry_count',
    'cloud_sso_access_token_expire',
    'sts_expiration',
  ],
  ...['oauth_access_token_expire', 'oauth_refresh_token_expire'],
]
const BOOLEAN_FIELDS = ['auto_plugin_install', 'auto_plugin_install_enable_pre']
const STRING_FIELDS = [
  ...[
    'name',
    'mode',
    'access_key_id',
    'access_key_secret',
    'sts_token',
    'sts_region',
    'ram_role_name',
    'ram_role_arn',
    'ram_session_name',
    'external_id',
  ],
  ...[
    'source_profile',
    'private_key',
    'key_pair_name',
    'verified',
    'region_id',
    'output_format',
    'language',
    'site',
    'process_command',
    'credentials_uri',
  ],
  ...[
    'oidc_provider_arn',
    'oidc_token_file',
    'cloud_sso_sign_in_url',
    'access_token',
    'cloud_sso_access_config',
    'cloud_sso_account_id',
  ],
  ...[
    'oauth_access_token',
    'oauth_refresh_token',
    'oauth_site_type',
    'endpoint_type',
    'endpoint',
    'external_account_type',
    'bearer_token',
  ],
  'bearer_token_header_key',
]

type FieldType = 'a string' | 'an integer' | 'true or false' | 'a list'

const TOP_LEVEL_TYPES: ReadonlyMap<string, FieldType> = new Map([
  ['current', 'a string'],
  ['profiles', 'a list'],
  ['meta_path', 'a string'],
])
const PROFILE_TYPES: ReadonlyMap<string, FieldType> = new Map([
  ...STRING_FIELDS.map((field) => [field, 'a string'] as const),
  ...INTEGER_FIELDS.map((field) => [field, 'an integer'] as const),
  ...BOOLEAN_FIELDS.map((field) => [field, 'true or false'] as const),
])

/**
 * Reads a file's text. Throws ProfileError, which names `path`, the line and the cure, where the text is not JSON or has no place for
 * profiles; what the CLI refuses beyond that is told by `refusal`.
 */
export function parseConfig(text: string, path: string): ConfigText {
  requireJson(text, path)
  const scanner = createScanner(text, true)
  scanner.scan()
  const first = text.charAt(scanner.getTokenOffset())
  if (first === 'n') {
    return {
      text,
      members: [],
      profiles: undefined,
      entries: [],
      current: undefined,
      currentName: DEFAULT_NAME,
      refusal: undefined,
    }
  }
  if (first !== '{')
    throw refusalError(text, path, {
      offset: scanner.getTokenOffset(),
      reason: 'it should hold a JSON object',
    })

  const refusals = new Refusals()
  const members = readMembers(text, scanner, refusals)
  // The CLI decodes over a list that holds an empty "default", and Go a second list over the first: profiles without a name keep those
  // names.
  let names = [DEFAULT_NAME]
  let profiles: Member | undefined
  let entries: Entry[] = []
  let current: Span | undefined
  let currentName = DEFAULT_NAME
  for (const member of members) {
    const field = fieldNamed(member.key, TOP_LEVEL_TYPES)
    if (field === undefined) continue
    const isNull = text.charAt(member.value.start) === 'n'
    if (!hasType(text, member.value, TOP_LEVEL_TYPES.get(field))) {
      const refusal = {
        offset: member.value.start,
        reason: `"${field}" should be ${TOP_LEVEL_TYPES.get(field) ?? ''}`,
      }
      if (field === 'profiles') throw refusalError(text, path, refusal)
      refusals.add(refusal)
    } else if (field === 'profiles') {
      profiles = member
      entries = isNull ? [] : readEntries(text, member.value, names, path, refusals)
      names =
        entries.length === 0 ? [] : [...entries.map((entry) => entry.name), ...names.slice(entries.length)]
    } else if (field === 'current') {
      // Go takes the last of several, and a null for no value at all.
      if (!isNull) currentName = decodeString(text.slice(member.value.start, member.value.end))
      if (!isNull || current === undefined || text.charAt(current.start) === 'n') current = member.value
    }
  }
  if (profiles !== undefined && entries.length === 0)
    refusals.add({ offset: profiles.value.start, reason: '"profiles" should hold at least one profile' })
  if (names.length > 0 && !names.slice(0, entries.length || 1).includes(currentName)) {
    refusals.add({
      offset: current?.start ?? 0,
      reason: '"current" should name a profile of this file, and no profile has the name it gives',
    })
  }
  return { text, members, profiles: profiles?.value, entries, current, currentName, refusal: refusals.first }
}

/** The error for a file that the CLI would refuse, with the line and the cure. */
export function refusalError(text: string, path: string, { offset, reason }: Refusal): ProfileError {
  const line = offset === undefined ? '' : `, line ${text.slice(0, offset).split('\n').length}`
  return new ProfileError(
    `${path}${line}: the aliyun CLI would not accept this file: ${reason}. Mend the file, or remove it; it was left as it is`,
  )
}

/** The members of an entry in the order of the file; none where it is `null`. */
export function membersOf(text: string, entry: Entry): readonly Member[] {
  return text.charAt(entry.start) === '{'
    ? readMembers(text, scannerAt(text, entry.start), new Refusals())
    : []
}

/** The string fields of an entry by the names that the CLI gives them; the last of several counts. */
export function fieldsOf(text: string, entry: Entry): ReadonlyMap<string, string> {
  const fields = new Map<string, string>()
  for (const { key, value } of membersOf(text, entry)) {
    const field = fieldNamed(key, PROFILE_TYPES)
    if (field !== undefined && text.charAt(value.start) === '"')
      fields.set(field, decodeString(text.slice(value.start, value.end)))
  }
  return fields
}

/** The members that say something besides `current`, the profiles, and the empty `meta_path` that the CLI always writes. */
export function otherMembers({ text, members }: ConfigText): readonly Member[] {
  return members.filter(({ key, value }) => {
    const field = fieldNamed(key, TOP_LEVEL_TYPES)
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

type Scanner = ReturnType<typeof createScanner>

function scannerAt(text: string, offset: number): Scanner {
  const scanner = createScanner(text, true)
  scanner.setPosition(offset)
  scanner.scan()
  return scanner
}

// These readers walk text that JSON.parse has accepted, without recursion: a file may nest as deeply as Go allows.

/** Reads the members of the object whose brace is the scanner's token. */
function readMembers(text: string, scanner: Scanner, refusals: Refusals): Member[] {
  const members: Member[] = []
  scanner.scan()
  while (text.charAt(scanner.getTokenOffset()) === '"') {
    const start = scanner.getTokenOffset()
    const keyEnd = scanner.getPosition()
    const key = decodeString(text.slice(start, keyEnd))
    scanner.scan()
    scanner.scan()
    const value = readValue(text, scanner, refusals)
    members.push({ start, end: value.end, key, keyEnd, value })
    if (text.charAt(scanner.getTokenOffset()) === ',') scanner.scan()
  }
  return members
}

/** Reads past the value that begins with the scanner's token. */
function readValue(text: string, scanner: Scanner, refusals: Refusals): Span {
  const start = scanner.getTokenOffset()
  let depth = 0
  for (;;) {
    const character = text.charAt(scanner.getTokenOffset())
    if (character === '{' || character === '[') depth += 1
    if (character === '}' || character === ']') depth -= 1
    // The first to read is always the top-level object, which is one level itself.
    if (depth === MAX_DEPTH)
      refusals.add({ offset: scanner.getTokenOffset(), reason: 'its values are nested too deeply' })
    const end = scanner.getPosition()
    scanner.scan()
    if (depth === 0) return { start, end }
  }
}

function readEntries(
  text: string,
  list: Span,
  names: readonly string[],
  path: string,
  refusals: Refusals,
): Entry[] {
  const entries: Entry[] = []
  const scanner = scannerAt(text, list.start)
  scanner.scan()
  while (text.charAt(scanner.getTokenOffset()) !== ']') {
    const start = scanner.getTokenOffset()
    const first = text.charAt(start)
    if (first !== '{' && first !== 'n')
      throw refusalError(text, path, { offset: start, reason: 'each of "profiles" should be a JSON object' })
    let name = names[entries.length] ?? ''
    for (const { key, value } of first === '{' ? readMembers(text, scanner, refusals) : []) {
      const field = fieldNamed(key, PROFILE_TYPES)
      if (field === undefined) continue
      const type = PROFILE_TYPES.get(field)
      if (!hasType(text, value, type))
        refusals.add({ offset: value.start, reason: `"${field}" should be ${type ?? ''}` })
      else if (field === 'name' && text.charAt(value.start) === '"')
        name = decodeString(text.slice(value.start, value.end))
    }
    entries.push({ start, end: scanner.getPosition(), name })
    scanner.scan()
    if (text.charAt(scanner.getTokenOffset()) === ',') scanner.scan()
  }
  return entries
}

/**
 * The field that Go fills from `key`: names are compared without regard to case, by Unicode's simple folding (K, U+212A, is a k; U+017F an
 * s).
 */
function fieldNamed(key: string, fields: ReadonlyMap<string, FieldType>): string | undefined {
  if (fields.has(key)) return key
  const plain = key
    .replace(/\u212a/g, 'k')
    .replace(/\u017f/g, 's')
    .toLowerCase()
  return fields.has(plain) ? plain : undefined
}

function hasType(text: string, { start, end }: Span, type: FieldType | undefined): boolean {
  const first = text.charAt(start)
  if (first === 'n') return true
  switch (type) {
    case 'a string':
      return first === '"'
    case 'a list':
      return first === '['
    case 'true or false':
      return first === 't' || first === 'f'
    case 'an integer':
      return isInteger64(text.slice(start, end))
    case undefined:
      return true
  }
}

function isInteger64(token: string): boolean {
  return /^-?\d{1,20}$/.test(token) && BigInt.asIntN(64, BigInt(token)) === BigInt(token)
}

/** Throws unless `text` is one JSON value. V8's own message would quote the file, secrets included. */
function requireJson(text: string, path: string): void {
  if (text.trim() === '')
    throw new ProfileError(
      `${path} is empty, which the aliyun CLI does not accept: remove the file, or write {} into it`,
    )
  if (/^(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)/.test(text)) {
    throw new ProfileError(
      `${path}, line 1: it begins with a byte order mark, which the aliyun CLI does not accept: save it as UTF-8 without one`,
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
    // Besides our own there is the overflow of the stack that a deeply nested file makes: its line stays unsaid.
    if (error !== found && !(error instanceof RangeError)) throw error
  }
  return first
}
