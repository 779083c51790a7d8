import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { defaultSessionName, sanitisedSessionName } from '../src/inputs/role-session-name.js'

/** STS's rule for RoleSessionName. */
const STS_RULE = /^[A-Za-z0-9.@_-]{2,64}$/

const anyText = fc.string({ unit: 'binary' })
const part = fc.option(fc.oneof(anyText, fc.string({ minLength: 30, maxLength: 100 })), { nil: undefined })
const runId = fc.option(fc.stringMatching(/^[0-9]{1,20}$/), { nil: undefined })

describe('the default name', () => {
  test.each([
    ['octo-org', 'octo-repo', '123', 'GitHubActions-octo-org-octo-repo-123'],
    [undefined, undefined, undefined, 'GitHubActions'],
    ['', '', '', 'GitHubActions'],
    ['octo-org', undefined, '1', 'GitHubActions-octo-org-1'],
    [undefined, undefined, '1', 'GitHubActions-1'],
    ['octo-org', 'octo-repo', undefined, 'GitHubActions-octo-org-octo-repo'],
    ['o', 'a b/ü😀', '1', 'GitHubActions-o-a-b----1'],
    ['o'.repeat(39), 'r'.repeat(100), '30433642', `GitHubActions-${'o'.repeat(39)}-r-30433642`],
  ])('of %j, %j, %j is %s', (owner, repo, run, name) => {
    expect(defaultSessionName({ owner, repo, runId: run })).toBe(name)
  })

  test('is always one that STS accepts, with the whole run ID at its end', () => {
    fc.assert(
      fc.property(part, part, runId, (owner, repo, run) => {
        const name = defaultSessionName({ owner, repo, runId: run })
        expect(name).toMatch(STS_RULE)
        expect(name).toMatch(new RegExp(`^GitHubActions.*${run === undefined ? '' : `-${run}`}$`))
      }),
    )
  })

  test('follows the rule even if the run ID is not a number', () => {
    fc.assert(
      fc.property(part, part, part, (owner, repo, run) => {
        expect(defaultSessionName({ owner, repo, runId: run })).toMatch(STS_RULE)
      }),
    )
  })
})

describe('a given name', () => {
  test('keeps what STS allows, has a hyphen for every other character, and is cut at 64', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, fc.string({ minLength: 50, maxLength: 200 })), (given) => {
        const name = sanitisedSessionName(given)
        const characters = Array.from(given).slice(0, 64)
        expect(name).toHaveLength(characters.length)
        characters.forEach((character, index) => {
          expect(name[index]).toBe(/[A-Za-z0-9.@_-]/.test(character) ? character : '-')
        })
      }),
    )
  })
})
