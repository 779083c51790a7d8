import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import type { Fault } from '../stand-in/faults.js'
import { NODES, startJob, type Job } from './support/job.js'
import { ACCOUNT, startWorld, type World } from './support/world.js'

/**
 * The harness looks for every secret in everything that every step of every test prints. Here are the circumstances under which Node, the SDK and
 * others are talkative, and the secrets that are easily shown in part.
 */
const TALKATIVE = {
  DEBUG: '*',
  NODE_DEBUG: 'http,https,net,tls,undici,fetch,stream',
  RUNNER_DEBUG: '1',
  ACTIONS_STEP_DEBUG: 'true',
  ACTIONS_RUNNER_DEBUG: 'true',
}

const FAULTS: readonly [string, Fault | undefined][] = [
  ['success', undefined],
  [
    'a denial that quotes the request',
    {
      kind: 'error',
      status: 403,
      code: 'NoPermission',
      message: 'You are not authorized to do this action.',
    },
  ],
  ['a broken answer', { kind: 'reset', when: 'mid-response' }],
  ['an answer in HTML', { kind: 'response', status: 500, body: '<html></html>' }],
]

let world: World
let keys = 0
let job: Job

beforeAll(async () => {
  world = await startWorld()
})
afterAll(async () => {
  await world.standIn.close()
})
afterEach(() => {
  job.remove()
  world.standIn.forget()
  world.standIn.sts.clearFaults()
})

describe.each(NODES)('on %s', (node) => {
  describe.each(FAULTS)('%s', (_, fault) => {
    test.each(['byKey', 'byOidc'] as const)('%s', async (source) => {
      job = startJob({ standIn: world.standIn, node, env: TALKATIVE })
      if (fault !== undefined) world.standIn.sts.failNext(fault, { times: 2 })
      const main = await job.main({
        ...world[source],
        profile: 'ci',
        'retry-max-attempts': '2',
        'output-credentials': 'true',
      })
      expect(main.exitCode).toBe(fault === undefined ? 0 : 1)
      const [post] = await job.posts()
      expect(post?.exitCode).toBe(0)
    })
  })

  test("a wrong signature: the server's string to sign is not repeated", async () => {
    job = startJob({ standIn: world.standIn, node })
    const main = await job.main({ ...world.byKey, 'access-key-secret': 'not-the-secret-of-this-key' })
    expect(main.exitCode).toBe(1)
    expect(main.errors[0]).toContain('SignatureDoesNotMatch')
    expect(main.stdout.replaceAll(/^::add-mask::.*$/gm, '')).not.toContain('x-acs-date')
  })

  test.each([
    ['quotes', `a"b'c\`d"e`],
    ['per cent and dollar signs', '100%25$HOME%0A$(id)'],
    ['a workflow command', '::set-output::y'],
    ['backslashes', 'a\\nb\\\\c\\u0041'],
    ['a trailing newline', 'plainsecretwithnewline\n'],
    ['markup', '<b>&amp;</b>'],
  ])('an awkward secret: %s', async (_, secret) => {
    job = startJob({ standIn: world.standIn, node, env: { RUNNER_DEBUG: '1' } })
    const { accessKeyId } = world.standIn.ram.addAccessKey(`acs:ram::${ACCOUNT}:user/ci`, {
      accessKeyId: `LTAI5tAwkward${String(++keys).padStart(11, '0')}`,
      accessKeySecret: secret.trim(),
    })
    const main = await job.main({ ...world.byKey, 'access-key-id': accessKeyId, 'access-key-secret': secret })
    expect(main.errors).toEqual([])
    expect(main.masks).toContain(secret.trim())
    const denied = await job.main({
      ...world.byKey,
      'access-key-id': world.key.accessKeyId,
      'access-key-secret': secret,
    })
    expect(denied.exitCode).toBe(1)
  })

  test('ID and secret exchanged: neither is shown', async () => {
    job = startJob({ standIn: world.standIn, node })
    const main = await job.main({
      ...world.byKey,
      'access-key-id': world.key.accessKeySecret,
      'access-key-secret': world.key.accessKeyId,
    })
    expect(main.exitCode).toBe(1)
    expect(main.errors[0]).toContain('InvalidAccessKeyId.NotFound')
  })

  test('a secret pasted into a plain input is not shown in its fault', async () => {
    job = startJob({ standIn: world.standIn, node })
    const main = await job.main({
      ...world.byKey,
      region: world.key.accessKeySecret,
      'role-to-assume': world.key.accessKeyId,
    })
    expect(main.exitCode).toBe(1)
    expect(main.errors[0]).toContain('role-to-assume')
  })

  test('mask-account-id: a failure shows the account nowhere before its mask', async () => {
    job = startJob({ standIn: world.standIn, node })
    for (const inputs of [
      { 'role-to-assume': `acs:ram::${ACCOUNT}:role/absent` },
      { 'role-to-assume': `acs:ram:${ACCOUNT}:typo` },
      { 'allowed-account-ids': '4242424242' },
    ]) {
      const main = await job.main({ ...world.byKey, ...inputs, 'mask-account-id': 'true' })
      expect(main.exitCode).toBe(1)
      expect(main.masks).toContain(ACCOUNT)
      expect(main.stdout.replaceAll(/^::add-mask::.*$/gm, '') + main.summary).not.toContain(ACCOUNT)
    }
  })
})
