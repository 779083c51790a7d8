import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { appendEntry, removeEntry, replaceEntry, setCurrent } from '../src/profile/config-edit.js'
import { fieldsOf, parseConfig, refusalOf, type ConfigText } from '../src/profile/config-text.js'
import { ProfileError } from '../src/profile/profile-error.js'
import { install, restore, type Installation } from '../src/profile/home-state.js'
import type { HomeState } from '../src/profile/ownership.js'
import { EMPTY_UNDO_LOG } from '../src/profile/undo-log.js'
import { brokenFile, bytes, configFile, profileName, profileOf } from './support/profile-arbitraries.js'

const entry = (fields: string) => `{"current":"a","profiles":[{"name":"a",${fields}}]}`

/** What is wrong with the file; undefined if the CLI would accept it. */
function faultOf(text: string): string | undefined {
  try {
    const refusal = refusalOf(parseConfig(text, '/h/config.json'))
    return refusal === undefined
      ? undefined
      : `line ${text.slice(0, refusal.offset).split('\n').length}: ${refusal.reason}`
  } catch (error) {
    if (error instanceof ProfileError) return error.message
    throw error
  }
}

describe('a config.json as the aliyun CLI reads it', () => {
  // Each was put to Go's encoding/json with the CLI's structures.
  test.each([
    ['', 'is empty'],
    [' \n\t', 'is empty'],
    ['{', 'line 1'],
    ['{\n"profiles": [\n}', 'line 3'],
    ['[]', 'line 1: the aliyun CLI would not accept this file: it should hold a JSON object'],
    ['"text"', 'a JSON object'],
    ['7', 'a JSON object'],
    ['\xef\xbb\xbf{}', 'byte order mark'],
    ['\xff\xfe{\0}\0', 'byte order mark'],
    ['{}\n{}', 'line 2'],
    ['{"a": 1,}', 'line 1'],
    ['{ // comment\n}', 'line 1'],
    ['{"a": 01}', 'line 1'],
    ['{"a": "\t"}', 'line 1'],
    ['['.repeat(200_000), '/h/config.json'],
    ['{"profiles": []}', 'at least one profile'],
    ['{"profiles": null}', 'at least one profile'],
    ['{"profiles": {}}', '"profiles" should be a list'],
    ['{"profiles": "x"}', '"profiles" should be a list'],
    [
      '{\n"profiles": [{"name": "default"}, 5]}',
      'line 2: the aliyun CLI would not accept this file: each of "profiles" should be a JSON object',
    ],
    ['{"current": "b", "profiles": [{"name": "a"}]}', '"current" should name a profile'],
    ['{"profiles": [{"name": "a"}]}', '"current" should name a profile'],
    ['{"current": null, "profiles": [{"name": "a"}]}', '"current" should name a profile'],
    ['{"current": "", "profiles": [{"name": "default"}]}', '"current" should name a profile'],
    ['{"current": "b"}', '"current" should name a profile'],
    ['{"current": 5, "profiles": [{"name": "default"}]}', '"current" should be a string'],
    ['{"current": "a", "profiles": [{"name": "a"},\n {"Name": 5}]}', 'line 2: "name" should be a string'],
    [entry(`"newer": ${'['.repeat(9_998)}${']'.repeat(9_998)}`), 'nested too deeply'],
  ])('is refused: %.60j', (text, fault) => {
    expect(faultOf(text)).toContain(fault)
  })

  test.each([
    ['{}', 'default', []],
    ['null', 'default', []],
    [' { "theme": 5 } ', 'default', []],
    ['{"current": "default"}', 'default', []],
    ['{"current": "a", "profiles": [{"name": "a"}, {"name": "a"}]}', 'a', ['a', 'a']],
    ['{"profiles": [null]}', 'default', ['default']],
    ['{"profiles": [{}, {}]}', 'default', ['default', '']],
    ['{"current": "a", "current": "b", "profiles": [{"name": "b"}]}', 'b', ['b']],
    ['{"current": "b", "current": null, "profiles": [{"name": "b"}]}', 'b', ['b']],
    ['{"current": "a", "Current": "b", "profiles": [{"name": "c", "name": "b", "NAME": null}]}', 'b', ['b']],
    [
      '{"profiles": [{"name": "x"}, {"name": "y"}], "Profile\xc5\xbf": [{"name": "default"}, {}]}',
      'default',
      ['default', 'y'],
    ],
    ['{"profiles": null, "current": "", "profiles": [{}]}', '', ['']],
    ['{"current": "h\\u00f6me", "profiles": [{"name": "h\xc3\xb6me"}]}', 'höme', ['höme']],
    ['{"current": "\\ud800", "profiles": [{"name": "\xff"}]}', '\ufffd', ['\ufffd']],
    [
      entry(
        '"sts_expiration": 9007199254740993, "retry_count": -0, "newer": 1e999, "auto_plugin_install": null',
      ),
      'a',
      ['a'],
    ],
    // Types of fields that this action does not read are the CLI's business: a newer one has other
    // fields.
    [entry('"retry_count": "3", "read_timeout": [], "sts_endpoint": {"a": 1}, "mode": ["AK"]'), 'a', ['a']],
    ['{"meta_path": false, "profiles": [{"name": "default"}]}', 'default', ['default']],
    [entry(`"newer": ${'['.repeat(9_997)}${']'.repeat(9_997)}`), 'a', ['a']],
  ])('is accepted: %.60j', (text, current, names) => {
    expect(faultOf(text)).toBeUndefined()
    const config = parseConfig(text, '/h/config.json')
    expect([config.currentName, config.entries.map(({ name }) => name)]).toEqual([current, names])
  })

  test('is read even if it has 100 MB', () => {
    const text = `{"current":"a","profiles":[${`{"name":"b","newer":[1,2,{"x":"${'y'.repeat(1000)}"}]},`.repeat(95_000)}{"name":"a"}]}`
    expect(text.length).toBeGreaterThan(100_000_000 - 2_000_000)
    const config = parseConfig(text, '/h/config.json')
    expect([config.refusal, config.entries.length, config.currentName]).toEqual([undefined, 95_001, 'a'])
  })

  test('takes the last of several fields, whatever its case, and null as absent', () => {
    const text = entry('"access_key_id":"1","Access_Key_ID":"2","access_key_id":null,"region_id":"\\u0063n"')
    const config = parseConfig(text, '/h/config.json')
    const fields = config.entries[0] === undefined ? undefined : fieldsOf(text, config.entries[0])
    expect([fields?.get('access_key_id'), fields?.get('region_id'), fields?.get('mode')]).toEqual([
      '2',
      'cn',
      undefined,
    ])
  })
})

describe('an edit of config.json', () => {
  test('inserts a missing "current" and removes it again without a trace', () => {
    for (const text of ['{"profiles":[{}]}', '{\n\t"profiles": [{}]\n}', '{ "x": 1 , "profiles": [{}] }']) {
      const inserted = setCurrent(parseConfig(text, 'F'), '"a"')
      expect(inserted.currentName).toBe('a')
      expect(setCurrent(inserted, undefined).text).toBe(text)
    }
  })

  test('lays a new profile out like its neighbours', () => {
    const put = (text: string) => install(homeOf(text), request('ci', true)).config?.text ?? ''
    expect(
      put(
        '{\r\n  "current": "a",\r\n  "profiles": [\r\n    {\r\n      "name": "a",\r\n      "mode": ""\r\n    }\r\n  ]\r\n}\r\n',
      ),
    ).toContain('\r\n    },\r\n    {\r\n      "name": "ci",\r\n      "mode": "StsToken",\r\n')
    expect(put('{"current":"a","profiles":[{"name":"a"}]}')).toContain(
      '[{"name":"a"},{"name":"ci","mode":"StsToken",',
    )
    expect(
      put('{"current":"a","profiles":[{ "name" : "a", "mode" : "" }, { "name" : "b", "mode" : "" }]}'),
    ).toContain('"mode" : "" }, { "name": "ci", "mode": "StsToken", ')
  })
})

describe('any edit', () => {
  test('gives what parsing the new text would give, inherited names included', () => {
    const edits = fc.constantFrom<((config: ConfigText, n: number) => ConfigText)[]>(
      (config) => appendEntry(config, '{ "name" : "new" }'),
      (config) => appendEntry(config, 'null'),
      (config, n) => {
        const entry = config.entries[n % config.entries.length]
        return entry === undefined ? config : replaceEntry(config, entry, '{"Name":"other","x":[]}')
      },
      (config, n) => {
        const entry = config.entries[n % config.entries.length]
        return entry === undefined ? config : removeEntry(config, entry)
      },
      (config, n) => setCurrent(config, n % 2 === 0 ? '"a b"' : undefined),
    )
    const faults = fc.constantFrom(
      ...['{"profiles":[{}, {},null ]}', '{ "profiles" : [null],"current":"x"}', '{"profiles":null}'],
      ...['{"profiles":[{"name":"x"},{"name":"y"}],"Profiles":[{"name":"default"},{},{}], "current" : null}'],
    )
    fc.assert(
      fc.property(
        fc.oneof(
          configFile.map(({ text }) => text),
          faults,
        ),
        fc.array(fc.tuple(edits, fc.nat(9)), { maxLength: 6 }),
        (text, steps) => {
          let config = parseConfig(text, 'F')
          if (config.profiles === undefined) return
          for (const [edit, n] of steps) {
            config = edit(config, n)
            const { members, profiles, entries, current, currentName } = parseConfig(config.text, 'F')
            expect({ members, profiles, entries, current, currentName }).toEqual({
              members: config.members,
              profiles: config.profiles,
              entries: config.entries,
              current: config.current,
              currentName: config.currentName,
            })
          }
        },
      ),
      { numRuns: 1000 },
    )
  })
})

const homeOf = (text: string | undefined): HomeState => ({
  config: text === undefined ? undefined : parseConfig(text, 'F'),
  log: EMPTY_UNDO_LOG,
})

const request = (name: string, current: boolean): Installation => ({
  run: 'run',
  job: 'job',
  profile: profileOf(name, 'run'),
  setCurrent: current,
  expiration: new Date(0),
})

describe('any file', () => {
  test('keeps every byte when a profile is added and removed again', () => {
    fc.assert(
      fc.property(configFile, profileName, fc.boolean(), ({ text, names }, name, current) => {
        const installed = install(homeOf(text), request(name, current))
        const config = parseConfig(installed.config?.text ?? '', 'F')
        expect(config.refusal).toBeUndefined()
        expect(config.entries.map((found) => found.name)).toEqual(
          names.includes(name) ? names : [...names, name],
        )
        if (current || names.length === 0) expect(config.currentName).toBe(name)
        else expect(config.currentName).toBe(parseConfig(text, 'F').currentName)
        const restored = restore(installed, () => true)
        expect([restored.config?.text, restored.log]).toEqual([text, EMPTY_UNDO_LOG])
      }),
      { numRuns: 2000 },
    )
  })

  test('however broken, is refused with an error of ours, or edited without losing anything (10,000 files)', () => {
    let served = 0
    fc.assert(
      fc.property(brokenFile, profileName, (text, name) => {
        const fault = faultOf(text)
        if (fault !== undefined) {
          expect(fault).not.toMatch(/Unexpected|position|SyntaxError|STS\.|secret/)
          return
        }
        served += 1
        const before = parseConfig(text, 'F')
        const installed = install(homeOf(text), request(name, true))
        const after = parseConfig(installed.config?.text ?? '', 'F')
        expect([after.refusal, after.currentName]).toEqual([undefined, name])
        const kept = after.entries.map(({ start, end }) => after.text.slice(start, end))
        const covered = before.entries.find((candidate) => candidate.name === name)
        for (const other of before.entries)
          if (other !== covered) expect(kept).toContain(text.slice(other.start, other.end))
        for (const { key } of before.members)
          if (before.profiles !== undefined) expect(after.members.map((member) => member.key)).toContain(key)
        expect(restore(installed, () => true).config?.text).toBe(text)
      }),
      { numRuns: 10_000 },
    )
    // Otherwise the faults were all fatal and the second half was never tried.
    expect(served).toBeGreaterThan(500)
  })
})

test('profile names in any script are written as Go writes them', () => {
  const { config } = install(homeOf(undefined), request('<ä&"\u2028\u{1f600}', false))
  expect(config?.text).toContain(bytes('"current": "\\u003cä\\u0026\\"\\u2028\u{1f600}"'))
})
