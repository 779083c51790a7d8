import { describe, expect, test } from '@jest/globals'
import { chooseSource, CREDENTIAL_SOURCES, type CredentialSource } from '../src/identity/choose.js'

/** What a combination comes to, short enough for a table. */
function outcome(...signs: Parameters<typeof chooseSource>): string {
  const choice = chooseSource(...signs)
  return 'fault' in choice
    ? `fault of ${choice.input}`
    : choice.source + (choice.warning === undefined ? '' : ', with a warning')
}

const GIVEN = [
  { provider: false, tokenFile: false, key: false },
  { provider: true, tokenFile: false, key: false },
  { provider: false, tokenFile: true, key: false },
  { provider: true, tokenFile: true, key: false },
  { provider: false, tokenFile: false, key: true },
  { provider: true, tokenFile: false, key: true },
  { provider: false, tokenFile: true, key: true },
  { provider: true, tokenFile: true, key: true },
]
const FAULT = 'fault of credential-source'
const CHAINING_FAULT = 'fault of role-chaining'

/**
 * Columns: the combinations of GIVEN in order. Each row is credential-source, then role-chaining.
 */
const PINNED: [CredentialSource | undefined, boolean, string[]][] = [
  [undefined, false, [FAULT, 'oidc', 'oidc', 'oidc', 'access-key', FAULT, FAULT, FAULT]],
  [
    undefined,
    true,
    [
      'environment',
      'environment, with a warning',
      CHAINING_FAULT,
      CHAINING_FAULT,
      CHAINING_FAULT,
      CHAINING_FAULT,
      CHAINING_FAULT,
      CHAINING_FAULT,
    ],
  ],
  // The new name wins over its former one, so role-chaining makes no difference from here on.
  ['oidc', false, ['oidc', 'oidc', 'oidc', 'oidc', FAULT, FAULT, FAULT, FAULT]],
  ['oidc', true, ['oidc', 'oidc', 'oidc', 'oidc', FAULT, FAULT, FAULT, FAULT]],
  ['access-key', false, ['access-key', FAULT, FAULT, FAULT, 'access-key', FAULT, FAULT, FAULT]],
  ['access-key', true, ['access-key', FAULT, FAULT, FAULT, 'access-key', FAULT, FAULT, FAULT]],
  ['environment', false, ['environment', FAULT, FAULT, FAULT, FAULT, FAULT, FAULT, FAULT]],
  ['environment', true, ['environment', FAULT, FAULT, FAULT, FAULT, FAULT, FAULT, FAULT]],
  ['ecs-ram-role', false, ['ecs-ram-role', FAULT, FAULT, FAULT, FAULT, FAULT, FAULT, FAULT]],
  ['ecs-ram-role', true, ['ecs-ram-role', FAULT, FAULT, FAULT, FAULT, FAULT, FAULT, FAULT]],
]

test('the test table covers every combination of the inputs that name a source', () => {
  const combinations = PINNED.map(([explicit, chaining]) => `${explicit ?? 'none'} ${String(chaining)}`)
  expect(new Set(combinations).size).toBe((CREDENTIAL_SOURCES.length + 1) * 2)
  expect(new Set(GIVEN.map((signs) => JSON.stringify(signs))).size).toBe(2 ** 3)
})

describe.each(PINNED)('credential-source %s, role-chaining %s', (explicit, chaining, outcomes) => {
  test('chooses the source that the documentation promises', () => {
    expect(GIVEN.map((given) => outcome({ explicit, chaining, ...given }))).toEqual(outcomes)
  })
})

test('every error names the inputs that contradict each other, and what is accepted', () => {
  const choices = PINNED.flatMap(([explicit, chaining]) =>
    GIVEN.map((given) => chooseSource({ explicit, chaining, ...given })),
  )
  const accepted = new Map(
    choices.flatMap((choice) => ('fault' in choice ? [[choice.fault, choice.accepted]] : [])),
  )
  const keyInputs = 'access-key-id, access-key-secret or security-token'
  const oidcInputs = 'oidc-provider-arn or oidc-token-file'
  expect([...accepted.keys()].sort()).toEqual([
    `"access-key" contradicts ${oidcInputs}, which is given too`,
    `"ecs-ram-role" contradicts ${keyInputs}, which is given too`,
    `"ecs-ram-role" contradicts ${oidcInputs}, which is given too`,
    `"environment" contradicts ${keyInputs}, which is given too`,
    `"environment" contradicts ${oidcInputs}, which is given too`,
    `"oidc" contradicts ${keyInputs}, which is given too`,
    'no source is given',
    `true takes the key from the environment, and ${keyInputs} is given too`,
    'true takes the key from the environment, and oidc-token-file is given too',
    `two sources are given: ${oidcInputs}, and ${keyInputs}`,
  ])
  expect(accepted.get('no source is given')).toMatch(
    /^oidc-provider-arn with .*access-key-id.*credential-source: environment/,
  )
  accepted.delete('no source is given')
  expect(new Set(accepted.values())).toEqual(new Set(['the inputs of one source']))
})
