import { describe, expect, test } from '@jest/globals'
import type { Fault } from '../stand-in/faults.js'
import { NODES } from './support/job.js'
import { useJobs, useWorld } from './support/set-up.js'
import { ACCOUNT } from './support/world.js'

/**
 * Every scenario is searched for every secret (support/leaks.ts). Here are the circumstances in
 * which Node, the SDK and others print most, and the secrets that are easily shown in part.
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

const world = useWorld()
const startJob = useJobs(world)
let keys = 0

describe.each(NODES)('on %s', (node) => {
  describe.each(FAULTS)('with every debug option on, after %s', (_, fault) => {
    test.each(['byKey', 'byOidc'] as const)('main and post (%s) show no secret', async (source) => {
      const job = startJob({ node, env: TALKATIVE })
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

  // The path that stops the keeper is a secret too, and only post asks for it.
  test('with every debug option on, a step that refreshes and its post print nothing to stderr', async () => {
    const job = startJob({ node, env: TALKATIVE })
    const main = await job.main({ ...world.byKey, profile: 'ci', refresh: 'true' })
    const [post] = await job.posts()
    expect([main.exitCode, main.stderr, post?.exitCode, post?.stderr]).toEqual([0, '', 0, ''])
  })

  test("if the signature is wrong, the string to sign in STS's answer is not repeated", async () => {
    const job = startJob({ node })
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
  ])('a secret with %s works and is never shown', async (_, secret) => {
    const job = startJob({ node, env: { RUNNER_DEBUG: '1' } })
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

  test('if ID and secret are swapped, neither is shown', async () => {
    const job = startJob({ node })
    const main = await job.main({
      ...world.byKey,
      'access-key-id': world.key.accessKeySecret,
      'access-key-secret': world.key.accessKeyId,
    })
    expect(main.exitCode).toBe(1)
    expect(main.errors[0]).toContain('InvalidAccessKeyId.NotFound')
  })

  test('a secret pasted into a plain input is not shown in the error about it', async () => {
    const job = startJob({ node })
    const main = await job.main({
      ...world.byKey,
      region: world.key.accessKeySecret,
      'role-to-assume': world.key.accessKeyId,
    })
    expect(main.exitCode).toBe(1)
    expect(main.errors[0]).toContain('role-to-assume')
  })

  test('if a secret is JSON, its values are masked, and no brace in the log', async () => {
    const job = startJob({ node })
    const document = { Credentials: { AccessKeyId: 'STS.pastedKeyId', AccessKeySecret: 'pastedSecret' } }
    for (const indent of [undefined, 2]) {
      const main = await job.main({
        ...world.byKey,
        'access-key-secret': JSON.stringify(document, undefined, indent),
      })
      expect(main.exitCode).toBe(1)
      expect(main.errors).toEqual([expect.stringMatching(/^access-key-secret: a JSON document \(not shown/)])
      expect(main.masks).toEqual(expect.arrayContaining(['STS.pastedKeyId', 'pastedSecret']))
      for (const mask of main.masks) expect(mask).toMatch(/^[^{}\r\n]{4,}$/)
      expect(world.standIn.requests).toEqual([])
    }
  })

  test('a secret of several lines is masked line by line', async () => {
    const job = startJob({ node })
    const main = await job.main({ ...world.byKey, 'access-key-secret': 'first line\n  second line\n}\n' })
    expect(main.masks).toEqual(expect.arrayContaining(['first line', 'second line']))
    for (const mask of main.masks) expect(mask).toMatch(/^[^{}\r\n]{4,}$/)
    expect(main.errors).toEqual([expect.stringMatching(/^access-key-secret: white space/)])
  })

  test('a token pasted as a path is masked and not shown', async () => {
    const job = startJob({ node })
    const token = `eyJhbGciOiJSUzI1NiJ9.${'x'.repeat(80)}.c2lnbmF0dXJl`
    const main = await job.main({ ...world.byOidc, 'oidc-token-file': token, region: token })
    expect(main.masks).toContain(token)
    expect(main.stdout.replaceAll(/^::add-mask::.*$/gm, '')).not.toContain(token.slice(0, 20))
    expect(main.errors).toEqual([expect.stringMatching(/oidc-token-file: a token or a document instead/)])
  })

  test("no error shows a secret of the job's environment", async () => {
    const env = { ALICLOUD_SECRET_KEY: 'secret/of/an/earlier/step', GITHUB_TOKEN: 'ghs_secretOfTheRun' }
    const job = startJob({ node, env })
    const main = await job.main({
      ...world.byKey,
      region: env.ALICLOUD_SECRET_KEY,
      cleanup: env.GITHUB_TOKEN,
    })
    expect(main.errors).toEqual([expect.stringMatching(/region: got "\*\*\*".*\n- cleanup: got "\*\*\*"/s)])
  })

  test('with mask-account-id no failure shows the account before its mask', async () => {
    const job = startJob({ node })
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
