import { describe, expect, test } from '@jest/globals'
import { identityBehind, OIDC_PROVIDER_ARN, parseArn, ROLE_ARN } from '../src/sts/arn.js'

const ACCOUNT = '1234567890123456'

describe('an ARN in each form that STS returns', () => {
  test.each([
    ['acs:ram::A:role/admin', 'ram', 'role', 'admin'],
    ['acs:ram::A:role/admin/session', 'ram', 'role', 'admin/session'],
    ['acs:ram::A:assumed-role/admin/session', 'ram', 'assumed-role', 'admin/session'],
    ['acs:sts::A:assumed-role/admin/a@b.c_d-e', 'sts', 'assumed-role', 'admin/a@b.c_d-e'],
    ['acs:ram::A:user/ci', 'ram', 'user', 'ci'],
    ['acs:ram::A:root', 'ram', 'root', ''],
    ['acs:ram::A:oidc-provider/github', 'ram', 'oidc-provider', 'github'],
  ])('%s', (text, service, type, resource) => {
    expect(parseArn(text.replace(':A:', `:${ACCOUNT}:`))).toEqual({
      service,
      accountId: ACCOUNT,
      type,
      resource,
    })
  })

  test('an account ID keeps its zeros and its length', () => {
    expect(parseArn('acs:ram::000123:root')?.accountId).toBe('000123')
    expect(parseArn('acs:ram::12345678901234567890:root')?.accountId).toBe('12345678901234567890')
  })
})

test.each([
  '',
  'admin',
  'arn:aws:iam::1:role/admin',
  'acs:ecs::1:instance/i',
  'acs:ram:cn-hangzhou:1:role/admin',
  'acs:ram::*:role/admin',
  'acs:ram:::role/admin',
  'acs:ram::1:role/',
  'acs:ram::1:',
  'acs:ram::1',
  'ACS:RAM::1:role/admin',
  ' acs:ram::1:root',
  'acs:ram::1:root\n',
  'acs:ram::1:role/a\nb',
  'acs:ram::1:role/a\rb',
  'acs:ram::1:role/a\u2028b',
  'acs:ram::1:role/a/\u001b[2Jb',
  'acs:ram::1:role/a/\u202eb',
  'acs:ram::１:root',
])('%j is not an ARN that this step reads', (text) => {
  expect(parseArn(text)).toBeUndefined()
  expect(identityBehind(text)).toBe(text)
})

test.each([
  ['acs:ram::1:role/admin/session', 'acs:ram::1:role/admin'],
  ['acs:ram::1:role/admin', 'acs:ram::1:role/admin'],
  ['acs:ram::1:assumed-role/admin/session', 'acs:ram::1:role/admin'],
  ['acs:sts::1:assumed-role/admin/session', 'acs:ram::1:role/admin'],
  ['acs:ram::1:user/ci', 'acs:ram::1:user/ci'],
  ['acs:ram::1:root', 'acs:ram::1:root'],
])('the identity behind %s is %s', (text, identity) => {
  expect(identityBehind(text)).toBe(identity)
})

describe('ARNs that the inputs accept', () => {
  test('a role', () => {
    for (const name of ['a', 'A.9-z', 'a_b', 'x'.repeat(64)])
      expect(`acs:ram::1:role/${name}`).toMatch(ROLE_ARN)
    for (const name of ['', 'a b', 'a/b', 'a@b', 'ä', 'a\n', 'x'.repeat(65)])
      expect(`acs:ram::1:role/${name}`).not.toMatch(ROLE_ARN)
  })

  test('an OIDC provider', () => {
    for (const name of ['a', 'A.9-z_', 'x'.repeat(128)])
      expect(`acs:ram::1:oidc-provider/${name}`).toMatch(OIDC_PROVIDER_ARN)
    for (const name of ['', 'a b', 'a/b', 'ä', 'a\n', 'x'.repeat(129)]) {
      expect(`acs:ram::1:oidc-provider/${name}`).not.toMatch(OIDC_PROVIDER_ARN)
    }
    expect('acs:ram::1:role/github').not.toMatch(OIDC_PROVIDER_ARN)
    expect('acs:ram::1:oidc-provider/github').not.toMatch(ROLE_ARN)
  })
})
