import fc from 'fast-check'
import type { StsTokenProfile } from '../../src/profile/config-edit.js'

/** Files that the CLI accepts, in every layout: text of one character a byte. */
export interface ConfigFile {
  readonly text: string
  readonly names: readonly string[]
}

const NAMES = ['default', 'ci', 'dev', 'höme', 'a&b <c>', '"', 'プロファイル', 'DEFAULT', 'x'.repeat(70)]

const whiteSpace = fc.constantFrom('', '', ' ', '\n', '\t', '\r\n', '\n\t\t', '\n    ', '  \n\n ')

/** A string token in one of the ways to write it. */
function tokenOf(value: string): fc.Arbitrary<string> {
  const plain = JSON.stringify(value)
  const escaped = plain.replace(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return fc.constantFrom(plain, escaped).map(bytes)
}

const unknownValue = fc.constantFrom(
  ...[
    'null',
    'true',
    '[]',
    '{}',
    '12345678901234567890',
    '1e400',
    '-0.0',
    '"\\ud83d\\ude00\\/"',
    '[1, {"profiles": [ ]} ]',
    '{"current":"nobody","a" : [[]]}',
    '"\xff\xc3"',
  ],
)
const integer = fc.constantFrom('0', '-1', '3600', '9007199254740993', '9223372036854775807')

const knownField = fc.oneof(
  fc
    .constantFrom('access_key_id', 'access_key_secret', 'sts_token', 'region_id', 'language', 'site')
    .chain((name) =>
      fc.tuple(
        fc.constant(name),
        fc.oneof(fc.string({ unit: 'grapheme', maxLength: 6 }).chain(tokenOf), fc.constant('null')),
      ),
    ),
  fc.tuple(fc.constantFrom('sts_expiration', 'retry_count', 'Expired_Seconds'), integer),
  fc.tuple(fc.constantFrom('newer', 'Ünknown', 'parent'), unknownValue),
)

function objectOf(members: readonly (readonly [string, string])[]): fc.Arbitrary<string> {
  const parts = members.map(([name, value]) =>
    fc
      .tuple(whiteSpace, whiteSpace, whiteSpace, whiteSpace)
      .map(([a, b, c, d]) => `${a}${bytes(JSON.stringify(name))}${b}:${c}${value}${d}`),
  )
  return fc
    .tuple(whiteSpace, ...parts)
    .map(([empty, ...texts]) => `{${texts.length === 0 ? empty : texts.join(',')}}`)
}

function entryOf(name: string): fc.Arbitrary<string> {
  return fc
    .tuple(
      tokenOf(name),
      fc.constantFrom('name', 'name', 'Name', 'NAME'),
      fc.array(knownField, { maxLength: 4 }),
      fc.nat(4),
    )
    .chain(([token, key, fields, position]) =>
      objectOf([...fields.slice(0, position), [key, token], ...fields.slice(position)]),
    )
}

const fileWithProfiles: fc.Arbitrary<ConfigFile> = fc
  .record({
    names: fc.array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 4 }),
    current: fc.nat(3),
    currentKey: fc.constantFrom('current', 'current', 'Current', undefined),
    profilesKey: fc.constantFrom('profiles', 'profiles', 'PROFILES', 'profile\u017f'),
    others: fc.array(fc.tuple(fc.constantFrom('meta_path_', 'plugins', 'x'), unknownValue), { maxLength: 3 }),
    metaPath: fc.constantFrom('""', '"/tmp"', 'null', undefined),
    position: fc.nat(3),
  })
  .chain(({ names, current, currentKey, profilesKey, others, metaPath, position }) => {
    const currentName = currentKey === undefined ? 'default' : names[current % names.length]
    const all = names.includes(currentName ?? '') ? names : [...names, 'default']
    const entries = fc.tuple(
      ...all.map((name) => fc.tuple(whiteSpace, entryOf(name), whiteSpace).map((parts) => parts.join(''))),
    )
    return fc
      .tuple(entries, tokenOf(currentName ?? ''), whiteSpace, whiteSpace)
      .chain(([elements, token, before, after]) => {
        const members: [string, string][] = [...others]
        members.splice(position, 0, [profilesKey, `[${elements.join(',')}]`])
        if (currentKey !== undefined) members.splice(position % 2, 0, [currentKey, token])
        if (metaPath !== undefined) members.push(['meta_path', metaPath])
        return objectOf(members).map((object) => ({ text: before + object + after, names: all }))
      })
  })

const fileWithoutProfiles: fc.Arbitrary<ConfigFile> = fc
  .oneof(
    fc.constant('null'),
    fc
      .array(
        fc.oneof(
          fc.tuple(fc.constantFrom('theme', 'plugins'), unknownValue),
          fc.constantFrom(['current', '"default"'] as const, ['meta_path', '""'] as const),
        ),
        {
          maxLength: 3,
        },
      )
      .chain(objectOf),
  )
  .chain((text) =>
    fc.tuple(whiteSpace, whiteSpace).map(([before, after]) => ({ text: before + text + after, names: [] })),
  )

/** A file that the CLI accepts, and undefined for none. */
export const configFile: fc.Arbitrary<ConfigFile> = fc.oneof(
  { weight: 6, arbitrary: fileWithProfiles },
  { weight: 1, arbitrary: fileWithoutProfiles },
)

export const profileName = fc.constantFrom(...NAMES, 'ci', 'ci', 'deploy')

/** The profile that the run number `run` writes, with keys that no other run has. */
export function profileOf(name: string, run: number | string): StsTokenProfile {
  return {
    name,
    credentials: {
      accessKeyId: `STS.${run}`,
      accessKeySecret: `secret&<>${run}`,
      securityToken: `CAIS${run}\u2028`,
    },
    regionId: 'cn-hangzhou',
  }
}

/** The bytes of a text's UTF-8, one character each. */
export function bytes(text: string): string {
  return Buffer.from(text).toString('latin1')
}

const debris = fc.constantFrom(
  ...[
    '"',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    'null',
    'true',
    '"name"',
    '"current":',
    '"profiles":[',
    '-',
    '\\',
    '\\u',
    '\\ud800',
    ' ',
    '\n',
    '\xff',
    '\xef\xbb\xbf',
    '//',
    '/*',
  ],
  ...[
    '"retry_count":1.0',
    '"retry_count":"3"',
    '"sts_expiration":9223372036854775808',
    '"profiles":null',
    '"profiles":[]',
    '"profiles":{}',
    '"current":null',
  ],
  ...[
    '"Current":"ci"',
    '"name":null',
    '"region_id":5',
    '"auto_plugin_install":1',
    '\u0000',
    '\x0c',
    '\xa0',
    '"profiles":[null]',
    '"profiles":[{}]',
  ],
)

/** Files with a few random faults. */
export const brokenFile: fc.Arbitrary<string> = fc
  .tuple(
    configFile,
    fc.array(
      fc.tuple(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(5),
        fc.constantFrom('cut', 'insert', 'member', 'end'),
        debris,
      ),
      {
        minLength: 1,
        maxLength: 3,
      },
    ),
  )
  .map(([file, faults]) => {
    let { text } = file
    for (const [place, length, kind, rubbish] of faults) {
      const at = Math.floor(place * text.length)
      const member = Math.max(text.indexOf(',', at), text.indexOf('{', at)) + 1
      if (kind === 'cut') text = text.slice(0, at) + text.slice(at + length)
      else if (kind === 'insert') text = text.slice(0, at) + rubbish + text.slice(at)
      else if (kind === 'member') text = `${text.slice(0, member)}${rubbish},${text.slice(member)}`
      else text = text.slice(0, at)
    }
    return text
  })
