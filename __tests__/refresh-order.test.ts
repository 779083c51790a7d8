import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parseKeeperReport } from '../src/refresh/keeper-report.js'
import { orderText, parseOrder, type Order } from '../src/refresh/order.js'

const text = fc.string({ maxLength: 20 })
const optional = fc.option(text, { nil: undefined })
const key = fc.record({ accessKeyId: text, accessKeySecret: text, securityToken: text })
const order: fc.Arbitrary<Order> = fc.record({
  folder: text,
  readPath: text,
  stopPath: text,
  profile: fc.record({ path: text, target: text, id: text, name: text, regionId: text }),
  first: fc.record({ key, expiration: fc.date({ noInvalidDate: true }) }),
  minting: fc.record({
    source: fc.oneof(
      fc.record({
        kind: fc.constant('oidc' as const),
        providerArn: text,
        audience: text,
        tokenFile: optional,
      }),
      fc.record({
        kind: fc.constantFrom('access-key' as const, 'environment' as const),
        key: fc.record({ accessKeyId: text, accessKeySecret: text, securityToken: optional }),
      }),
      fc.record({ kind: fc.constant('ecs-ram-role' as const) }),
    ),
    roles: fc.array(text),
    session: fc.record({
      durationSeconds: fc.nat(),
      roleSessionName: text,
      externalId: optional,
      sourceIdentity: optional,
      policy: optional,
    }),
    endpoint: fc.constant(new URL('https://sts.aliyuncs.com')),
    allowedAccountIds: fc.array(text),
    maxAttempts: fc.nat(),
    timeoutSeconds: fc.nat(),
    issuer: fc.record({ requestUrl: optional, requestToken: optional }),
    onlyHardenedMetadata: fc.boolean(),
    runId: optional,
  }),
  proxyVariables: fc.dictionary(
    text.filter((name) => name !== '__proto__'),
    text,
  ),
  worker: fc.option(fc.record({ pid: fc.nat(), startTime: text }), { nil: undefined }),
})

describe('the order', () => {
  test('is read as it was written', () => {
    fc.assert(
      fc.property(order, (given) => {
        expect(parseOrder(orderText(given))).toEqual(given)
      }),
    )
  })

  test('is rejected if any part is missing', () => {
    const [whole] = fc
      .sample(order, { numRuns: 1, seed: 1 })
      .map((given) => JSON.parse(orderText(given)) as Record<string, unknown>)
    for (const part of ['folder', 'readPath', 'stopPath', 'profile', 'first', 'minting', 'proxyVariables']) {
      for (const wrong of [undefined, null, 7, [], true])
        expect(parseOrder(JSON.stringify({ ...whole, [part]: wrong }))).toBeUndefined()
    }
  })

  test.each(['', '{', '[]', 'null', '{}'])('%j is rejected', (broken) => {
    expect(parseOrder(broken)).toBeUndefined()
  })
})

describe("the keeper's report", () => {
  test('is read with and without a failure', () => {
    const failure = { code: 'NoPermission', message: 'no', requestId: 'R' }
    expect(parseKeeperReport(JSON.stringify({ renewals: 3, failure, troubles: ['a'] }))).toEqual({
      renewals: 3,
      failure,
      troubles: ['a'],
    })
    expect(parseKeeperReport('{"renewals":0,"troubles":[]}')).toEqual({
      renewals: 0,
      failure: undefined,
      troubles: [],
    })
  })

  test.each([
    '',
    '<html>',
    '{}',
    '{"renewals":"1","troubles":[]}',
    '{"renewals":1,"troubles":[1]}',
    '{"renewals":1,"troubles":[],"failure":{"code":1}}',
    '{"renewals":1,"troubles":[],"failure":null}',
  ])('%j is rejected', (answer) => {
    expect(parseKeeperReport(answer)).toBeUndefined()
  })
})
