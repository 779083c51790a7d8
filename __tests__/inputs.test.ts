import { describe, expect, test } from '@jest/globals'
import openApi from '@alicloud/openapi-core'
import stsSdk from '@alicloud/sts20150401'
import fc from 'fast-check'
import { InputError } from '../src/inputs/fault.js'
import { parseInputs, type InputContext, type Inputs } from '../src/inputs/inputs.js'
import { INPUT_NAMES, SECRET_INPUTS, type InputName } from '../src/inputs/table.js'
import { plain } from '../src/text/prose.js'

type Given = Partial<Record<InputName, string>>

const CONTEXT: InputContext = {
  defaultSessionName: 'GitHubActions-o-r-1',
  environmentKey: undefined,
  otherFaults: [],
  namesGiven: [],
  secrets: [],
}
const ENVIRONMENT_KEY = {
  accessKeyId: 'LTAIenv',
  accessKeySecret: 'env secret'.replace(' ', '+'),
  securityToken: undefined,
}
const ROLE = 'acs:ram::1234567890123456:role/deploy'
const PROVIDER = 'acs:ram::1234567890123456:oidc-provider/github'
const BY_KEY: Given = { 'access-key-id': 'LTAIid', 'access-key-secret': 'secret', 'role-to-assume': ROLE }
const BY_OIDC: Given = { 'oidc-provider-arn': PROVIDER, 'role-to-assume': ROLE }
const HANDED_ON: Given = {
  'access-key-id': 'STS.id',
  'access-key-secret': 'secret',
  'security-token': 'CAIStoken',
}

function parse(given: Given, context: Partial<InputContext> = {}): Inputs {
  return parseInputs((name) => given[name], { ...CONTEXT, ...context })
}

/** The errors of these inputs; none if they are accepted. */
function faultsOf(given: Given, context: Partial<InputContext> = {}): readonly string[] {
  try {
    parse(given, context)
    return []
  } catch (failure) {
    if (failure instanceof InputError) return failure.faults.map(plain)
    throw failure
  }
}

describe('inputs that are omitted', () => {
  test('a key and a role are enough; everything else has its default', () => {
    expect(parse(BY_KEY)).toEqual({
      source: {
        kind: 'access-key',
        key: { accessKeyId: 'LTAIid', accessKeySecret: 'secret', securityToken: undefined },
      },
      roles: [ROLE],
      session: {
        durationSeconds: 3600,
        roleSessionName: 'GitHubActions-o-r-1',
        externalId: undefined,
        sourceIdentity: undefined,
        policy: undefined,
      },
      region: undefined,
      endpoint: new URL('https://sts.aliyuncs.com'),
      allowedAccountIds: [],
      maxAttempts: 5,
      timeoutSeconds: 60,
      exportVariables: true,
      exportFor: [],
      outputCredentials: false,
      maskAccountId: false,
      profile: undefined,
      cleanup: true,
      refresh: false,
      warnings: [],
    })
    expect(parse(BY_OIDC).source).toEqual({
      kind: 'oidc',
      providerArn: PROVIDER,
      audience: 'sts.aliyuncs.com',
      tokenFile: undefined,
    })
  })

  test.each(['', ' ', '\n', '\t \r\n', '\u00a0', '\ufeff'])('%j counts as omitted', (blank) => {
    const blanks = Object.fromEntries(INPUT_NAMES.map((name) => [name, blank]))
    expect(parse({ ...blanks, ...BY_KEY })).toEqual(parse(BY_KEY))
    expect(parse({ ...blanks, ...BY_OIDC })).toEqual(parse(BY_OIDC))
  })

  test('values are trimmed, since pasted keys carry newlines', () => {
    const padded = (given: Given): Given =>
      Object.fromEntries(Object.entries(given).map(([name, value]) => [name, ` \t${value}\r\n`]))
    const given: Given = {
      ...HANDED_ON,
      'role-to-assume': ROLE,
      region: 'cn-hangzhou',
      profile: 'ci',
      cleanup: 'false',
      'role-duration-seconds': '900',
    }
    expect(parse(padded(given))).toEqual(parse(given))
  })

  test('without a source there is one error, which says what to set', () => {
    expect(faultsOf({})).toEqual([
      expect.stringMatching(/^credential-source: no source is given\. Accepted: oidc-provider-arn/),
    ])
  })
})

describe('role-to-assume', () => {
  const OTHER = 'acs:ram::42:role/a.b-9'
  test.each([
    [ROLE, [ROLE]],
    [`${ROLE}\n${OTHER}`, [ROLE, OTHER]],
    [`${ROLE},${OTHER}`, [ROLE, OTHER]],
    [`\n  ${OTHER} ,\r\n,\t${ROLE}\n\n`, [OTHER, ROLE]],
    ['acs:ram::1:role/a_b', ['acs:ram::1:role/a_b']],
    [`acs:ram::1:role/${'x'.repeat(64)}`, [`acs:ram::1:role/${'x'.repeat(64)}`]],
  ])('%j', (text, roles) => {
    expect(parse({ ...BY_KEY, 'role-to-assume': text }).roles).toEqual(roles)
  })

  test.each([
    'arn:aws:iam::1:role/x',
    'acs:ram::1:user/x',
    'acs:ram:::role/x',
    'acs:ram::1:role/',
    'acs:ram::1:role/a/b',
    `acs:ram::1:role/${'x'.repeat(65)}`,
    'acs:sts::1:assumed-role/r/s',
    'acs:ram::１:role/x',
    ',',
    ', ,\n,',
  ])('refuses %j', (text) => {
    expect(faultsOf({ ...BY_KEY, 'role-to-assume': text })).toEqual([
      `role-to-assume: got ${JSON.stringify(text)}. Accepted: acs:ram::<account ID>:role/<role name>, one or more.`,
    ])
  })

  test('names each wrong role of several', () => {
    expect(faultsOf({ ...BY_KEY, 'role-to-assume': `a/b,${ROLE},c/d` })).toHaveLength(2)
  })

  test('a name alone takes the account of oidc-provider-arn', () => {
    const given: Given = { ...BY_OIDC, 'role-to-assume': 'deploy,acs:ram::42:role/x\na_b.c-9' }
    expect(parse(given).roles).toEqual([ROLE, 'acs:ram::42:role/x', 'acs:ram::1234567890123456:role/a_b.c-9'])
  })

  test('a name alone without oidc-provider-arn is an error, but not a second one if that ARN is wrong', () => {
    expect(faultsOf({ ...BY_KEY, 'role-to-assume': 'deploy' })).toEqual([
      'role-to-assume: got "deploy", the name of a role without its account. Accepted: acs:ram::<account ID>:role/<role name>; the name alone only with oidc-provider-arn, which gives the account.',
    ])
    expect(faultsOf({ 'oidc-provider-arn': 'github', 'role-to-assume': 'deploy' })).toEqual([
      expect.stringMatching(/^oidc-provider-arn: got "github"/),
    ])
  })
})

describe('the source', () => {
  test('oidc requires a provider and a role', () => {
    expect(faultsOf({ 'oidc-token-file': '/token' })).toEqual([
      expect.stringMatching(/^role-to-assume: nothing given\. Accepted: the ARN of the role/),
      expect.stringMatching(/^oidc-provider-arn: nothing given\. Accepted: acs:ram::/),
    ])
    expect(faultsOf({ ...BY_OIDC, 'oidc-provider-arn': 'github' })).toEqual([
      expect.stringMatching(
        /^oidc-provider-arn: got "github"\. Accepted: acs:ram::<account ID>:oidc-provider\//,
      ),
    ])
    expect(parse({ ...BY_OIDC, audience: 'x', 'oidc-token-file': 'a b/token' }).source).toEqual({
      kind: 'oidc',
      providerArn: PROVIDER,
      audience: 'x',
      tokenFile: 'a b/token',
    })
  })

  test('access-key requires an ID and a secret', () => {
    expect(faultsOf({ ...BY_KEY, 'access-key-secret': '' })).toEqual([
      expect.stringMatching(
        /^access-key-secret: nothing given\. .*A secret that does not exist arrives as an empty input\.$/,
      ),
    ])
    expect(faultsOf({ 'credential-source': 'access-key', 'role-to-assume': ROLE })).toHaveLength(2)
    expect(faultsOf({ 'security-token': 'CAIStoken', 'role-to-assume': ROLE })).toHaveLength(2)
  })

  test('a long-lived key requires a role; a temporary one requires its token and is passed on', () => {
    expect(faultsOf({ ...BY_KEY, 'role-to-assume': '' })).toEqual([
      'role-to-assume: nothing given with a long-lived access key. Accepted: the ARN of the role to assume with that key: this step hands out temporary credentials only.',
    ])
    expect(parse(HANDED_ON).roles).toEqual([])
    for (const role of [ROLE, '']) {
      expect(faultsOf({ ...HANDED_ON, 'security-token': '', 'role-to-assume': role })).toEqual([
        expect.stringMatching(
          /^access-key-id: a temporary key \(its ID begins with "STS\."\) without its security token/,
        ),
      ])
    }
  })

  test('environment uses the key in the environment, and no other', () => {
    const given: Given = { 'credential-source': 'environment', 'role-to-assume': ROLE }
    expect(parse(given, { environmentKey: ENVIRONMENT_KEY }).source).toEqual({
      kind: 'environment',
      key: ENVIRONMENT_KEY,
    })
    expect(faultsOf(given)).toEqual([
      expect.stringMatching(/^credential-source: the job's environment holds no key\. Accepted: /),
    ])
    expect(faultsOf({ 'credential-source': 'environment' }, { environmentKey: ENVIRONMENT_KEY })).toEqual([
      expect.stringMatching(/^role-to-assume: nothing given with a long-lived access key/),
    ])
    expect(faultsOf(given, { environmentKey: { ...ENVIRONMENT_KEY, accessKeySecret: 'a b' } })).toEqual([
      expect.stringMatching(/^credential-source: the environment's key has white space/),
    ])
    expect(faultsOf(given, { environmentKey: { ...ENVIRONMENT_KEY, accessKeyId: 'STS.x' } })).toEqual([
      expect.stringMatching(/^credential-source: a temporary key/),
    ])
    // What the environment holds is nothing to a step that does not ask for it.
    expect(parse(BY_KEY, { environmentKey: ENVIRONMENT_KEY })).toEqual(parse(BY_KEY))
    expect(faultsOf({}, { environmentKey: ENVIRONMENT_KEY })).toHaveLength(1)
  })

  test('ecs-ram-role requires no other input', () => {
    expect(parse({ 'credential-source': 'ecs-ram-role' }).source).toEqual({ kind: 'ecs-ram-role' })
    expect(parse({ 'credential-source': 'ecs-ram-role', 'role-to-assume': ROLE }).roles).toEqual([ROLE])
  })

  test.each(['OIDC', 'ecs', 'key', 'ecs_ram_role', 'environment,oidc'])(
    'credential-source does not know %j',
    (name) => {
      expect(faultsOf({ ...BY_KEY, 'credential-source': name })).toEqual([
        `credential-source: got "${name}". Accepted: oidc, access-key, environment, ecs-ram-role.`,
      ])
    },
  )

  test('role-chaining: true means environment, with a warning if an OIDC provider is given too', () => {
    const context = { environmentKey: ENVIRONMENT_KEY }
    const chained = parse({ 'role-to-assume': ROLE, 'role-chaining': 'true' }, context)
    expect([chained.source.kind, chained.warnings]).toEqual(['environment', []])
    const beside = parse({ ...BY_OIDC, 'role-chaining': 'True' }, context)
    expect([beside.source.kind, beside.warnings]).toEqual([
      'environment',
      [[expect.stringMatching(/oidc-provider-arn is not used/)]],
    ])
    expect(parse({ ...BY_OIDC, 'role-chaining': 'false' }, context).source.kind).toBe('oidc')
    expect(
      parse({ ...BY_OIDC, 'role-chaining': 'true', 'credential-source': 'oidc' }, context).source.kind,
    ).toBe('oidc')
    expect(faultsOf({ ...BY_KEY, 'role-chaining': 'true' }, context)).toEqual([
      expect.stringMatching(/^role-chaining: true takes/),
    ])
  })
})

describe('inputs that only a role can use', () => {
  const WISHES: Given = {
    'role-duration-seconds': '900',
    'role-session-expiration': '900',
    'role-session-name': 'name',
    'role-external-id': 'id',
    'source-identity': 'me',
    'inline-session-policy': '{"Version":"1","Statement":[]}',
  }
  const SOURCES: [string, Given][] = [
    ['a temporary key of the inputs', HANDED_ON],
    ['the environment', { 'credential-source': 'environment' }],
    ["the instance's RAM role", { 'credential-source': 'ecs-ram-role' }],
  ]
  test.each(SOURCES)('are errors if %s is passed on, and accepted if a role is assumed', (_, source) => {
    const context = { environmentKey: { ...ENVIRONMENT_KEY, securityToken: 'CAIStoken' } }
    expect(faultsOf(source, context)).toEqual([])
    for (const [name, value] of Object.entries(WISHES)) {
      expect(faultsOf({ ...source, [name]: value }, context)).toEqual([
        `${name}: given without role-to-assume. Accepted: ${name} only if a role is assumed; credentials that are passed on stay as they are.`,
      ])
    }
    expect(faultsOf({ ...source, ...WISHES, 'role-to-assume': ROLE }, context)).toEqual([])
  })

  test('external ID and source identity are errors with OIDC, unless a second role follows', () => {
    const given: Given = { ...BY_OIDC, 'role-external-id': 'id', 'source-identity': 'me' }
    expect(faultsOf(given)).toEqual([
      expect.stringMatching(/^role-external-id: given for a role that is assumed with an OIDC token\./),
      expect.stringMatching(/^source-identity: given although the only role is assumed with an OIDC token\./),
    ])
    expect(parse({ ...given, 'role-to-assume': `${ROLE},${ROLE}` }).session).toMatchObject({
      externalId: 'id',
      sourceIdentity: 'me',
    })
  })
})

describe('the session', () => {
  test.each(['900', '3600', '43200', '0900'])('role-duration-seconds %s', (seconds) => {
    expect(parse({ ...BY_KEY, 'role-duration-seconds': seconds }).session.durationSeconds).toBe(
      Number(seconds),
    )
    expect(parse({ ...BY_KEY, 'role-session-expiration': seconds }).session.durationSeconds).toBe(
      Number(seconds),
    )
  })

  test.each([
    '0',
    '899',
    '43201',
    '-900',
    '+900',
    '1e3',
    '900.0',
    '1h',
    '0x384',
    '９００',
    '99999999999999999999',
    '9 00',
    'NaN',
  ])('role-duration-seconds refuses %j', (text) => {
    const accepted = 'Accepted: a whole number of seconds from 900 to 43200.'
    for (const name of ['role-duration-seconds', 'role-session-expiration'] as const) {
      expect(faultsOf({ ...BY_KEY, [name]: text })).toEqual([`${name}: got "${text}". ${accepted}`])
    }
  })

  test('the new name takes precedence over the deprecated one, even if that is blank or wrong', () => {
    const session = (given: Given): number => parse({ ...BY_KEY, ...given }).session.durationSeconds
    expect(session({ 'role-duration-seconds': '900', 'role-session-expiration': '1800' })).toBe(900)
    expect(session({ 'role-duration-seconds': '900', 'role-session-expiration': 'x' })).toBe(900)
    expect(session({ 'role-duration-seconds': ' ', 'role-session-expiration': '1800' })).toBe(1800)
  })

  test.each([
    ['nightly build #7', 'nightly-build--7'],
    ['a@b.c_d-e', 'a@b.c_d-e'],
    ['x'.repeat(65), 'x'.repeat(64)],
    ['näch\n😀t', 'n-ch--t'],
  ])('role-session-name %j becomes %j', (given, name) => {
    expect(parse({ ...BY_KEY, 'role-session-name': given }).session.roleSessionName).toBe(name)
  })

  test.each(['x', 'é', '-', '😀'])('role-session-name refuses %j, which is too short', (name) => {
    expect(faultsOf({ ...BY_KEY, 'role-session-name': name })).toEqual([
      `role-session-name: got "${name}". Accepted: 2 to 64 letters, digits and . @ _ - (any other character becomes a hyphen).`,
    ])
  })

  test.each([
    [
      'role-external-id',
      ['ab', 'a'.repeat(1224), 'A9_+=,.@:/-'],
      ['a', 'a'.repeat(1225), 'a b', 'ä1', 'a;b', 'a\nb'],
    ],
    [
      'source-identity',
      ['ab', 'a'.repeat(64), 'A9_+=,.@-'],
      ['a', 'a'.repeat(65), 'a b', 'acs:ram', 'aliyun:x', 'alibabacloud:x', 'a/b'],
    ],
  ] as [InputName, string[], string[]][])('%s', (name, accepted, refused) => {
    for (const value of accepted)
      expect(Object.values(parse({ ...BY_KEY, [name]: value }).session)).toContain(value)
    for (const value of refused) {
      expect(faultsOf({ ...BY_KEY, [name]: value })).toEqual([
        expect.stringMatching(new RegExp(`^${name}: got ".*Accepted: 2 to `)),
      ])
    }
  })

  const policy = (text: string): string | undefined =>
    parse({ ...BY_KEY, 'inline-session-policy': text }).session.policy

  test.each([
    ['{\n "Version" : "1",\t"Statement":\r\n[ ] }', '{"Version":"1","Statement":[]}'],
    // Strings keep their white space and their escapes.
    [
      '{"Version":"1","Statement":[{"Resource":"a  b\\" :\\\\", "Sid" : " \\u0020 "}]}',
      '{"Version":"1","Statement":[{"Resource":"a  b\\" :\\\\","Sid":" \\u0020 "}]}',
    ],
    // What RAM reads is what was written.
    [
      '{"Version":"1","Statement":[{"n": 12345678901234567890, "x": 1.50, "n": 1e400, "__proto__": 0}]}',
      '{"Version":"1","Statement":[{"n":12345678901234567890,"x":1.50,"n":1e400,"__proto__":0}]}',
    ],
  ])('inline-session-policy %j is sent without white space', (text, minified) => {
    expect(policy(text)).toBe(minified)
  })

  test('minified JSON keeps its meaning', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(' ', '\t', '\n  '), (value, indent) => {
        const document = { Version: '1', Statement: [value] }
        fc.pre(JSON.stringify(document).length <= 2048)
        expect(policy(JSON.stringify(document, undefined, indent))).toBe(JSON.stringify(document))
      }),
    )
  })

  test.each([
    ['not json', 'which is not JSON'],
    ["{'Version': '1'}", 'which is not JSON'],
    ['[]', ''],
    ['null', ''],
    ['"x"', ''],
    ['{"Version": 1, "Statement": []}', 'whose Version is not "1"'],
    ['{"Version": "2012-10-17", "Statement": []}', 'whose Version is not "1"'],
    ['{"Statement": []}', 'whose Version is not "1"'],
    ['{"Version": "1"}', 'without a Statement'],
  ])('inline-session-policy refuses %j', (text, why) => {
    const got = `got ${JSON.stringify(text)}${why === '' ? '' : `, ${why}`}`
    expect(faultsOf({ ...BY_KEY, 'inline-session-policy': text })).toEqual([
      `inline-session-policy: ${got}. Accepted: a RAM policy: a JSON object with "Version": "1" and "Statement".`,
    ])
  })

  test('inline-session-policy is measured without white space', () => {
    const padded = (length: number): string => {
      const text = '{"Version":"1","Statement":[{"Sid":""}]}'
      return text.replace('"Sid":""', `"Sid":   "${'x'.repeat(length - text.length)}"`)
    }
    expect(policy(padded(2048))).toHaveLength(2048)
    // A character of two bytes counts as two.
    const umlauts = padded(2048).replace('xx', 'ä')
    expect(policy(umlauts)).toBe(umlauts.replaceAll(' ', ''))
    expect(faultsOf({ ...BY_KEY, 'inline-session-policy': padded(2048).replace('x', 'ä') })).toHaveLength(1)
    expect(faultsOf({ ...BY_KEY, 'inline-session-policy': padded(2049) })).toEqual([
      'inline-session-policy: 2049 bytes without white space. Accepted: at most 2048 bytes.',
    ])
  })
})

describe('region', () => {
  class SdkClient extends stsSdk.default {
    get regions(): string[] {
      return Object.keys(this._endpointMap)
    }
  }
  const REGIONS = [
    ...new SdkClient(new openApi.$OpenApiUtil.Config({ regionId: 'cn-hangzhou' })).regions,
    ...['cn-hangzhou', 'cn-beijing', 'cn-wulanchabu', 'cn-heyuan', 'cn-hongkong', 'cn-hangzhou-finance'],
    ...['cn-beijing-finance-1', 'cn-shenzhen-finance-1', 'cn-north-2-gov-1', 'us-east-1', 'us-southeast-1'],
    ...['ap-southeast-1', 'ap-northeast-2', 'na-south-1', 'me-central-1', 'me-east-1', 'eu-west-1'],
  ]

  test.each(REGIONS)(
    '%s is accepted; its zones and its names of OSS are errors that suggest it',
    (region) => {
      expect(parse({ ...BY_KEY, region }).region).toBe(region)
      const names = [`oss-${region}`, `oss-${region}-internal`, `oss-${region}.aliyuncs.com`]
      // After a digit a zone's letter follows without a hyphen, outside mainland China.
      const zones = [`${region}-b`, ...(/-\d+$/.test(region) ? [`${region}a`] : [])]
      for (const text of [...names, ...zones, `oss-${region}-b`]) {
        expect(faultsOf({ ...BY_KEY, region: text })).toEqual([
          expect.stringMatching(
            new RegExp(`^region: got "${text}", which is a (zone|name of OSS)\\. Accepted: .* ${region}\\.$`),
          ),
        ])
      }
    },
  )

  test.each(['oss-', 'oss-x', 'oss', 'oss-accelerate.aliyuncs.com'])('%j suggests nothing', (region) => {
    const faults = faultsOf({ ...BY_KEY, region })
    if (region === 'oss') expect(faults).toEqual([])
    else
      expect(faults).toEqual([
        expect.stringMatching(/^region: got .* Accepted: a region ID such as cn-hangzhou\.$/),
      ])
  })
})

describe('region and sts-endpoint', () => {
  const endpoint = (given: Given): string => parse({ ...BY_KEY, ...given }).endpoint.href

  test.each(['cn-hangzhou', 'us-east-1', 'cn-zhangjiakou-na62-a01', 'x', `a${'-1'.repeat(31)}`])(
    'region %j',
    (region) => {
      expect(parse({ ...BY_KEY, region }).region).toBe(region)
      expect(endpoint({ region })).toMatch(/^https:\/\/sts\.([a-z0-9-]+\.)?aliyuncs\.com\/$/)
    },
  )

  test.each([
    'evil.com#',
    'evil.com/',
    'evil.com?',
    'a@evil.com',
    'cn-hangzhou.evil.com',
    '../x',
    'cn_hangzhou',
    'CN-HANGZHOU',
    'cn-hangzhou\nX: y',
    'cn hangzhou',
    '%63n',
    'ｃn-hangzhou',
    'xn--a',
    '-',
    'cn-',
    '-cn',
    'cn--hangzhou',
    'x'.repeat(64),
    '127.0.0.1',
    'cn-hangzhou\u0000',
    '[::1]',
    'cn:80',
  ])('region refuses %j', (region) => {
    expect(faultsOf({ ...BY_KEY, region })).toEqual([
      `region: got ${JSON.stringify(region)}. Accepted: a region ID such as cn-hangzhou.`,
    ])
  })

  test.each([
    ['sts.cn-hangzhou.aliyuncs.com', 'https://sts.cn-hangzhou.aliyuncs.com/'],
    ['https://sts-vpc.cn-hangzhou.aliyuncs.com', 'https://sts-vpc.cn-hangzhou.aliyuncs.com/'],
    ['https://sts.aliyuncs.com/', 'https://sts.aliyuncs.com/'],
    ['HTTPS://STS.Aliyuncs.com:443', 'https://sts.aliyuncs.com/'],
    ['sts.internal:8443', 'https://sts.internal:8443/'],
    ['sts', 'https://sts/'],
    ['127.0.0.1:1234', 'https://127.0.0.1:1234/'],
    ['http://127.0.0.1:1234', 'http://127.0.0.1:1234/'],
    ['http://127.255.0.9', 'http://127.255.0.9/'],
    ['http://localhost:1', 'http://localhost:1/'],
    ['http://[::1]:1', 'http://[::1]:1/'],
    ['[2001:db8::1]', 'https://[2001:db8::1]/'],
  ])('sts-endpoint %j', (given, url) => {
    expect(endpoint({ 'sts-endpoint': given, region: 'us-east-1' })).toBe(url)
  })

  test.each([
    // http away from loopback
    'http://sts.aliyuncs.com',
    'http://128.0.0.1',
    'http://localhost.evil.com',
    'http://127.0.0.1.evil.com',
    'http://127.evil.com',
    'http://[::2]',
    'http://[::ffff:127.0.0.1]',
    'http://localhost.',
    // other ways to write an address
    '127.1',
    'http://127.1',
    'http://0x7f000001',
    'http://2130706433',
    'http://0177.0.0.1',
    'http://[0:0:0:0:0:0:0:1]',
    '0',
    // more than a host
    'https://sts.aliyuncs.com/path',
    'sts.aliyuncs.com/path',
    'sts.aliyuncs.com//',
    'sts.aliyuncs.com?x=1',
    'sts.aliyuncs.com?',
    'sts.aliyuncs.com#x',
    'evil.com#',
    'https://evil.com#.aliyuncs.com',
    'https://evil.com?.aliyuncs.com',
    'https://evil.com\\.aliyuncs.com',
    'https:\\\\evil.com',
    'https:/evil.com',
    'https:evil.com',
    '//evil.com',
    'https://',
    'https:// sts.aliyuncs.com',
    'sts.aliyuncs.com:',
    'sts.aliyuncs.com:x',
    'sts.aliyuncs.com:99999',
    'sts.aliyuncs.com:80:80',
    // names that are not written as they are called
    'sts%2Ealiyuncs%2Ecom',
    'sts.aliyuncs.com%2f.evil.com',
    'sts.aliyuncs.com.',
    'sts..aliyuncs.com',
    '.aliyuncs.com',
    '-sts.aliyuncs.com',
    'sts_.aliyuncs.com',
    'ſts.aliyuncs.com',
    'ｓts.aliyuncs.com',
    'sts。aliyuncs。com',
    'stѕ.aliyuncs.com',
    'xn--a.aliyuncs.com',
    'sts.xn--fiqs8s',
    'sts.aliyuncs.com\u0000',
    'sts.aliyuncs.com\nHost: evil.com',
    'sts.aliyuncs.com evil.com',
    '::1',
    '[::1',
    '[fe80::1%25eth0]',
    // other schemes
    'ftp://sts.aliyuncs.com',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'httpss://sts.aliyuncs.com',
  ])('sts-endpoint refuses %j', (given) => {
    expect(faultsOf({ ...BY_KEY, 'sts-endpoint': given })).toEqual([
      `sts-endpoint: got ${JSON.stringify(given)}. Accepted: a host such as sts.cn-hangzhou.aliyuncs.com, or its https URL without path, query and user; http only for a loopback address.`,
    ])
  })

  test.each([
    'https://user:password@evil.com',
    'https://password@sts.aliyuncs.com',
    'user:password@sts.aliyuncs.com',
    'https://user:pass/password@x',
    'https://@sts.aliyuncs.com',
    'sts.aliyuncs.com@evil.com',
    'a@password@b',
  ])('sts-endpoint refuses %j, and does not repeat what may be a password', (given) => {
    const [fault, ...others] = faultsOf({ ...BY_KEY, 'sts-endpoint': given })
    expect(fault).toContain(`sts-endpoint: got "***@`)
    expect(fault).not.toContain('password')
    expect(others).toEqual([])
  })

  test('an accepted endpoint is called exactly as it is written', () => {
    const piece = fc.constantFrom(
      ...'abz019.-:/@#?\\%[]_ '.split(''),
      'localhost',
      'http://',
      'https://',
      '127.0.0.1',
      'ß',
      '\n',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join('')
        const given = { ...BY_KEY, 'sts-endpoint': text }
        fc.pre(text.trim() !== '' && faultsOf(given).length === 0)
        const { protocol, hostname, pathname, search, hash, username, password } = parse(given).endpoint
        expect(text).toContain(hostname)
        expect([pathname, search, hash, username, password]).toEqual(['/', '', '', '', ''])
        expect(protocol === 'https:' || /^(127\.[0-9.]+|localhost)$/.test(hostname)).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('numbers and booleans', () => {
  test.each([
    ['retry-max-attempts', 'maxAttempts', ['1', '5', '20'], ['0', '21', '1.5', '-1', 'five', '1e1', '']],
    ['timeout-seconds', 'timeoutSeconds', ['1', '3600'], ['0', '3601', '1m', '60s', '']],
  ] as [InputName, 'maxAttempts' | 'timeoutSeconds', string[], string[]][])(
    '%s',
    (name, field, accepted, refused) => {
      for (const value of accepted) expect(parse({ ...BY_KEY, [name]: value })[field]).toBe(Number(value))
      for (const value of refused)
        expect(faultsOf({ ...BY_KEY, [name]: value })).toHaveLength(value === '' ? 0 : 1)
    },
  )

  test.each([
    ['export-environment-variables', (inputs: Inputs) => inputs.exportVariables],
    ['output-credentials', (inputs: Inputs) => inputs.outputCredentials],
    ['mask-account-id', (inputs: Inputs) => inputs.maskAccountId],
    ['set-current-profile', (inputs: Inputs) => inputs.profile?.setCurrent],
    ['cleanup', (inputs: Inputs) => inputs.cleanup],
  ] as [InputName, (inputs: Inputs) => boolean | undefined][])(
    "%s is one of YAML's core booleans",
    (name, field) => {
      const given: Given = { ...BY_KEY, profile: 'ci', region: 'cn-hangzhou' }
      for (const value of ['true', 'True', 'TRUE'])
        expect(field(parse({ ...given, [name]: value }))).toBe(true)
      for (const value of ['false', 'False', 'FALSE'])
        expect(field(parse({ ...given, [name]: value }))).toBe(false)
      for (const value of ['yes', 'no', 'on', 'off', '1', '0', 'tRUE', 'true false', 'y', 'null', 'truе']) {
        expect(faultsOf({ ...given, [name]: value })).toEqual([
          `${name}: got "${value}". Accepted: true or false.`,
        ])
      }
    },
  )
})

describe('what later steps get', () => {
  test('export-for is a list without repetitions', () => {
    expect(parse({ ...BY_KEY, 'export-for': 'packer, oss\nserverless-devs oss' }).exportFor).toEqual([
      'oss',
      'packer',
      'serverless-devs',
    ])
    expect(faultsOf({ ...BY_KEY, 'export-for': 'OSS terraform' })).toEqual([
      'export-for: got "OSS". Accepted: oss, packer, serverless-devs, one or more.',
      'export-for: got "terraform". Accepted: oss, packer, serverless-devs, one or more.',
    ])
    expect(faultsOf({ ...BY_KEY, 'export-for': 'oss', 'export-environment-variables': 'false' })).toEqual([
      'export-for: given although export-environment-variables is false. Accepted: export-for only if variables are exported.',
    ])
  })

  test('a profile has a name on one line, and a region', () => {
    const given = { ...BY_KEY, region: 'cn-hangzhou' }
    expect(parse({ ...given, profile: 'späße & "<' }).profile).toEqual({
      name: 'späße & "<',
      setCurrent: true,
    })
    expect(parse({ ...given, profile: 'x', 'set-current-profile': 'false' }).profile).toEqual({
      name: 'x',
      setCurrent: false,
    })
    for (const name of ['a\nb', 'a\u0000b', 'a\u007fb', 'a\u0085b'])
      expect(faultsOf({ ...given, profile: name })).toHaveLength(1)
    expect(faultsOf({ ...BY_KEY, profile: 'ci' })).toEqual([
      expect.stringMatching(/^region: nothing given\..*refuses a profile without/),
    ])
  })

  test('allowed-account-ids is a list of digits, and never one that allows everything by mistake', () => {
    const list = '1,2\n 1234567890123456'
    expect(parse({ ...BY_KEY, 'allowed-account-ids': list }).allowedAccountIds).toEqual([
      '1',
      '2',
      '1234567890123456',
    ])
    for (const text of ['1 x', '*', '1-2', ROLE, '１', ',', ' , '])
      expect(faultsOf({ ...BY_KEY, 'allowed-account-ids': text })).toHaveLength(1)
  })
})

describe('an account ID that the workflow has written as a number', () => {
  const ROUNDED = '1.23456789012346E+15'
  test.each([
    ['allowed-account-ids', ROUNDED],
    ['allowed-account-ids', `42,2E+15`],
    ['role-to-assume', `acs:ram::${ROUNDED}:role/deploy`],
    ['role-to-assume', ROUNDED],
    ['oidc-provider-arn', `acs:ram::${ROUNDED}:oidc-provider/github`],
  ] as [InputName, string][])('%s: the error about %j says to put it in quotes', (name, text) => {
    const [fault, ...others] = faultsOf({ ...BY_OIDC, [name]: text })
    expect(fault).toMatch(new RegExp(`^${name}: got ".*E\\+15.*", .*put it in quotes`))
    expect(others).toEqual([])
  })
})

describe('a name that the workflow has as a number', () => {
  test.each([
    ['role-session-name', BY_KEY],
    ['role-external-id', BY_KEY],
    ['source-identity', BY_KEY],
    ['profile', { ...BY_KEY, region: 'cn-hangzhou' }],
  ] as const)(
    '%s, rounded, is told to be put in quotes; a name that only looks like one is a name',
    (name, others) => {
      const [fault, ...more] = faultsOf({ ...others, [name]: '1.23456789012346E+15' })
      expect(fault).toMatch(new RegExp(`^${name}: got "1\\.23456789012346E\\+15", .*put it in quotes`))
      expect(more).toEqual([])
      expect(faultsOf({ ...others, [name]: 'release-1E+15' })).toEqual([])
    },
  )
})

describe('allowed-account-ids', () => {
  test('is compared with the last role before any request', () => {
    const allowed = { ...BY_KEY, 'allowed-account-ids': '42, 43' }
    expect(faultsOf(allowed)).toEqual([
      "allowed-account-ids: the last role of role-to-assume belongs to account 1234567890123456, which is not among 42, 43. Accepted: a list with that account's ID, or a role of an account in the list.",
    ])
    expect(faultsOf({ ...allowed, 'role-to-assume': `${ROLE},acs:ram::43:role/x` })).toEqual([])
    expect(faultsOf({ ...allowed, 'role-to-assume': `acs:ram::43:role/x,${ROLE}` })).toHaveLength(1)
    expect(faultsOf({ ...BY_OIDC, 'role-to-assume': 'deploy', 'allowed-account-ids': '42' })).toHaveLength(1)
    // Whose session it is that is passed on, only STS knows.
    expect(faultsOf({ ...HANDED_ON, 'allowed-account-ids': '42' })).toEqual([])
  })
})

describe('names that are almost those of an input', () => {
  const given = (...namesGiven: string[]): readonly string[] => faultsOf(BY_KEY, { namesGiven })

  test.each([
    ['allowed-account-id', 'allowed-account-ids'],
    ['allowed_account_ids', 'allowed-account-ids'],
    ['allowed-accounts-ids', 'allowed-account-ids'],
    ['allowedaccountids', 'allowed-account-ids'],
    ['alowed-acount-ids', 'allowed-account-ids'],
    ['allowed-accounts', 'allowed-account-ids'],
    ['mask-aws-account-id', 'mask-account-id'],
    ['mask-account-ids', 'mask-account-id'],
    ['role-to-asume', 'role-to-assume'],
    ['external-id', 'role-external-id'],
    ['session-policy', 'inline-session-policy'],
    ['access-key', 'access-key-id'],
    ['acces-key-secret', 'access-key-secret'],
    ['expected-account-ids', 'allowed-account-ids'],
    ['allowed-account-list', 'allowed-account-ids'],
    ['managed-session-policy', 'inline-session-policy'],
    ['oidc-token-path', 'oidc-token-file'],
    ['clean-up', 'cleanup'],
    ['claenup', 'cleanup'],
    ['regions', 'region'],
    ['profiles', 'profile'],
    ['refesh', 'refresh'],
    ['output_credential', 'output-credentials'],
  ])('%s is an error that names %s', (name, meant) => {
    expect(given(name)).toEqual([`${name}: this action has no such input. Accepted: the name ${meant}.`])
  })

  test.each([
    'token',
    'path',
    'name',
    'id',
    'key',
    'role',
    'fetch-depth',
    'node-version',
    'aws-region',
    'output-file',
    'working-directory',
    'persist-credentials',
    'x',
    '',
  ])('%j is not close to any input', (name) => {
    expect(given(name)).toEqual([])
  })

  test('the exact names are accepted', () => {
    expect(given(...INPUT_NAMES)).toEqual([])
  })

  test('one letter too many, wrong, missing or exchanged is found in every name', () => {
    const slip = fc.constantFrom('insert', 'replace', 'delete', 'exchange')
    fc.assert(
      fc.property(
        fc.constantFrom(...INPUT_NAMES),
        slip,
        fc.nat(),
        fc.constantFrom('q', 'x', 'z'),
        (name, how, at, letter) => {
          const place = at % (name.length - 1)
          const next = { insert: place, replace: place + 1, delete: place + 1, exchange: place + 2 }[how]
          const middle = {
            insert: letter,
            replace: letter,
            delete: '',
            exchange: `${name[place + 1] ?? ''}${name[place] ?? ''}`,
          }[how]
          const wrong = name.slice(0, place) + middle + name.slice(next)
          fc.pre(!(INPUT_NAMES as readonly string[]).includes(wrong))
          expect(given(wrong)).toHaveLength(1)
        },
      ),
    )
  })
})

describe('refresh', () => {
  const REFRESHED: Given = { ...BY_KEY, refresh: 'true', profile: 'ci', region: 'cn-hangzhou' }

  test('needs a profile, a region and a key that outlives a session', () => {
    expect(parse(REFRESHED).refresh).toBe(true)
    expect(parse({ ...REFRESHED, ...BY_OIDC, 'access-key-id': '', 'access-key-secret': '' }).refresh).toBe(
      true,
    )
    expect(
      faultsOf({ refresh: 'true', profile: 'ci', region: 'x-1', 'credential-source': 'ecs-ram-role' }),
    ).toEqual([])
    expect(parse({ ...REFRESHED, refresh: 'false' }).refresh).toBe(false)
  })

  test('all that contradicts it is reported at once', () => {
    const wrong = {
      ...REFRESHED,
      profile: '',
      region: '',
      cleanup: 'false',
      'export-for': 'oss',
      'security-token': 'CAIStoken',
    }
    expect(faultsOf(wrong).map((fault) => fault.slice(0, fault.indexOf(':')))).toEqual([
      'region',
      'export-for',
      'profile',
      'cleanup',
      'refresh',
    ])
    expect(faultsOf({ ...wrong, refresh: 'false' })).toEqual([])
  })

  test('a key that is itself temporary cannot be refreshed, wherever it comes from', () => {
    const temporary = expect.stringMatching(/^refresh: true although the base key is itself temporary/)
    const environment: Given = {
      refresh: 'true',
      profile: 'ci',
      region: 'x-1',
      'credential-source': 'environment',
    }
    expect(faultsOf({ ...REFRESHED, 'security-token': 'CAIStoken' })).toEqual([temporary])
    expect(faultsOf({ ...REFRESHED, 'access-key-id': 'STS.x' })).toContainEqual(temporary)
    expect(
      faultsOf(environment, { environmentKey: { ...ENVIRONMENT_KEY, securityToken: 'CAIStoken' } }),
    ).toEqual([temporary])
    expect(faultsOf({ ...environment, 'role-to-assume': ROLE }, { environmentKey: ENVIRONMENT_KEY })).toEqual(
      [],
    )
  })
})

describe('a value in the wrong place', () => {
  const JWT = `eyJhbGciOiJSUzI1NiJ9.${Buffer.from('{"sub":"Nobody"}').toString('base64url')}.c2lnbmF0dXJl`

  test.each([
    JWT,
    `${JWT}\n`,
    `Bearer ${JWT}`,
    JSON.stringify({ value: JWT }),
    '{\n  "value": "Nobody"\n}',
    '["Nobody"]',
    '"Nobody"',
    'first line\nNobody',
    `CAIS${'Nobody'.repeat(40)}`,
    'Nobody/'.repeat(1000).slice(0, 5000),
  ])('oidc-token-file: what is not the path of a file is not shown (%#)', (text) => {
    const faults = faultsOf({ ...BY_OIDC, 'oidc-token-file': text })
    expect(faults).toEqual([
      'oidc-token-file: a token or a document instead of the path of a file (not shown, since it is secret). Accepted: the path of a file that holds an OIDC token.',
    ])
    // Nor does the fault of another input show it.
    expect(faultsOf({ ...BY_OIDC, 'oidc-token-file': text, region: text }).join()).not.toMatch(/Nobody|eyJ/)
  })

  test.each([
    '/var/run/secrets/token',
    'token',
    'a b/to.ken',
    'C:\\run\\token.v1.jwt',
    './eyes.v1.txt',
    '/srv/eyetracker.d/token',
  ])('oidc-token-file: %j is a path', (path) => {
    expect(parse({ ...BY_OIDC, 'oidc-token-file': path }).source).toMatchObject({ tokenFile: path })
  })

  test.each(SECRET_INPUTS)('%s: a JSON document is refused without being shown', (name) => {
    for (const indent of [undefined, 2]) {
      const text = JSON.stringify(
        { AccessKeyId: 'NobodyId', AccessKeySecret: 'NobodySecret' },
        undefined,
        indent,
      )
      const faults = faultsOf({ ...BY_KEY, [name]: text })
      expect(faults).toContainEqual(
        `${name}: a JSON document (not shown, since it is secret). Accepted: the value as RAM or STS issued it.`,
      )
      expect(faults.join()).not.toContain('Nobody')
      expect(faultsOf({ ...BY_KEY, [name]: text, region: 'NobodySecret' }).join()).not.toContain('Nobody')
    }
  })

  test('no error shows what looks like a token or a key, even in an input that is not secret', () => {
    for (const text of [
      JWT,
      'LTAI5tNobodyMaySeeThisId',
      'STS.NobodyMaySeeThisId',
      `CAIS${'Nobody'.repeat(9)}`,
    ])
      for (const name of ['region', 'role-to-assume', 'retry-max-attempts', 'profile'] as const)
        expect(faultsOf({ ...BY_KEY, cleanup: 'x', [name]: `${text}\n/` }).join()).not.toMatch(
          /Nobody|c2lnbm/,
        )
  })

  test('no error shows a secret of the environment', () => {
    const secrets = ['hunter2/hunter2', '{"AccessKeySecret":"hunter3hunter3","AccountID":"42424242"}']
    const shown = faultsOf(
      {
        ...BY_KEY,
        region: 'hunter2/hunter2',
        'retry-max-attempts': 'hunter3hunter3',
        'timeout-seconds': 'env+secret',
      },
      { secrets, environmentKey: ENVIRONMENT_KEY },
    )
    expect(shown).toHaveLength(3)
    expect(shown.join()).not.toMatch(/hunter|env\+secret/)
  })

  test('a secret of a few characters hides nothing', () => {
    expect(faultsOf({ ...BY_KEY, 'access-key-secret': 'e', region: 'Hesse' })).toEqual([
      expect.stringMatching(/^region: got "Hesse"/),
    ])
  })
})

describe('errors of the inputs', () => {
  test('are all reported together, with those of the environment, each once', () => {
    const wrong: Given = {
      'role-to-assume': 'x',
      'credential-source': 'x',
      'role-duration-seconds': 'x',
      'role-session-name': 'x',
      'role-external-id': 'x',
      'source-identity': 'x',
      'inline-session-policy': 'x',
      region: 'X',
      'sts-endpoint': 'x y',
      'allowed-account-ids': 'x',
      'retry-max-attempts': 'x',
      'timeout-seconds': 'x',
      'export-environment-variables': 'x',
      'export-for': 'x',
      'output-credentials': 'x',
      'mask-account-id': 'x',
      profile: 'x\ny',
      'set-current-profile': 'x',
      cleanup: 'x',
      'role-chaining': 'x',
    }
    const faults = faultsOf(wrong, { otherFaults: [['HTTPS_PROXY: wrong']] })
    expect(faults.map((fault) => fault.slice(0, fault.indexOf(':'))).sort()).toEqual(
      [...Object.keys(wrong), 'HTTPS_PROXY'].sort(),
    )
    const proses = faults.map((fault) => [fault])
    expect(new InputError(proses).message).toBe(
      `${faults.length} inputs need a change:\n- ${faults.join('\n- ')}`,
    )
    expect(new InputError(proses.slice(0, 1)).message).toBe(faults[0])
  })

  test('are as many as fit in an error that GitHub does not cut, and say how many more there are', () => {
    const faults = Array.from({ length: 100 }, (_, index) => [`input-${index}: ${'x'.repeat(100)}`])
    const { message } = new InputError(faults)
    expect(message.length).toBeLessThan(4096)
    const shown = message.match(/input-/g)?.length ?? 0
    expect(message).toMatch(new RegExp(`^100 inputs need a change:\n[^]*\n- and ${100 - shown} more$`))
  })

  test('are at most five for one list, however long it is', () => {
    expect(faultsOf({ ...BY_KEY, 'allowed-account-ids': 'x '.repeat(60_000) })).toHaveLength(5)
  })

  test('are short and on one line, whatever was given', () => {
    const [fault = ''] = faultsOf({ ...BY_KEY, profile: 'x\n'.repeat(5000), region: 'cn-hangzhou' })
    expect(fault.length).toBeLessThan(300)
    expect(fault).not.toContain('\n')
  })

  const SECRETS = [
    'LTAI5tNobodyMaySeeThisId',
    'NobodyMaySeeThisSecret/+="',
    `CAIS${'NobodyMaySeeThisToken'.repeat(30)}+/=`,
  ]
  const rotations = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ]

  test.each(rotations)(
    'show no secret, in whichever of the three inputs it was pasted (%d, %d, %d)',
    (...order) => {
      const pasted = Object.fromEntries(
        SECRET_INPUTS.map((name, index) => [name, SECRETS[order[index] ?? 0]]),
      )
      const everywhere = INPUT_NAMES.filter((name) => !(SECRET_INPUTS as readonly string[]).includes(name))
      const attempts: Given[] = [
        { ...pasted },
        ...SECRET_INPUTS.map((name) => ({ ...pasted, [name]: undefined })),
        ...SECRET_INPUTS.map((name) => ({ ...pasted, [name]: `${pasted[name] ?? ''} x` })),
        { ...pasted, 'access-key-id': SECRETS.join('\n') },
        // The same value in another input too: it is shown there as little.
        ...everywhere.flatMap((name) => SECRETS.map((secret) => ({ ...pasted, [name]: secret }))),
      ]
      for (const given of attempts) {
        const told = faultsOf({ ...given, cleanup: 'x' }).join('\n')
        expect(told).not.toBe('')
        expect(told).not.toMatch(/Nobody/)
      }
    },
  )
})
