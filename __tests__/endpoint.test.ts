import { describe, expect, test } from '@jest/globals'
import openApi from '@alicloud/openapi-core'
import stsSdk from '@alicloud/sts20150401'
import { endpointOf, GLOBAL_ENDPOINT } from '../src/sts/endpoint.js'

/** The SDK's client, with what it knows about endpoints laid open. */
class SdkClient extends stsSdk.default {
  get regions(): string[] {
    return Object.keys(this._endpointMap)
  }

  get host(): string {
    return this._endpoint
  }
}

const sdkFor = (regionId: string): SdkClient => new SdkClient(new openApi.$OpenApiUtil.Config({ regionId }))

const ORDINARY = [
  'cn-hangzhou',
  'cn-shanghai',
  'cn-hongkong',
  'ap-southeast-1',
  'ap-southeast-5',
  'us-east-1',
  'eu-central-1',
  'me-east-1',
  'x-1',
]
const SPECIAL = sdkFor('cn-hangzhou').regions

test("the SDK's list of regions with the global host is not empty", () => {
  expect(SPECIAL).toEqual(expect.arrayContaining(['ap-south-1', 'ap-southeast-2', 'cn-beijing-gov-1']))
  expect(new Set(SPECIAL.map((region) => sdkFor(region).host))).toEqual(new Set([GLOBAL_ENDPOINT]))
})

describe.each([...SPECIAL, ...ORDINARY])('%s', (region) => {
  test("has the SDK's endpoint, with https", () => {
    expect(endpointOf(region).href).toBe(`https://${sdkFor(region).host}/`)
  })
})

test('without a region the global host is called', () => {
  expect(endpointOf(undefined).href).toBe(`https://${GLOBAL_ENDPOINT}/`)
})

test('an ordinary region has a host of its own', () => {
  expect(endpointOf('cn-hangzhou').host).toBe('sts.cn-hangzhou.aliyuncs.com')
})
