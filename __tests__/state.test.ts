import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parseState, stateText, type StepState } from '../src/handover/state.js'

const RECORD: StepState = {
  cleanup: true,
  variables: {
    ALIBABA_CLOUD_REGION: { before: '', exported: 'a' },
    ALICLOUD_SECRET_KEY: { before: 'former "value"\n', exported: 'b' },
  },
  profile: { path: '/home/runner/.aliyun/config.json', name: 'ci', id: 'a-b' },
}

test('what is written can be read', () => {
  const text = fc.string({ unit: 'binary' })
  fc.assert(
    fc.property(
      fc.record({
        cleanup: fc.boolean(),
        variables: fc.dictionary(text, fc.record({ before: text, exported: text })),
        profile: fc.option(fc.record({ path: text, name: text, id: text }), { nil: undefined }),
      }),
      (record) => {
        const read = parseState(stateText(record))
        expect(read).toEqual(record)
        expect(Object.keys(read?.variables ?? {})).toEqual(Object.keys(record.variables))
      },
    ),
  )
})

test('of a profile only its path, its target, its name and its ID are read', () => {
  const more = { ...RECORD, profile: { ...RECORD.profile, secret: 'x' } } as StepState
  expect(parseState(stateText(more))).toEqual(RECORD)
})

describe('a text that is not a state of this version is rejected', () => {
  const changed = (change: object): string => JSON.stringify({ version: 2, ...RECORD, ...change })
  test.each([
    '',
    'x',
    'null',
    '[]',
    '{}',
    '{"version":2}',
    changed({}).slice(0, -1),
    changed({ version: 1 }),
    changed({ version: '2' }),
    changed({ cleanup: 'true' }),
    changed({ cleanup: undefined }),
    changed({ variables: undefined }),
    changed({ variables: null }),
    changed({ variables: ['a'] }),
    changed({ variables: { A: 1 } }),
    changed({ variables: { A: 'x' } }),
    changed({ variables: { A: { before: 'x' } } }),
    changed({ variables: { A: { before: 'x', exported: 1 } } }),
    changed({ profile: null }),
    changed({ profile: 'ci' }),
    changed({ profile: ['ci'] }),
    changed({ profile: { path: '/x', name: 'ci' } }),
    changed({ profile: { path: '/x', name: 'ci', id: 1 } }),
  ])('%s', (text) => {
    expect(parseState(text)).toBeUndefined()
  })

  test('the same text without a change is accepted', () => {
    expect(parseState(changed({}))).toEqual(RECORD)
  })
})
