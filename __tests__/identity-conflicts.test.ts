import { describe, expect, test } from '@jest/globals'
import type { CurrentProfile } from '../src/profile/config-file.js'
import * as conflicts from '../src/handover/identity-conflicts.js'
import type { PassedOn } from '../src/handover/identity-conflicts.js'
import { plain } from '../src/text/prose.js'

/** As the log shows them. */
const findIdentityConflicts = (...facts: Parameters<typeof conflicts.findIdentityConflicts>): string[] =>
  conflicts.findIdentityConflicts(...facts).map(plain)

const VARIABLES: PassedOn = { variables: true, targets: [], profile: undefined, region: 'cn-hangzhou' }
const PROFILE: PassedOn = { variables: false, targets: [], profile: 'ci', region: 'cn-hangzhou' }
const BOTH: PassedOn = { ...VARIABLES, profile: 'ci' }
const EVERY_WAY = [VARIABLES, PROFILE, BOTH]

const STALE: CurrentProfile = {
  name: 'default',
  mode: 'AK',
  accessKeyId: 'LTAIx',
  regionId: 'cn-hangzhou',
  authenticates: true,
}
const HARMLESS: CurrentProfile = {
  name: 'default',
  mode: '',
  accessKeyId: undefined,
  regionId: 'cn-hangzhou',
  authenticates: false,
}

test('an ordinary machine has no conflicts', () => {
  for (const passedOn of EVERY_WAY) {
    expect(findIdentityConflicts({}, passedOn, undefined)).toEqual([])
    expect(
      findIdentityConflicts(
        { ALIBABA_CLOUD_PROFILE: '', OSS_ACCESS_KEY_ID: '', SECURITY_TOKEN: '', PATH: '/bin' },
        passedOn,
        HARMLESS,
      ),
    ).toEqual([])
  }
})

test('a step that passes on neither variables nor a profile has no conflicts', () => {
  const env = { ALIBABA_CLOUD_ROLE_ARN: 'x', OSS_ACCESS_KEY_ID: 'x', ALIBABA_CLOUD_PROFILE: 'x' }
  expect(findIdentityConflicts(env, { ...VARIABLES, variables: false }, STALE)).toEqual([])
})

describe("the CLI's current profile", () => {
  test('is warned about if it has an identity of its own, which the CLI prefers to the variables', () => {
    expect(findIdentityConflicts({}, VARIABLES, STALE)).toEqual([
      expect.stringMatching(
        /^The aliyun CLI's current profile "default" \(mode AK\) takes precedence over .*Write this step's own profile/,
      ),
    ])
    expect(findIdentityConflicts({}, VARIABLES, { ...STALE, mode: '' })).toEqual([
      expect.stringContaining('(mode not given)'),
    ])
    expect(findIdentityConflicts({}, BOTH, STALE)).toEqual([])
  })

  test('is warned about if it has another region', () => {
    expect(findIdentityConflicts({}, VARIABLES, { ...HARMLESS, regionId: 'eu-central-1' })).toEqual([
      expect.stringMatching(
        /^The aliyun CLI's current profile "default" has the region eu-central-1, .* cn-hangzhou\. .*--region/,
      ),
    ])
    expect(findIdentityConflicts({}, VARIABLES, { ...HARMLESS, regionId: undefined })).toEqual([])
    expect(
      findIdentityConflicts(
        {},
        { ...VARIABLES, region: undefined },
        { ...HARMLESS, regionId: 'eu-central-1' },
      ),
    ).toEqual([])
  })

  test('does not matter with ALIBABA_CLOUD_IGNORE_PROFILE=TRUE, but does with any other value', () => {
    const others = { ALIBABA_CLOUD_PROFILE: 'other' }
    for (const current of [STALE, { ...HARMLESS, regionId: 'eu-central-1' }]) {
      expect(
        findIdentityConflicts({ ALIBABA_CLOUD_IGNORE_PROFILE: 'TRUE', ...others }, VARIABLES, current),
      ).toEqual([])
      for (const value of ['true', 'True', '1', 'yes', '', ' TRUE']) {
        expect(
          findIdentityConflicts({ ALIBABA_CLOUD_IGNORE_PROFILE: value }, VARIABLES, current),
        ).toHaveLength(1)
      }
    }
  })

  test('ALIBABA_CLOUD_IGNORE_PROFILE=TRUE is warned about if this step writes only a profile', () => {
    const env = { ALIBABA_CLOUD_IGNORE_PROFILE: 'TRUE' }
    expect(findIdentityConflicts(env, PROFILE, undefined)).toEqual([
      expect.stringMatching(
        /^ALIBABA_CLOUD_IGNORE_PROFILE=TRUE makes the aliyun CLI ignore the profile .*export its variables\.$/,
      ),
    ])
    expect(findIdentityConflicts(env, BOTH, undefined)).toEqual([])
  })
})

// What each program did with such a variable was measured with the program itself: see
// consumers/identity-conflicts.test.ts.
describe.each([
  ['ALIBABACLOUD_PROFILE', 'the aliyun CLI prefers', 'the aliyun CLI prefers'],
  ['ALIBABA_CLOUD_PROFILE', 'the aliyun CLI prefers', 'the aliyun CLI, the SDKs and Terraform prefer'],
  ['ALICLOUD_PROFILE', 'the aliyun CLI and Terraform prefer', 'the aliyun CLI and Terraform prefer'],
])('%s', (name, besideVariables, alone) => {
  const told = (programs: string) =>
    expect.stringMatching(
      new RegExp(
        `^${name} names the profile "other", and ${programs} that .*Remove the variable .*\\(input profile\\)\\.$`,
      ),
    ) as unknown

  test('is warned about if it names another profile', () => {
    for (const passedOn of [VARIABLES, BOTH]) {
      expect(findIdentityConflicts({ [name]: 'other' }, passedOn, undefined)).toEqual([told(besideVariables)])
    }
    expect(findIdentityConflicts({ [name]: 'other' }, PROFILE, undefined)).toEqual([told(alone)])
    // What is named decides, not what is current.
    expect(findIdentityConflicts({ [name]: 'other' }, VARIABLES, STALE)).toEqual([told(besideVariables)])
  })

  test("is not warned about if it names this step's own", () => {
    for (const passedOn of [PROFILE, BOTH])
      expect(findIdentityConflicts({ [name]: 'ci' }, passedOn, undefined)).toEqual([])
  })
})

test('of several variables each is named with the programs that follow it: the CLI follows the first', () => {
  const env = { ALICLOUD_PROFILE: 'c', ALIBABA_CLOUD_PROFILE: 'b', ALIBABACLOUD_PROFILE: 'a' }
  expect(findIdentityConflicts(env, BOTH, undefined)).toEqual([
    expect.stringMatching(/^ALIBABACLOUD_PROFILE names the profile "a", and the aliyun CLI prefers/),
    expect.stringMatching(/^ALICLOUD_PROFILE names the profile "c", and Terraform prefers/),
  ])
  expect(findIdentityConflicts({ ...env, ALIBABACLOUD_PROFILE: 'ci' }, BOTH, undefined)).toEqual([
    expect.stringMatching(/^ALICLOUD_PROFILE names the profile "c", and Terraform prefers/),
  ])
})

describe('if only a profile is written,', () => {
  const alone: [string, string, RegExp][] = [
    ['ALICLOUD_SECURITY_TOKEN', 'stale', /Terraform sends it/],
    ['ALIBABA_CLOUD_CLI_PROFILE_DISABLED', 'True', /SDKs ignore the profile/],
    ['ALIBABA_CLOUD_CONFIG_FILE', '/elsewhere', /SDK for Go/],
    ['ALICLOUD_SHARED_CREDENTIALS_FILE', '/elsewhere', /Terraform/],
    ['ALIBABA_CLOUD_CREDENTIALS_FILE', '/elsewhere', /Terraform/],
  ]
  test.each(alone)('%s', (name, value, warning) => {
    expect(findIdentityConflicts({ [name]: value }, PROFILE, undefined)).toEqual([
      expect.stringMatching(warning),
    ])
    expect(findIdentityConflicts({ [name]: value }, BOTH, undefined)).toEqual([])
    expect(findIdentityConflicts({ [name]: '' }, PROFILE, undefined)).toEqual([])
  })

  test('the three OIDC variables are warned about if all of them are set', () => {
    const env = {
      ALIBABA_CLOUD_ROLE_ARN: 'r',
      ALIBABA_CLOUD_OIDC_PROVIDER_ARN: 'p',
      ALIBABA_CLOUD_OIDC_TOKEN_FILE: '/f',
    }
    expect(findIdentityConflicts(env, PROFILE, undefined)).toContainEqual(
      expect.stringMatching(/SDKs assume that role by themselves/),
    )
    expect(
      findIdentityConflicts({ ...env, ALIBABA_CLOUD_OIDC_TOKEN_FILE: '' }, PROFILE, undefined),
    ).toHaveLength(1)
  })
})

test('ALIBABA_CLOUD_PROFILE_MODE=Anonymous is warned about unless a profile sets the mode', () => {
  const env = { ALIBABA_CLOUD_PROFILE_MODE: 'Anonymous' }
  expect(findIdentityConflicts(env, VARIABLES, undefined)).toEqual([expect.stringMatching(/unsigned/)])
  expect(findIdentityConflicts(env, BOTH, undefined)).toEqual([])
})

test.each(['ALIBABA_CLOUD_ROLE_ARN', 'ALICLOUD_ASSUME_ROLE_ARN'])(
  '%s: Terraform assumes a role once more',
  (name) => {
    for (const passedOn of EVERY_WAY) {
      expect(findIdentityConflicts({ [name]: 'acs:ram::1:role/x' }, passedOn, undefined)).toEqual([
        `${name} names a role: Terraform assumes it once more, on top of this step's identity. Remove the variable from this job.`,
      ])
    }
  },
)

test.each([
  'ALIBABA_CLOUD_ACCESS_KEY_ID',
  'ALIBABACLOUD_ACCESS_KEY_ID',
  'ALICLOUD_ACCESS_KEY',
  'ALICLOUD_ACCESS_KEY_ID',
])('%s is warned about if only a profile is written, and is replaced if variables are exported', (name) => {
  expect(findIdentityConflicts({ [name]: 'LTAIx' }, PROFILE, undefined)).toEqual([
    expect.stringMatching(
      new RegExp(`^${name} holds a key: SDKs and Terraform prefer .*export its variables\\.$`),
    ),
  ])
  expect(findIdentityConflicts({ [name]: 'LTAIx' }, VARIABLES, undefined)).toEqual([])
})

describe('variables of single tools that an earlier identity left', () => {
  test.each([
    ['oss', ['OSS_ACCESS_KEY_ID'], /^OSS_ACCESS_KEY_ID: ossutil and the OSS SDKs will use/],
    [
      'oss',
      ['OSS_ACCESS_KEY_SECRET', 'OSS_SESSION_TOKEN'],
      /^OSS_ACCESS_KEY_SECRET, OSS_SESSION_TOKEN: ossutil and the OSS SDKs/,
    ],
    ['packer', ['SECURITY_TOKEN'], /^SECURITY_TOKEN: Packer will use what an earlier identity left there/],
    [
      'serverless-devs',
      ['default_serverless_devs_key'],
      /^default_serverless_devs_key: Serverless Devs will use what an earlier identity/,
    ],
  ] as const)('%s: %j', (target, names, warning) => {
    const env = Object.fromEntries(names.map((name) => [name, 'x']))
    for (const passedOn of EVERY_WAY) {
      const found = findIdentityConflicts(env, passedOn, undefined)
      expect(found).toEqual([expect.stringMatching(warning)])
      expect(found[0]).toContain(
        passedOn.variables
          ? `Add ${target} to export-for, or`
          : `Let this step export its variables, with ${target} in export-for, or`,
      )
    }
    expect(findIdentityConflicts(env, { ...VARIABLES, targets: [target] }, undefined)).toEqual([])
  })

  test('OSS_REGION alone is not warned about', () => {
    expect(findIdentityConflicts({ OSS_REGION: 'eu-central-1' }, VARIABLES, undefined)).toEqual([])
  })

  test('the three variables of Serverless Devs are warned about if all are present, even empty', () => {
    const three = { AccountID: '', AccessKeyID: 'x', AccessKeySecret: '' }
    for (const targets of [[], ['serverless-devs'] as const]) {
      expect(findIdentityConflicts(three, { ...VARIABLES, targets }, undefined)).toEqual([
        expect.stringMatching(
          /^AccountID, AccessKeyID, AccessKeySecret: Serverless Devs prefers these .*Remove them from this job\.$/,
        ),
      ])
    }
    expect(findIdentityConflicts({ AccessKeyID: 'x', AccessKeySecret: 'x' }, VARIABLES, undefined)).toEqual(
      [],
    )
  })
})

test('several conflicts give one warning each, and none shows the value of a variable', () => {
  const env = {
    ALIBABA_CLOUD_ROLE_ARN: 'hidden',
    OSS_ACCESS_KEY_SECRET: 'hidden',
    SECURITY_TOKEN: 'hidden',
    default_serverless_devs_key: 'hidden',
    AccountID: 'hidden',
    AccessKeyID: 'hidden',
    AccessKeySecret: 'hidden',
  }
  const found = findIdentityConflicts(env, VARIABLES, { ...STALE, accessKeyId: 'hidden' })
  expect(found).toHaveLength(6)
  expect(found.join('\n')).not.toContain('hidden')
})

describe('ALIBABA_CLOUD_IGNORE_PROFILE=TRUE', () => {
  test('makes the CLI use cn-hangzhou whatever the region is', () => {
    const env = { ALIBABA_CLOUD_IGNORE_PROFILE: 'TRUE' }
    for (const passedOn of [VARIABLES, BOTH]) {
      expect(findIdentityConflicts(env, { ...passedOn, region: 'eu-central-1' }, undefined)).toEqual([
        expect.stringMatching(
          /the aliyun CLI use the region cn-hangzhou instead of eu-central-1\. Give the CLI --region/,
        ),
      ])
      expect(findIdentityConflicts(env, { ...passedOn, region: undefined }, undefined)).toEqual([])
      expect(findIdentityConflicts(env, passedOn, undefined)).toEqual([])
    }
  })
})

test('credentials of the CLI written in Python are warned about, because the aliyun CLI migrates and then prefers them', () => {
  const file = '/home/runner/.aliyuncli/credentials'
  expect(findIdentityConflicts({}, VARIABLES, undefined, file)).toEqual([
    expect.stringMatching(/^\/home\/runner\/\.aliyuncli\/credentials holds a key .*the aliyun CLI copies it/),
  ])
  expect(findIdentityConflicts({}, BOTH, undefined, file)).toEqual([])
  expect(findIdentityConflicts({ ALIBABA_CLOUD_IGNORE_PROFILE: 'TRUE' }, VARIABLES, undefined, file)).toEqual(
    [],
  )
})

test('the three OIDC variables are warned about even if variables are exported', () => {
  const env = {
    ALIBABA_CLOUD_ROLE_ARN: 'r',
    ALIBABA_CLOUD_OIDC_PROVIDER_ARN: 'p',
    ALIBABA_CLOUD_OIDC_TOKEN_FILE: '/f',
  }
  expect(findIdentityConflicts(env, VARIABLES, undefined)).toEqual([
    expect.stringMatching(/^ALIBABA_CLOUD_ROLE_ARN names a role: Terraform/),
    expect.stringMatching(
      /^ALIBABA_CLOUD_ROLE_ARN, .*_TOKEN_FILE: SDKs and tools .*Remove them from this job\.$/,
    ),
  ])
})

test('a variable that already holds the key that is passed on is not warned about', () => {
  const key = { accessKeyId: 'STS.x', accessKeySecret: 'secret', securityToken: 'CAISx' }
  const env = { ALICLOUD_ACCESS_KEY: 'STS.x', SECURITY_TOKEN: 'CAISx', OSS_SESSION_TOKEN: 'CAISx' }
  for (const passedOn of EVERY_WAY)
    expect(findIdentityConflicts(env, { ...passedOn, key }, undefined)).toEqual([])
  expect(
    findIdentityConflicts({ ...env, SECURITY_TOKEN: 'CAISother' }, { ...VARIABLES, key }, undefined),
  ).toEqual([expect.stringMatching(/^SECURITY_TOKEN: Packer will use/)])
})

test('what somebody else wrote reaches the log on one visible line', () => {
  const env = { ALIBABA_CLOUD_PROFILE: 'x\n::stop-commands::y', ALIBABA_CLOUD_IGNORE_PROFILE: '' }
  for (const passedOn of EVERY_WAY)
    for (const text of findIdentityConflicts(env, passedOn, undefined)) expect(text).not.toContain('\n')
})
