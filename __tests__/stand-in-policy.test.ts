import { describe, expect, test } from '@jest/globals'

import {
  ALIYUN_STS_ASSUME_ROLE_ACCESS,
  evaluateIdentity,
  evaluateTrust,
  globMatches,
  parseIdentityPolicy,
  parseTrustPolicy,
  PolicyGrammarError,
  trustOfOidc,
  trustOfRam,
} from '../stand-in/policy.js'

const ROLE = 'acs:ram::1234567890123456:role/deploy'
const PROVIDER = 'acs:ram::1234567890123456:oidc-provider/github'

function identity(...statements: object[]) {
  return parseIdentityPolicy({ Version: '1', Statement: statements })
}

describe('permission policies', () => {
  const allow = { Effect: 'Allow', Action: 'sts:AssumeRole', Resource: ROLE }

  test.each([
    ['the system policy', [parseIdentityPolicy(ALIYUN_STS_ASSUME_ROLE_ACCESS)], 'Allow'],
    ['no policy', [], 'ImplicitDeny'],
    ['the role by name', [identity(allow)], 'Allow'],
    [
      'the role in lists',
      [identity({ ...allow, Action: ['oss:*', 'sts:AssumeRole'], Resource: ['*:x', ROLE].slice(1) })],
      'Allow',
    ],
    ['a region pattern', [identity({ ...allow, Resource: 'acs:ram:*:1234567890123456:role/dep*' })], 'Allow'],
    ['another role', [identity({ ...allow, Resource: `${ROLE}ment` })], 'ImplicitDeny'],
    ['another action', [identity({ ...allow, Action: 'sts:GetCallerIdentity' })], 'ImplicitDeny'],
    ['every action of sts', [identity({ ...allow, Action: 'sts:*' })], 'Allow'],
    ['NotAction', [identity({ Effect: 'Allow', NotAction: 'oss:*', Resource: '*' })], 'Allow'],
    [
      'NotResource that names the role',
      [identity({ Effect: 'Allow', Action: '*', NotResource: ROLE })],
      'ImplicitDeny',
    ],
    ['a Deny beside an Allow', [identity(allow, { ...allow, Effect: 'Deny' })], 'ExplicitDeny'],
    [
      'a Deny in another policy, first',
      [identity({ ...allow, Effect: 'Deny', Resource: '*' }), identity(allow)],
      'ExplicitDeny',
    ],
    [
      'an Allow under a condition that cannot be judged',
      [identity({ ...allow, Condition: { IpAddress: { 'acs:SourceIp': '10.0.0.0/8' } } })],
      'ImplicitDeny',
    ],
    [
      'a Deny under a condition that cannot be judged',
      [identity(allow, { ...allow, Effect: 'Deny', Condition: { Bool: { 'acs:MFAPresent': false } } })],
      'ExplicitDeny',
    ],
  ] as const)('%s', (_name, policies, verdict) => {
    expect(evaluateIdentity(policies, 'sts:AssumeRole', ROLE)).toBe(verdict)
  })
})

describe('trust policies', () => {
  const user = { kind: 'RAM', accountId: '1', arn: 'acs:ram::1:user/ci' } as const

  test.each([
    [['acs:ram::1:root'], 'Allow'],
    [['acs:ram::1:user/ci'], 'Allow'],
    [['acs:ram::1:user/cd', 'acs:ram::1:user/ci'], 'Allow'],
    [['acs:ram::2:root'], 'ImplicitDeny'],
    [['acs:ram::1:user/c'], 'ImplicitDeny'],
    [['acs:ram::1:role/ci'], 'ImplicitDeny'],
  ] as const)('RAM principals %j', (principals, verdict) => {
    expect(evaluateTrust(parseTrustPolicy(trustOfRam(principals)), user, {})).toBe(verdict)
  })

  test('a service is not a RAM identity', () => {
    const policy = parseTrustPolicy({
      Version: '1',
      Statement: [
        { Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { Service: ['ecs.aliyuncs.com'] } },
      ],
    })
    expect(evaluateTrust(policy, user, {})).toBe('ImplicitDeny')
  })

  test('the external ID has to be the one in the condition', () => {
    const policy = parseTrustPolicy(
      trustOfRam(['acs:ram::1:root'], { StringEquals: { 'sts:ExternalId': 'abc' } }),
    )
    expect(evaluateTrust(policy, user, { 'sts:ExternalId': ['abc'] })).toBe('Allow')
    expect(evaluateTrust(policy, user, { 'sts:ExternalId': ['ABC'] })).toBe('ImplicitDeny')
    expect(evaluateTrust(policy, user, {})).toBe('ImplicitDeny')
  })

  const context = {
    'oidc:iss': ['https://i'],
    'oidc:aud': ['a', 'b'],
    'oidc:sub': ['repo:o/r:ref:refs/heads/main'],
  }
  test.each([
    [
      {
        StringEquals: {
          'oidc:iss': 'https://i',
          'oidc:aud': ['b', 'c'],
          'oidc:sub': 'repo:o/r:ref:refs/heads/main',
        },
      },
      'Allow',
    ],
    [{ StringEquals: { 'oidc:aud': 'a' }, StringLike: { 'oidc:sub': ['repo:x/*', 'repo:o/r:*'] } }, 'Allow'],
    [{ StringLike: { 'oidc:sub': 'repo:o/r:ref:refs/heads/ma?n' } }, 'Allow'],
    [{ StringLike: { 'oidc:sub': 'repo:O/r:*' } }, 'ImplicitDeny'],
    [{ StringLike: { 'oidc:sub': 'repo:o/r' } }, 'ImplicitDeny'],
    [{ StringEquals: { 'oidc:sub': 'repo:o/r:*' } }, 'ImplicitDeny'],
    [{ StringEqualsIgnoreCase: { 'oidc:sub': 'REPO:O/R:ref:refs/heads/main' } }, 'Allow'],
    [{ StringEquals: { 'oidc:aud': 'a', 'oidc:iss': 'https://j' } }, 'ImplicitDeny'],
    [{ StringNotEquals: { 'oidc:aud': 'a' } }, 'ImplicitDeny'],
    [{ StringNotEquals: { 'oidc:aud': 'c' } }, 'Allow'],
    [{ StringNotLike: { 'oidc:sub': '*:ref:refs/heads/*' } }, 'ImplicitDeny'],
  ] as const)('OIDC under %j', (condition, verdict) => {
    const policy = parseTrustPolicy(trustOfOidc(PROVIDER, condition))
    expect(evaluateTrust(policy, { kind: 'Federated', providerArn: PROVIDER }, context)).toBe(verdict)
    expect(evaluateTrust(policy, { kind: 'Federated', providerArn: `${PROVIDER}2` }, context)).toBe(
      'ImplicitDeny',
    )
    expect(evaluateTrust(policy, user, context)).toBe('ImplicitDeny')
  })

  test('a Deny statement overrides every Allow', () => {
    const statement = { Action: 'sts:AssumeRole', Principal: { RAM: 'acs:ram::1:root' } }
    const policy = parseTrustPolicy({
      Version: '1',
      Statement: [
        { ...statement, Effect: 'Deny' },
        { ...statement, Effect: 'Allow' },
      ],
    })
    expect(evaluateTrust(policy, user, {})).toBe('ExplicitDeny')
  })
})

describe('the grammar of policies', () => {
  const trust = { Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { RAM: ['acs:ram::1:root'] } }
  const one = (statement: object) => ({ Version: '1', Statement: [statement] })

  test('a policy may be JSON text', () => {
    expect(parseTrustPolicy(JSON.stringify(one(trust)))).toHaveLength(1)
  })

  test.each([
    '',
    '{',
    'null',
    '[]',
    '"text"',
    {},
    { Version: 1, Statement: [trust] },
    { Version: '2012-10-17', Statement: [trust] },
    { Version: '1', Statement: [] },
    { Version: '1', Statement: trust },
    { Version: '1', Statement: [trust], Id: 'x' },
    one({ ...trust, Effect: 'allow' }),
    one({ ...trust, Sid: 'x' }),
    one({ ...trust, Resource: '*' }),
    one({ ...trust, Action: 'sts:AssumeRoleWithWebIdentity' }),
    one({ ...trust, Action: [] }),
    one({ ...trust, Principal: {} }),
    one({ ...trust, Principal: '*' }),
    one({ ...trust, Principal: { AWS: 'acs:ram::1:root' } }),
    one({ ...trust, Principal: { RAM: ['arn:aws:iam::1:root'] } }),
    one({ ...trust, Principal: { RAM: [1] } }),
    one({ ...trust, Principal: { Federated: ['token.actions.githubusercontent.com'] } }),
    one({ ...trust, Principal: { Service: ['ec2.amazonaws.com'] } }),
    one({ ...trust, Condition: { StringMatches: { 'oidc:sub': 'x' } } }),
    one({ ...trust, Condition: { toString: { 'oidc:sub': 'x' } } }),
    one({ ...trust, Condition: { StringEquals: { 'oidc:repository': 'x' } } }),
    one({ ...trust, Condition: { StringEquals: { sub: 'x' } } }),
    one({ ...trust, Condition: { StringEquals: { 'oidc:sub': [] } } }),
    one({ ...trust, Condition: { StringEquals: { 'oidc:sub': null } } }),
    one({ ...trust, Condition: { StringEquals: 'x' } }),
    one({ ...trust, Condition: [] }),
  ])('refuses the trust policy %j', (document) => {
    expect(() => parseTrustPolicy(document)).toThrow(PolicyGrammarError)
  })

  const permission = { Effect: 'Allow', Action: 'oss:*', Resource: '*' }
  test.each([
    one({ ...permission, NotAction: 'oss:*' }),
    one({ Effect: 'Allow', Resource: '*' }),
    one({ Effect: 'Allow', Action: 'oss:*' }),
    one({ ...permission, Action: 'everything' }),
    one({ ...permission, Resource: 'arn:aws:s3:::x' }),
    one({ ...permission, Principal: { RAM: 'acs:ram::1:root' } }),
  ])('refuses the permissions policy %j', (document) => {
    expect(() => parseIdentityPolicy(document)).toThrow(PolicyGrammarError)
  })
})

test.each([
  ['*', '', true],
  ['a*c', 'a/b:c', true],
  ['a*c', 'a\nc', true],
  ['a?c', 'ac', false],
  ['a.c', 'abc', false],
  ['(a|b)[c]{1}\\d$^+', '(a|b)[c]{1}\\d$^+', true],
  ['a', 'ab', false],
  ['?', '😀', true],
])('pattern %j on %j: %j', (pattern, value, matches) => {
  expect(globMatches(pattern, value)).toBe(matches)
})
