import { beforeAll, describe, expect, test } from '@jest/globals'
import { INSTANCE_ROLE, type Case, type Outcome } from './support/in-namespace.js'
import { NODES } from './support/job.js'
import { obstacle, outcomesOf } from './support/namespace.js'
import { ACCOUNT, DEPLOY_ROLE } from './support/world.js'

const HARDENED_ONLY = { hardened: true, allowV1: false }
const BOTH = { hardened: true, allowV1: true }
/** An instance from before the hardened mode, or one on which it is switched off. */
const V1_ONLY = { hardened: false, allowV1: true }
const WITH_ROLE = { 'role-to-assume': DEPLOY_ROLE, 'role-session-name': 'from-ecs' }
const NO_V1 = { ALIBABA_CLOUD_IMDSV1_DISABLED: 'true' }
const SESSION = {
  AccessKeyId: 'STS.key-id-of-nobody',
  AccessKeySecret: 'secret-of-nobody',
  SecurityToken: 'token-of-nobody',
  Expiration: '2099-01-02T03:04:05Z',
  Code: 'Success',
}
const garbage = (body: string, status = 200) => ({ kind: 'response', status, body }) as const
/** A service that always answers with a session, of which these fields are wrong. */
const wrongSession = (fields: object): Omit<Case, 'node'> => ({
  service: BOTH,
  inputs: { 'retry-max-attempts': '2' },
  faults: [[garbage(JSON.stringify({ ...SESSION, ...fields })), { action: 'Credentials', times: 9 }]],
})

const CASES = {
  withRole: { service: HARDENED_ONLY, inputs: WITH_ROLE },
  handedOn: { service: HARDENED_ONLY, inputs: { profile: 'ci' } },
  allowed: { service: HARDENED_ONLY, inputs: { 'allowed-account-ids': '42' } },
  both: { service: BOTH, inputs: {} },
  v1: { service: V1_ONLY, inputs: {} },
  v1Forbidden: { service: V1_ONLY, inputs: {}, env: NO_V1 },
  v1NotForbidden: { service: V1_ONLY, inputs: {}, env: { ALIBABA_CLOUD_IMDSV1_DISABLED: '1' } },
  hardenedAndForbidden: { service: BOTH, inputs: {}, env: NO_V1 },
  v1ForbiddenInCapitals: { service: V1_ONLY, inputs: {}, env: { ALIBABA_CLOUD_IMDSV1_DISABLED: 'TRUE' } },
  // As Alibaba's SDKs do: any failure of the request for a token makes them ask without one.
  tokenRefused: { service: BOTH, inputs: {}, faults: [[garbage('Forbidden', 403), { action: 'Token' }]] },
  tokenRefusedOddly: {
    service: BOTH,
    inputs: {},
    faults: [[garbage('<html>\nsign in</html>'), { action: 'Token' }]],
  },
  tokenLost: { service: BOTH, inputs: {}, faults: [[{ kind: 'hang' }, { action: 'Token' }]] },
  tokenCut: {
    service: BOTH,
    inputs: {},
    faults: [[{ kind: 'reset', when: 'before-response' }, { action: 'Token' }]],
  },
  switchedOff: {
    service: HARDENED_ONLY,
    inputs: {},
    faults: [[garbage('Forbidden', 403), { action: 'Token' }]],
  },
  switchedOffAndForbidden: {
    service: BOTH,
    inputs: {},
    env: NO_V1,
    faults: [[garbage('Forbidden', 403), { action: 'Token' }]],
  },
  inContainer: {
    service: HARDENED_ONLY,
    inputs: { 'retry-max-attempts': '2' },
    faults: [[{ kind: 'hang' }, { action: 'Token', times: 9 }]],
  },
  busyHardened: {
    service: HARDENED_ONLY,
    inputs: {},
    faults: [[{ kind: 'error', status: 503, code: 'Busy' }, { action: 'Token' }]],
  },
  // Were it asked, the request would fail: nothing listens there.
  proxy: {
    service: HARDENED_ONLY,
    inputs: {},
    env: { HTTP_PROXY: 'http://127.0.0.1:9', http_proxy: 'http://127.0.0.1:9' },
  },
  noRole: { service: HARDENED_ONLY, role: false, inputs: {} },
  busyOnce: {
    service: BOTH,
    inputs: {},
    faults: [
      [{ kind: 'error', status: 503, code: 'Busy' }, { action: 'Token' }],
      [{ kind: 'reset', when: 'before-response' }, { action: 'RoleName' }],
      [garbage('{}'), { action: 'Credentials' }],
    ],
  },
  busyAlways: {
    service: HARDENED_ONLY,
    inputs: { 'retry-max-attempts': '2' },
    faults: [
      [
        { kind: 'error', status: 500, code: 'Broken' },
        { action: 'Token', times: 9 },
      ],
    ],
  },
  notSuccess: {
    service: BOTH,
    inputs: {},
    faults: [[garbage('{"Code":"Failed"}'), { action: 'Credentials' }]],
  },
  noCode: {
    service: BOTH,
    inputs: { 'retry-max-attempts': '2' },
    faults: [
      [
        garbage(
          '{"AccessKeyId":"STS.x","AccessKeySecret":"x","SecurityToken":"x","Expiration":"2026-01-02T03:04:05Z"}',
        ),
        { action: 'Credentials', times: 9 },
      ],
    ],
  },
  noDate: {
    service: BOTH,
    inputs: { 'retry-max-attempts': '2' },
    faults: [
      [
        garbage(
          '{"AccessKeyId":"STS.x","AccessKeySecret":"x","SecurityToken":"x","Expiration":"soon","Code":"Success"}',
        ),
        { action: 'Credentials', times: 9 },
      ],
    ],
  },
  strangeToken: {
    service: HARDENED_ONLY,
    inputs: { 'retry-max-attempts': '2' },
    faults: [[garbage('<html>\nsign in</html>'), { action: 'Token', times: 9 }]],
  },
  // An empty token is no permission to go on without one.
  emptyToken: {
    service: BOTH,
    inputs: { 'retry-max-attempts': '1' },
    env: NO_V1,
    faults: [[garbage(''), { action: 'Token' }]],
  },
  localTime: wrongSession({ Expiration: '2099-01-02T03:04:05+08:00' }),
  noZone: wrongSession({ Expiration: '2099-01-02T03:04:05' }),
  numberAsKey: wrongSession({ AccessKeyId: 42 }),
  keyWithBlank: wrongSession({ AccessKeySecret: 'a b' }),
  expired: {
    service: BOTH,
    inputs: {},
    faults: [
      [
        garbage(JSON.stringify({ ...SESSION, Expiration: '2026-01-02T03:04:05Z' })),
        { action: 'Credentials' },
      ],
    ],
  },
  strangeRole: {
    service: BOTH,
    inputs: { 'retry-max-attempts': '2' },
    faults: [[garbage('../../user-data'), { action: 'RoleName', times: 9 }]],
  },
  nothing: { service: 'nothing', inputs: {} },
  refusal: { service: 'refusal', inputs: {} },
  silence: { service: 'silence', inputs: {} },
  roleOnly: {
    service: BOTH,
    inputs: { 'role-duration-seconds': '900', 'role-session-name': 'x1', 'source-identity': 'me' },
  },
  unasked: { service: BOTH, inputs: { 'credential-source': '' } },
} as const satisfies Record<string, Omit<Case, 'node'>>

type Name = keyof typeof CASES

// Whoever reads the log must learn what was not tested.
if (obstacle !== undefined)
  console.warn(`The metadata service was not tested: this machine gives no private network (${obstacle}).`)

const outcomes = new Map<string, Record<string, Outcome>>()

beforeAll(async () => {
  if (obstacle !== undefined) return
  const runs = NODES.map(async (node) => {
    const cases = Object.fromEntries(Object.entries(CASES).map(([name, given]) => [name, { ...given, node }]))
    outcomes.set(node, await outcomesOf(cases))
  })
  await Promise.all(runs)
}, 300_000)

;(obstacle === undefined ? describe : describe.skip).each(NODES)('on %s', (node) => {
  const outcome = (name: Name): Outcome => {
    const found = outcomes.get(node)?.[name]
    if (found === undefined) throw new Error(`no outcome of ${name}`)
    return found
  }
  const asked = (name: Name): unknown[] =>
    outcome(name).metadata.map(({ action, status }) => [action, status])
  const SUCCESS = [
    ['Token', 200],
    ['RoleName', 200],
    ['Credentials', 200],
  ]
  const succeeded = (name: Name): void => {
    const { exitCode, errors, warnings, stderr } = outcome(name)
    expect({ name, exitCode, errors, warnings, stderr }).toEqual({
      name,
      exitCode: 0,
      errors: [],
      warnings: [],
      stderr: '',
    })
  }
  /** The one error of a case that failed before STS was asked. */
  const errorOf = (name: Name): string => {
    const { exitCode, errors, env, outputs, sts } = outcome(name)
    expect({ name, exitCode, count: errors.length, env, outputs, sts }).toEqual({
      name,
      exitCode: 1,
      count: 1,
      env: {},
      outputs: {},
      sts: [],
    })
    return errors[0] ?? ''
  }

  test("with a role: the instance's session signs AssumeRole", () => {
    succeeded('withRole')
    expect(asked('withRole')).toEqual(SUCCESS)
    const { sts, outputs, masks, env, log } = outcome('withRole')
    expect(sts).toEqual([
      {
        action: 'AssumeRole',
        accessKeyId: expect.stringMatching(/^STS\./),
        caller: expect.stringMatching(new RegExp(`^${INSTANCE_ROLE.replace(':role/', ':assumed-role/')}/i-`)),
      },
    ])
    expect(outputs).toMatchObject({
      arn: `${DEPLOY_ROLE}/from-ecs`,
      'credential-source': 'ecs-ram-role',
      'role-session-name': 'from-ecs',
    })
    expect(log).toContain("Source:    the instance's RAM role")
    expect(log).toContain('(in 60 minutes)')
    // The instance's own session is a link of the chain: masked, and handed on to nobody.
    expect(masks).toContain(sts[0]?.accessKeyId)
    expect(Object.values(env)).not.toContain(sts[0]?.accessKeyId)
  })

  test('without a role: its session is passed on with its expiration, after STS has said whose it is', () => {
    succeeded('handedOn')
    const { sts, outputs, env, masks, log } = outcome('handedOn')
    expect(sts.map(({ action }) => action)).toEqual(['GetCallerIdentity'])
    expect(env.ALIBABA_CLOUD_ACCESS_KEY_ID).toBe(sts[0]?.accessKeyId)
    expect(outputs).toMatchObject({
      'account-id': ACCOUNT,
      arn: expect.stringContaining(':assumed-role/instance/i-'),
      expiration: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      profile: 'ci',
    })
    expect(outputs).not.toHaveProperty('role-session-name')
    expect(log).toContain('(in 360 minutes)')
    for (const name of ['ACCESS_KEY_ID', 'ACCESS_KEY_SECRET', 'SECURITY_TOKEN'])
      expect(masks).toContain(env[`ALIBABA_CLOUD_${name}`])
  })

  test('the hardened mode is used first: every request has the token, which is masked', () => {
    for (const name of ['withRole', 'both', 'hardenedAndForbidden'] as const) {
      succeeded(name)
      expect(asked(name)).toEqual(SUCCESS)
      const [, role, credentials] = outcome(name).metadata
      expect(role?.token).toMatch(/^\S{20,}$/)
      expect(credentials?.token).toBe(role?.token)
      expect(outcome(name).masks).toContain(role?.token)
    }
  })

  test.each([
    ['v1', 404],
    ['v1NotForbidden', 404],
    ['tokenRefused', 403],
    ['tokenRefusedOddly', 200],
    ['tokenLost', undefined],
    ['tokenCut', undefined],
  ] as const)(
    '%s: the service is asked without a token if the hardened request fails, without a warning',
    (name, status) => {
      succeeded(name)
      expect(asked(name)).toEqual([['Token', status], ...SUCCESS.slice(1)])
      expect(outcome(name).metadata.map(({ token }) => token)).toEqual([undefined, undefined, undefined])
      expect(outcome(name).log).not.toContain('trying again')
    },
  )

  test('the service is not asked without a token if ALIBABA_CLOUD_IMDSV1_DISABLED forbids it, in any letter case', () => {
    for (const name of ['v1Forbidden', 'v1ForbiddenInCapitals'] as const) {
      expect(errorOf(name)).toMatch(
        /status 404\)\. ALIBABA_CLOUD_IMDSV1_DISABLED forbids asking .*\(HttpTokens\)/,
      )
      expect(asked(name)).toEqual([['Token', 404]])
    }
    expect(errorOf('switchedOffAndForbidden')).toMatch(/returned no token \(status 403\)\..*HttpEndpoint/)
    expect(asked('switchedOffAndForbidden')).toEqual([['Token', 403]])
    expect(errorOf('emptyToken')).toMatch(/something that is not a token/)
    expect(asked('emptyToken')).toEqual([['Token', 200]])
  })

  test('if both ways fail, the error mentions the metadata options and containers', () => {
    expect(errorOf('switchedOff')).toMatch(
      /returned no token, and refuses a session without one \(status 403\)\..*HttpEndpoint.*In a container .*HttpPutResponseHopLimit/,
    )
    expect(asked('switchedOff')).toEqual([
      ['Token', 403],
      ['RoleName', 403],
    ])
    expect(errorOf('inContainer')).toMatch(
      /gave up after 2 attempts .*no answer within 1\.0 s\..*In a container .*HttpPutResponseHopLimit/,
    )
  })

  test('the service is never asked through a proxy', () => {
    succeeded('proxy')
    expect(asked('proxy')).toEqual(SUCCESS)
  })

  test('an instance without a role is an error after one request', () => {
    expect(errorOf('noRole')).toMatch(
      /^credential-source: ecs-ram-role: this instance has no RAM role\. Attach one/,
    )
    expect(asked('noRole')).toEqual([
      ['Token', 200],
      ['RoleName', 404],
    ])
  })

  test('a transient failure is retried, with one line each in the log', () => {
    succeeded('busyOnce')
    expect(asked('busyOnce')).toEqual([
      ['Token', 503],
      ['RoleName', undefined],
      ['Token', 200],
      ['RoleName', 200],
      ['Credentials', 200],
      ...SUCCESS,
    ])
    expect(
      outcome('busyOnce').log.match(/^metadata request: attempt [12] of 5 failed .*; trying again in/gm),
    ).toHaveLength(2)
    // Without a token this service answers nothing, so the token is asked for again.
    succeeded('busyHardened')
    expect(asked('busyHardened')).toEqual([['Token', 503], ['RoleName', 403], ...SUCCESS])
    expect(outcome('busyHardened').log).toMatch(/^metadata request: attempt 1 of 5 failed .*status 503/m)
  })

  test.each([
    ['busyAlways', 'Token', 'status 500'],
    ['noCode', 'Credentials', 'without all fields of a session'],
    ['noDate', 'Credentials', 'without all fields of a session'],
    ['localTime', 'Credentials', 'without all fields of a session'],
    ['noZone', 'Credentials', 'without all fields of a session'],
    ['numberAsKey', 'Credentials', 'without all fields of a session'],
    ['keyWithBlank', 'Credentials', 'without all fields of a session'],
    ['strangeToken', 'Token', 'something that is not a token'],
    ['strangeRole', 'RoleName', "something that is not a role's name"],
  ] as const)(
    '%s: the request is made as often as allowed, and the error names the last cause',
    (name, action, cause) => {
      const message = errorOf(name)
      expect(message).toMatch(
        /^credential-source: ecs-ram-role: the metadata service of this machine returned no usable answer\./,
      )
      expect(message).toContain('gave up after 2 attempts')
      expect(message).toContain(cause)
      expect(outcome(name).metadata.filter((request) => request.action === action)).toHaveLength(2)
      expect(message).not.toMatch(/nobody/)
    },
  )

  test('a session that the service refuses is not requested again', () => {
    expect(errorOf('notSuccess')).toMatch(
      /no session for the instance's role instance \(status 200, code Failed\)\. Check that the role exists/,
    )
    expect(asked('notSuccess')).toEqual(SUCCESS)
  })

  test('a session that has expired is an error', () => {
    expect(errorOf('expired')).toMatch(/a session that has expired already \(Expiration 2026-01-02T03:04:05Z/)
    expect(asked('expired')).toEqual(SUCCESS)
  })

  test.each([
    ['nothing', 'no connection (ENETUNREACH)'],
    ['refusal', 'no connection (ECONNREFUSED)'],
    ['silence', 'no connection within 1.0 s (waiting for TCP)'],
  ] as const)(
    'outside ECS, with %s at the address, the step fails at once and says what to use instead',
    (name, cause) => {
      const message = errorOf(name)
      expect(message).toContain(
        `credential-source: ecs-ram-role: this machine has no metadata service (100.100.100.200: ${cause}).`,
      )
      expect(message).toMatch(
        /on GitHub's own runners use oidc-provider-arn, elsewhere an access key or oidc-token-file\. In a container /,
      )
      expect(outcome(name).log).not.toContain('trying again')
    },
  )

  test('allowed-account-ids applies to a session that is passed on', () => {
    const { exitCode, errors, env, outputs } = outcome('allowed')
    expect([exitCode, env, outputs]).toEqual([1, {}, {}])
    expect(errors).toEqual([expect.stringMatching(new RegExp(`account ${ACCOUNT}, .* 42\\.`))])
  })

  test('an input that only a role can use is an error before any request', () => {
    expect(errorOf('roleOnly').match(/^- [a-z-]+: given without role-to-assume/gm)).toHaveLength(3)
    expect(asked('roleOnly')).toEqual([])
  })

  test('the service is never asked unless credential-source names it', () => {
    expect(errorOf('unasked')).toMatch(/^credential-source: no source is given\./)
    expect(asked('unasked')).toEqual([])
  })
})
