import type { TemporaryKey } from '../identity/credentials.js'
import {
  DEFAULT_NAME,
  encodeString,
  membersOf,
  otherMembers,
  type ConfigText,
  type Entry,
  type Span,
} from './config-text.js'

/** What is written under a name: the session's keys themselves, or the address where they are served. */
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

/** White space and separators of an entry: what stands after `{`, after each comma, between name and value, and before `}`. */
interface Style {
  readonly open: string
  readonly comma: string
  readonly colon: string
  readonly close: string
}

const CLI_STYLE: Style = { open: '\n\t\t\t', comma: '\n\t\t\t', colon: ': ', close: '\n\t\t' }

/** White space longer than this is nobody's indentation. */
const LONGEST_INDENTATION = 200

/** The file that holds `profile` alone, byte for byte as `aliyun configure set` writes it on a clean home. */
export function newFile(profile: CliProfile): string {
  return wholeFile(profile, [])
}

/** The text with the list that it lacks, holding `profile` alone, and with `current` naming it. Members of the file stay. */
export function addProfiles(config: ConfigText, profile: CliProfile): string {
  const others = otherMembers(config).map(({ start, end }) => config.text.slice(start, end))
  return wholeFile(profile, others)
}

/** The text with `profile` after the last entry, laid out as that one is. The list must have an entry. */
export function appendEntry({ text, profiles, entries }: ConfigText, profile: CliProfile): string {
  const last = entries.at(-1)
  if (last === undefined || profiles === undefined) throw new RangeError('the list of profiles is empty')
  const previous = entries.at(-2)
  const before = indentation(
    text,
    previous === undefined ? profiles.start + 1 : text.indexOf(',', previous.end) + 1,
    last.start,
  )
  return splice(
    text,
    { start: last.end, end: last.end },
    `,${before}${writeEntry(fieldsToWrite(profile), styleOf(text, last))}`,
  )
}

/** The text with `profile` in the place of `entry`, laid out as that one was. */
export function replaceEntry({ text }: ConfigText, entry: Entry, profile: CliProfile): string {
  return splice(text, entry, writeEntry(fieldsToWrite(profile), styleOf(text, entry)))
}

/**
 * The text without `entry`: the exact inverse of `appendEntry`, whatever came after it. Where it is the only one an empty profile named
 * "default" takes its place, as the CLI would invent it: no reader can do without a profile, and the Terraform provider not without the
 * list.
 */
export function removeEntry({ text, entries }: ConfigText, entry: Entry): string {
  const index = entries.indexOf(entry)
  const before = entries[index - 1]
  const after = entries[index + 1]
  if (before !== undefined) return splice(text, { start: before.end, end: entry.end }, '')
  if (after !== undefined) return splice(text, { start: entry.start, end: after.start }, '')
  const empty = { name: DEFAULT_NAME, mode: '', output_format: 'json', language: 'en' }
  return splice(text, entry, writeEntry(empty, styleOf(text, entry)))
}

/** The text with `token` as the value of `current`, and without that member where `token` is undefined. */
export function setCurrent(config: ConfigText, token: string | undefined): string {
  const { text, current, members } = config
  if (current !== undefined) {
    if (token !== undefined) return splice(text, current, token)
    const index = members.findIndex((member) => member.value === current)
    const before = members[index - 1]
    const member = members[index]
    if (member === undefined) throw new RangeError('"current" is no member of this file')
    if (before !== undefined) return splice(text, { start: before.end, end: member.end }, '')
    if (members.length === 1) return splice(text, member, '')
    // The first member goes with the comma behind it, so that what a missing `current` was given is taken back to the byte.
    return splice(text, { start: text.indexOf('{') + 1, end: text.indexOf(',', member.end) + 1 }, '')
  }
  if (token === undefined) return text
  const start = text.indexOf('{') + 1
  return splice(
    text,
    { start, end: start },
    `${indentation(text, start, members[0]?.start ?? start)}"current": ${token},`,
  )
}

export function splice(text: string, { start, end }: Span, replacement: string): string {
  return text.slice(0, start) + replacement + text.slice(end)
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

/** How `entry` is laid out, and the CLI's layout where that cannot be seen. */
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
