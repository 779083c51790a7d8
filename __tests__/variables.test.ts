import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { holdsCredential, variablesFor } from '../src/handover/variables.js'
import { EXPORT_TARGETS } from '../src/inputs/table.js'

const SESSION = {
  key: { accessKeyId: 'STS.id', accessKeySecret: 'sec"ret', securityToken: 'CAIS+/=' },
  accountId: '42',
}

const ALWAYS = [
  ['ALIBABA_CLOUD_ACCESS_KEY_ID', 'STS.id'],
  ['ALIBABA_CLOUD_ACCESS_KEY_SECRET', 'sec"ret'],
  ['ALIBABA_CLOUD_SECURITY_TOKEN', 'CAIS+/='],
  ['ALIBABACLOUD_ACCESS_KEY_ID', 'STS.id'],
  ['ALIBABACLOUD_ACCESS_KEY_SECRET', 'sec"ret'],
  ['ALIBABACLOUD_SECURITY_TOKEN', 'CAIS+/='],
  ['ALICLOUD_ACCESS_KEY', 'STS.id'],
  ['ALICLOUD_SECRET_KEY', 'sec"ret'],
  ['ALICLOUD_SECURITY_TOKEN', 'CAIS+/='],
]
const REGION = [
  'ALIBABA_CLOUD_REGION_ID',
  'ALIBABA_CLOUD_REGION',
  'ALICLOUD_REGION',
  'ALIBABACLOUD_REGION_ID',
].map((name) => [name, 'cn-hangzhou'])
const OSS = [
  ['OSS_ACCESS_KEY_ID', 'STS.id'],
  ['OSS_ACCESS_KEY_SECRET', 'sec"ret'],
  ['OSS_SESSION_TOKEN', 'CAIS+/='],
]

test('the nine variables of the key are exported, and nothing else unless it is requested', () => {
  expect([...variablesFor(SESSION, undefined, [])]).toEqual(ALWAYS)
})

test('the region is exported under its four names', () => {
  expect([...variablesFor(SESSION, 'cn-hangzhou', [])]).toEqual([...ALWAYS, ...REGION])
})

test('the variables of single tools are exported if they are requested', () => {
  expect([...variablesFor(SESSION, undefined, ['oss'])]).toEqual([...ALWAYS, ...OSS])
  expect([...variablesFor(SESSION, 'cn-hangzhou', ['oss'])]).toEqual([
    ...ALWAYS,
    ...REGION,
    ...OSS,
    ['OSS_REGION', 'cn-hangzhou'],
  ])
  expect([...variablesFor(SESSION, undefined, ['packer'])]).toEqual([
    ...ALWAYS,
    ['SECURITY_TOKEN', 'CAIS+/='],
  ])
  expect([...variablesFor(SESSION, undefined, ['serverless-devs'])]).toEqual([
    ...ALWAYS,
    [
      'default_serverless_devs_key',
      '{"AccountID":"42","AccessKeyID":"STS.id","AccessKeySecret":"sec\\"ret","SecurityToken":"CAIS+/="}',
    ],
    ['serverless_devs_access_cicd_alias_name', 'default_serverless_devs_key'],
  ])
})

test('no variable that would change the identity of a program is exported, and no empty value', () => {
  fc.assert(
    fc.property(
      fc.subarray([...EXPORT_TARGETS]),
      fc.option(fc.constant('cn-hangzhou'), { nil: undefined }),
      (targets, region) => {
        const variables = variablesFor(SESSION, region, targets)
        expect([...variables.values()]).not.toContain('')
        for (const name of variables.keys()) {
          // A role to assume again, a profile, a file, a source of credentials, Serverless Devs'
          // three that drop the token.
          expect(name).not.toMatch(/ROLE|PROFILE|OIDC|FILE|_URI|^Account|^AccessKey/)
        }
      },
    ),
  )
})

test('what a variable held before counts as a credential, unless the variable holds a region or a name', () => {
  const names = [...variablesFor(SESSION, 'cn-hangzhou', EXPORT_TARGETS).keys()]
  expect(names.filter((name) => !holdsCredential(name))).toEqual([
    'ALIBABA_CLOUD_REGION_ID',
    'ALIBABA_CLOUD_REGION',
    'ALICLOUD_REGION',
    'ALIBABACLOUD_REGION_ID',
    'OSS_REGION',
    'serverless_devs_access_cicd_alias_name',
  ])
})
