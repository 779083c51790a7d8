import { expect, test } from '@jest/globals'
import { findRefreshConflicts, type RefreshSurroundings } from '../src/refresh/refresh-conflicts.js'
import { plain } from '../src/text/prose.js'

const ORDINARY: RefreshSurroundings = {
  variables: {
    HOME: '/home/runner',
    HTTPS_PROXY: 'http://proxy:3128',
    ALIBABA_CLOUD_REGION_ID: 'cn-hangzhou',
    ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS: '0',
    ALIBABA_CLOUD_ACCESS_KEY_ID: '',
  },
  profileName: 'ci',
  setCurrent: true,
  exports: true,
  current: undefined,
  sdkFile: undefined,
}
const USERS_PROFILE = {
  name: 'mine',
  mode: 'AK',
  accessKeyId: 'LTAI',
  regionId: 'cn-beijing',
  authenticates: true,
}

const found = (changes: Partial<RefreshSurroundings>): string[] =>
  findRefreshConflicts({
    ...ORDINARY,
    ...changes,
    variables: { ...ORDINARY.variables, ...changes.variables },
  }).map(plain)

test('an ordinary machine gives no warning', () => {
  expect(found({})).toEqual([])
  expect(found({ exports: false, setCurrent: false })).toEqual([])
})

test.each<[title: string, changes: Partial<RefreshSurroundings>, warning: RegExp]>([
  [
    'a variable forbids the CLI to start other processes',
    { variables: { ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS: '1' } },
    /^ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS=1: the aliyun CLI from 3\.4\.3 .*refuses/,
  ],
  [
    'the same variable says true instead of 1',
    { variables: { ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS: 'true' }, exports: false },
    /the aliyun CLI .*refuses/,
  ],
  [
    'a variable makes the CLI ignore profiles',
    { variables: { ALIBABA_CLOUD_IGNORE_PROFILE: 'TRUE' }, exports: false },
    /the aliyun CLI ignores/,
  ],
  [
    'a variable names another profile for the CLI',
    { variables: { ALIBABACLOUD_PROFILE: 'other' } },
    /^ALIBABACLOUD_PROFILE names the profile "other", and the aliyun CLI prefers/,
  ],
  [
    'HTTP_PROXY is set, which Python uses for the credentials URI',
    { variables: { HTTP_PROXY: 'http://proxy:3128' } },
    /^HTTP_PROXY is set: the SDK for Python/,
  ],
  [
    'the OIDC variables of an ACK pod are set',
    {
      variables: {
        ALIBABA_CLOUD_OIDC_PROVIDER_ARN: 'a',
        ALIBABA_CLOUD_OIDC_TOKEN_FILE: '/t',
        ALIBABA_CLOUD_ROLE_ARN: 'r',
      },
    },
    /^ALIBABA_CLOUD_ROLE_ARN, ALIBABA_CLOUD_OIDC_PROVIDER_ARN, ALIBABA_CLOUD_OIDC_TOKEN_FILE: SDKs/,
  ],
  [
    "the SDKs' own credentials file exists",
    { sdkFile: '/home/runner/.alibabacloud/credentials' },
    /credentials exists: SDKs/,
  ],
  [
    'a variable holds a key',
    { variables: { ALIBABA_CLOUD_ACCESS_KEY_ID: 'LTAI' } },
    /^ALIBABA_CLOUD_ACCESS_KEY_ID: SDKs and Terraform prefer/,
  ],
  [
    'a variable holds a key for Terraform',
    { variables: { ALICLOUD_ACCESS_KEY: 'LTAI', ALICLOUD_SECURITY_TOKEN: 'CAIS' } },
    /^ALICLOUD_ACCESS_KEY: SDKs and Terraform prefer/,
  ],
  [
    'a variable holds only a token for Terraform',
    { variables: { ALICLOUD_SECURITY_TOKEN: 'CAIS' } },
    /^ALICLOUD_SECURITY_TOKEN .*Terraform/,
  ],
  [
    'a variable names a role for Terraform',
    { variables: { ALICLOUD_ASSUME_ROLE_ARN: 'r' } },
    /Terraform assumes it once more/,
  ],
  [
    "the user's current profile stays the current one",
    { setCurrent: false, current: USERS_PROFILE },
    /"mine" stays the current/,
  ],
  [
    'a variable names a profile for the SDKs',
    { variables: { ALIBABACLOUD_PROFILE: 'ci', ALIBABA_CLOUD_PROFILE: 'other' } },
    /^ALIBABA_CLOUD_PROFILE names the profile "other": SDKs/,
  ],
  [
    'a variable names a file for the SDK for Go',
    { variables: { ALIBABA_CLOUD_CONFIG_FILE: '/x' } },
    /the SDK for Go prefers/,
  ],
  [
    'a variable holds a key for ossutil',
    { variables: { OSS_ACCESS_KEY_ID: 'LTAI' } },
    /^OSS_ACCESS_KEY_ID: ossutil/,
  ],
])('%s: main warns', (_, changes, warning) => {
  const warnings = found(changes)
  expect(warnings[0]).toMatch(warning)
  expect(
    warnings.filter((text) => !text.includes('Terraform assumes it once more')).length,
  ).toBeLessThanOrEqual(1)
})

test.each<[title: string, changes: Partial<RefreshSurroundings>]>([
  ['ALICLOUD_PROFILE, which this step exports itself', { variables: { ALICLOUD_PROFILE: 'other' } }],
  ["a variable that names this step's own profile", { variables: { ALIBABA_CLOUD_PROFILE: 'ci' } }],
  ['a current profile without credentials', { current: { ...USERS_PROFILE, authenticates: false } }],
  [
    'what affects only variables, if only the profile is served',
    {
      exports: false,
      sdkFile: '/x',
      variables: { HTTP_PROXY: 'p', ALIBABA_CLOUD_ACCESS_KEY_ID: 'LTAI', OSS_ACCESS_KEY_ID: 'LTAI' },
    },
  ],
])('%s is not warned about', (_, changes) => {
  expect(found(changes)).toEqual([])
})
