import type { TemporaryKey } from '../identity/credentials.js'
import {
  currentOf,
  DEFAULT_NAME,
  encodeString,
  membersOf,
  otherMembers,
  parseConfig,
  readEntry,
  type ConfigText,
  type Entry,
  type Span,
} from './config-text.js'

/**
 * What is written under a name: the session's keys themselves, or the address at which they are
 * served.
 */
export type CliProfile = StsTokenProfile | CredentialsUriProfile

/** A profile of mode StsToken. */
export interface StsTokenProfile {
  readonly name: string
  readonly regionId: string
  readonly credentials: TemporaryKey
}

/** A profile of mode CredentialsURI. */
export interface CredentialsUriProfile {
  readonly name: string
  readonly regionId: string
  readonly credentialsUri: string
}

/**
 * White space and separators of an entry: what stands after `{`, after each comma, between name and
 * value, and before `}`.
 */
interface Style {
  readonly open: string
  readonly comma: string
  readonly colon: string
  readonly close: string
}

const CLI_STYLE: Style = { open: '\n\t\t\t', comma: '\n\t\t\t', colon: ': ', close: '\n\t\t' }

/** White space longer than this is not taken for indentation. */
const LONGEST_INDENTATION = 200

/**
 * The file that holds `profile` alone, byte for byte as `aliyun configure set` writes it on a clean
 * home.
 */
export function newConfig(profile: CliProfile): ConfigText {
  return parseConfig(wholeFile(profile, []), '')
}

/**
 * The file with `profile` as its only one, and with `current` naming it. Members of the file stay.
 */
export function withFirstProfile(config: ConfigText, profile: CliProfile): ConfigText {
  const others = otherMembers(config).map(({ start, end }) => config.text.slice(start, end))
  return parseConfig(wholeFile(profile, others), '')
}

/** Appends `profile`, laid out like the last entry. The list must have one. */
export function appendProfile(config: ConfigText, profile: CliProfile): ConfigText {
  const last = config.entries.at(-1)
  if (last === undefined) throw new RangeError('the list of profiles is empty')
  return appendEntry(config, writeEntry(fieldsToWrite(profile), styleOf(config.text, last)))
}

/** Appends an entry's text. The file must have a list. */
export function appendEntry(config: ConfigText, entryText: string): ConfigText {
  const { text, profiles, entries } = config
  if (profiles === undefined) throw new RangeError('the file has no list of profiles')
  const last = entries.at(-1)
  if (last === undefined) {
    const list = splice(config, profiles, `[\n\t\t${entryText}\n\t]`)
    return withEntries(list, [entryAt(list.text, profiles.start + '[\n\t\t'.length)])
  }
  const previous = entries.at(-2)
  const before = indentation(
    text,
    previous === undefined ? profiles.start + 1 : text.indexOf(',', previous.end) + 1,
    last.start,
  )
  const next = splice(config, { start: last.end, end: last.end }, `,${before}${entryText}`)
  return withEntries(next, [...next.entries, entryAt(next.text, last.end + 1 + before.length)])
}

/** Puts `profile` in the place of `entry`, laid out as that one was. */
export function replaceProfile(config: ConfigText, entry: Entry, profile: CliProfile): ConfigText {
  return replaceEntry(config, entry, writeEntry(fieldsToWrite(profile), styleOf(config.text, entry)))
}

/** Puts an entry's text in the place of `entry`. */
export function replaceEntry(config: ConfigText, entry: Entry, entryText: string): ConfigText {
  const index = config.entries.indexOf(entry)
  const next = splice(config, entry, entryText)
  return withEntries(next, next.entries.with(index, entryAt(next.text, entry.start)))
}

/**
 * Removes `entry`: the exact inverse of appending, whatever came after it. The list may become
 * empty.
 */
export function removeEntry(config: ConfigText, entry: Entry): ConfigText {
  const index = config.entries.indexOf(entry)
  const before = config.entries[index - 1]
  const after = config.entries[index + 1]
  const span =
    before !== undefined
      ? { start: before.end, end: entry.end }
      : { start: entry.start, end: after === undefined ? entry.end : after.start }
  const without = { ...config, entries: config.entries.toSpliced(index, 1) }
  const next = splice(without, span, '')
  return withEntries(next, next.entries)
}

/** An empty list gets the empty profile that the CLI would invent: no reader can do without one. */
export function withDefaultProfile(config: ConfigText): ConfigText {
  const empty = { name: DEFAULT_NAME, mode: '', output_format: 'json', language: 'en' }
  return setCurrent(appendEntry(config, writeEntry(empty, CLI_STYLE)), encodeString(DEFAULT_NAME))
}

/** Makes `token` the value of `current`; without a token the member goes. */
export function setCurrent(config: ConfigText, token: string | undefined): ConfigText {
  const { text, current, members } = config
  if (current !== undefined) {
    if (token !== undefined) return splice(config, current, token)
    const index = members.findIndex((member) => member.value === current)
    const before = members[index - 1]
    const member = members[index]
    if (member === undefined) throw new RangeError('"current" is not a member of this file')
    const span =
      before !== undefined
        ? { start: before.end, end: member.end }
        : members.length === 1
          ? member
          : // The first member goes with the comma behind it, so that what a missing `current` was
            // given is taken back to the byte.
            { start: text.indexOf('{') + 1, end: text.indexOf(',', member.end) + 1 }
    return splice({ ...config, members: members.toSpliced(index, 1) }, span, '')
  }
  if (token === undefined) return config
  const start = text.indexOf('{') + 1
  const space = indentation(text, start, members[0]?.start ?? start)
  const next = splice(config, { start, end: start }, `${space}"current": ${token},`)
  const keyStart = start + space.length
  const keyEnd = keyStart + '"current"'.length
  const value = { start: keyEnd + 2, end: keyEnd + 2 + token.length }
  const member = { key: 'current', keyEnd, start: keyStart, end: value.end, value }
  const all = [member, ...next.members]
  const { currentName } = currentOf(next.text, all)
  return { ...next, members: all, current: value, currentName }
}

/**
 * Replaces a part of the text and moves everything behind it, so that a file of 10,000 profiles
 * need not be parsed after each edit. What is inside the replaced part is the caller's.
 */
function splice(config: ConfigText, span: Span, replacement: string): ConfigText {
  const delta = replacement.length - (span.end - span.start)
  const startOf = (offset: number): number => (offset >= span.end ? offset + delta : offset)
  const endOf = (offset: number): number =>
    offset > span.start && offset >= span.end ? offset + delta : offset
  const move = <T extends Span>(part: T): T => {
    const [start, end] = [startOf(part.start), endOf(part.end)]
    return start === part.start && end === part.end ? part : { ...part, start, end }
  }
  const members = config.members.map((member) => ({
    ...move(member),
    keyEnd: endOf(member.keyEnd),
    value: move(member.value),
  }))
  const text = config.text.slice(0, span.start) + replacement + config.text.slice(span.end)
  const { current, currentName } = currentOf(text, members)
  return {
    ...config,
    text,
    members,
    entries: config.entries.map(move),
    profiles: config.profiles && move(config.profiles),
    current,
    currentName,
  }
}

/** Updates the names: an entry without a name of its own takes what Go leaves in its place. */
function withEntries(config: ConfigText, entries: readonly Entry[]): ConfigText {
  const named = entries.map((entry, index) => {
    const name = entry.ownName ?? config.inheritedNames[index] ?? ''
    return name === entry.name ? entry : { ...entry, name }
  })
  return { ...config, entries: named }
}

function entryAt(text: string, start: number): Entry {
  return { ...readEntry(text, start), name: '' }
}

function wholeFile(profile: CliProfile, others: readonly string[]): string {
  const members = [
    `"current": ${encodeString(profile.name)}`,
    `"profiles": [\n\t\t${writeEntry(fieldsToWrite(profile), CLI_STYLE)}\n\t]`,
    ...(others.length === 0 ? ['"meta_path": ""'] : others),
  ]
  return `{\n\t${members.join(',\n\t')}\n}`
}

/** The entry's fields in the order in which the CLI writes them. */
function fieldsToWrite(profile: CliProfile): Readonly<Record<string, string>> {
  const { name, regionId } = profile
  const common = { region_id: regionId, output_format: 'json', language: 'en', site: 'china' }
  if ('credentialsUri' in profile)
    return { name, mode: 'CredentialsURI', ...common, credentials_uri: profile.credentialsUri }
  const { accessKeyId, accessKeySecret, securityToken } = profile.credentials
  return {
    name,
    mode: 'StsToken',
    access_key_id: accessKeyId,
    access_key_secret: accessKeySecret,
    sts_token: securityToken,
    ...common,
  }
}

function writeEntry(fields: Readonly<Record<string, string>>, { open, comma, colon, close }: Style): string {
  const members = Object.entries(fields).map(([name, value]) => `"${name}"${colon}${encodeString(value)}`)
  return `{${open}${members.join(`,${comma}`)}${close}}`
}

/** How `entry` is laid out; the CLI's layout if the entry is empty. */
function styleOf(text: string, entry: Entry): Style {
  const members = membersOf(text, entry)
  const [first, second] = members
  const last = members.at(-1)
  if (first === undefined || last === undefined) return CLI_STYLE
  const open = indentation(text, entry.start + 1, first.start)
  return {
    open,
    comma: second === undefined ? open : indentation(text, text.indexOf(',', first.end) + 1, second.start),
    colon: `:${indentation(text, text.indexOf(':', first.keyEnd) + 1, first.value.start)}`,
    close: indentation(text, last.end, entry.end - 1),
  }
}

function indentation(text: string, start: number, end: number): string {
  return end - start > LONGEST_INDENTATION ? '' : text.slice(start, end)
}
