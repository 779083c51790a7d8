import { afterEach, beforeEach, expect, test } from '@jest/globals'

import { startMetadata } from '../stand-in/metadata.js'
import type { Metadata, MetadataOptions } from '../stand-in/metadata.js'
import { startStandIn } from '../stand-in/stand-in.js'
import type { StandIn } from '../stand-in/stand-in.js'

const ROLE = 'acs:ram::1234567890123456:role/instance'

let standIn: StandIn
let metadata: Metadata
let now = Date.parse('2026-01-02T03:04:05Z')

async function start(options: Partial<MetadataOptions> = {}): Promise<void> {
  metadata = await startMetadata({ standIn, roleArn: ROLE, clock: () => now, ...options })
}

beforeEach(async () => {
  standIn = await startStandIn({ ram: { roles: [{ name: 'instance', trustPolicy: SERVICE_TRUST }] } })
})

const SERVICE_TRUST = {
  Version: '1',
  Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { Service: ['ecs.aliyuncs.com'] } }],
}

afterEach(async () => {
  await Promise.all([standIn.close(), metadata.close()])
})

async function putToken(ttl?: string): Promise<{ status: number; body: string }> {
  const headers: Record<string, string> =
    ttl === undefined ? {} : { 'X-aliyun-ecs-metadata-token-ttl-seconds': ttl }
  const response = await fetch(`${metadata.url}/latest/api/token`, { method: 'PUT', headers })
  return { status: response.status, body: await response.text() }
}

async function read(path: string, token?: string): Promise<{ status: number; body: string }> {
  const headers: Record<string, string> = token === undefined ? {} : { 'X-aliyun-ecs-metadata-token': token }
  const response = await fetch(`${metadata.url}/latest/meta-data/ram/security-credentials${path}`, {
    headers,
  })
  return { status: response.status, body: await response.text() }
}

test('the metadata service returns the role and its credentials for a valid token', async () => {
  await start({ allowV1: false })
  const { body: token } = await putToken('21600')
  expect(await read('/', token)).toEqual({ status: 200, body: 'instance' })
  expect(await read('', token)).toEqual({ status: 200, body: 'instance' })
  const { status, body } = await read('/instance', token)
  expect(status).toBe(200)
  expect(JSON.parse(body)).toEqual({
    AccessKeyId: expect.stringMatching(/^STS\./),
    AccessKeySecret: expect.any(String),
    SecurityToken: expect.stringMatching(/^CAIS/),
    Expiration: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    LastUpdated: '2026-01-02T03:04:05Z',
    Code: 'Success',
  })
  expect(await read('/other', token)).toMatchObject({ status: 404 })
  expect(
    metadata.requests.map(({ service, action, status: answered }) => [service, action, answered]),
  ).toEqual([
    ['metadata', 'Token', 200],
    ['metadata', 'RoleName', 200],
    ['metadata', 'RoleName', 200],
    ['metadata', 'Credentials', 200],
    ['metadata', 'Credentials', 404],
  ])
})

test('the metadata service rejects a missing, expired or invented token', async () => {
  await start({ allowV1: false })
  const { body: token } = await putToken('60')
  expect(await read('/')).toMatchObject({ status: 403 })
  expect(await read('/', 'invented')).toMatchObject({ status: 403 })
  now += 59_999
  expect(await read('/', token)).toMatchObject({ status: 200 })
  now += 1
  expect(await read('/', token)).toMatchObject({ status: 403 })
})

test.each([undefined, '', '0', '21601', '-1', '1.5', 'x'])('refuses a token for %j seconds', async (ttl) => {
  await start()
  expect(await putToken(ttl)).toMatchObject({ status: 400 })
})

test('the metadata service answers without a token unless it is hardened', async () => {
  await start({ hardened: false })
  expect(await putToken('60')).toMatchObject({ status: 404 })
  expect(await read('/')).toEqual({ status: 200, body: 'instance' })
  expect(await read('/instance')).toMatchObject({ status: 200 })
})

test('the metadata service has no role if the instance has none, and answers 404 to every other path', async () => {
  await start({ roleArn: undefined })
  expect(await read('/')).toMatchObject({ status: 404 })
  expect(await read('/instance')).toMatchObject({ status: 404 })
  expect((await fetch(`${metadata.url}/latest/meta-data/`)).status).toBe(404)
})

test('the metadata service fails when a test asks for it', async () => {
  await start()
  metadata.failNext({ kind: 'error', status: 500, code: 'Broken' }, { action: 'Credentials' })
  expect(await read('/')).toMatchObject({ status: 200 })
  expect(await read('/instance')).toEqual({ status: 500, body: 'Broken' })
})
