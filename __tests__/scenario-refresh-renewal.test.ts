import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from '@jest/globals'
import { trustOfRam } from '../stand-in/policy.js'
import { NODES, type Job, type StepInputs } from './support/job.js'
import {
  eventually,
  nothingLeft,
  REFRESH,
  renewed,
  served,
  sessionOf,
  uriOf,
  type ServedAnswer,
} from './support/keepers.js'
import { useJobs, useWorld } from './support/set-up.js'
import { ACCOUNT, DEPLOY_ROLE, OIDC_ROLE } from './support/world.js'

const OURSELVES = trustOfRam([`acs:ram::${ACCOUNT}:root`])
const STRANGERS = trustOfRam(['acs:ram::2222222222222222:root'])

const world = useWorld()

afterEach(() => {
  const { standIn } = world
  for (const role of [DEPLOY_ROLE, OIDC_ROLE]) standIn.setSessionLifetime(role, undefined)
  standIn.ram.setTrustPolicy(DEPLOY_ROLE, OURSELVES)
})

describe.each(NODES)('on %s', (node) => {
  const newJob = useJobs(world, { node })
  const main = async (job: Job, inputs: StepInputs = {}, env = {}) => {
    const result = await job.main({ ...world.byKey, ...REFRESH, ...inputs }, env)
    expect([result.errors, result.stderr, result.exitCode]).toEqual([[], '', 0])
    return result
  }
  const sources: [title: string, inputs: () => StepInputs][] = [
    [
      'with a key, a chain, a session policy, an external ID and a source identity',
      () => ({
        ...world.byKey,
        'role-to-assume': `${DEPLOY_ROLE}\n${DEPLOY_ROLE}`,
        'role-external-id': 'external',
        'source-identity': 'octocat',
        'inline-session-policy':
          '{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}',
        'role-duration-seconds': '1800',
        'allowed-account-ids': ACCOUNT,
      }),
    ],
    ["with the issuer's token", () => world.byOidc],
  ]
  test.each(sources)('%s: a renewal requests the same as main', async (_, inputs) => {
    for (const role of [DEPLOY_ROLE, OIDC_ROLE]) world.standIn.setSessionLifetime(role, 6)
    const job = newJob()
    const step = await job.main({ ...inputs(), ...REFRESH })
    expect([step.errors, step.warnings]).toEqual([[], []])
    await renewed(job, await sessionOf(job))
    const roles = (inputs()['role-to-assume'] ?? '').split('\n').length
    const asked = world.standIn.assumptions.slice(0, roles)
    const again = world.standIn.assumptions.slice(roles, 2 * roles)
    expect(again).toHaveLength(roles)
    const lasting = (assumption: (typeof asked)[number]): object => {
      const { time, accessKeyId, signer, ...rest } = assumption
      return { ...rest, signed: signer !== undefined, times: typeof time, ids: typeof accessKeyId }
    }
    expect(again.map(lasting)).toEqual(asked.map(lasting))
    await job.posts()
  })

  test('a renewal reads the token file again, from the path that main used', async () => {
    world.standIn.setSessionLifetime(OIDC_ROLE, 6)
    const job = newJob({ idToken: false })
    const path = join(job.temp, 'token')
    const tokens = await Promise.all(
      ['a', 'b'].map(async (jti) =>
        world.standIn.issuer.mint({
          jti,
          aud: 'sts.aliyuncs.com',
          sub: 'repo:octo-org/octo-repo:ref:refs/heads/main',
        }),
      ),
    )
    writeFileSync(path, tokens[0] ?? '', { mode: 0o600 })
    const step = await job.main({ ...world.byOidc, ...REFRESH, 'oidc-token-file': '../temp/token' })
    expect([step.errors, step.warnings]).toEqual([[], []])
    writeFileSync(path, tokens[1] ?? '')
    const used = (): unknown[] => world.standIn.requests.map(({ form }) => form.OIDCToken)
    await eventually('the new token is used', () => used().at(-1) === tokens[1])
    expect(used()[0]).toBe(tokens[0])
    await job.posts()
  })

  test('the keeper survives failures, and says why once the session has expired', async () => {
    world.standIn.setSessionLifetime(DEPLOY_ROLE, 6)
    const job = newJob()
    await main(job)
    world.standIn.ram.setTrustPolicy(DEPLOY_ROLE, STRANGERS)
    const denied = (): string[] =>
      world.standIn.requests.flatMap(({ code, requestId }) =>
        code === 'NoPermission' ? [requestId ?? ''] : [],
      )
    await eventually('a renewal is denied', () => denied().length > 0)
    let last: ServedAnswer | undefined
    let answer: ServedAnswer | undefined
    await eventually('the session is over', async () => {
      answer = await served(uriOf(job))
      if (answer?.body.Code === 'Success') last = answer
      return answer?.body.Code !== 'Success'
    })
    // Not before its last seconds.
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(last?.body.Expiration ?? '1970-01-01Z') - 2_000)
    expect(answer?.status).toBe(503)
    expect(answer?.body).toEqual({
      Code: 'NoPermission',
      Message: expect.stringContaining('No permission perform sts:AssumeRole on this Role'),
      RequestId: expect.any(String),
    })
    expect(denied()).toContain(answer?.body.RequestId)

    // A call that is made of what was over meanwhile.
    world.standIn.ram.setTrustPolicy(DEPLOY_ROLE, OURSELVES)
    await renewed(job, last?.body.AccessKeyId)
    world.standIn.ram.setTrustPolicy(DEPLOY_ROLE, STRANGERS)
    await eventually(
      'the session is over again',
      async () => (await served(uriOf(job)))?.body.Code === 'NoPermission',
    )
    const [post] = await job.posts()
    expect([post?.exitCode, post?.warnings]).toEqual([
      0,
      [expect.stringMatching(/^refresh: the last renewals failed: NoPermission: .*RequestId [0-9A-F-]{36}/)],
    ])
    await nothingLeft(job)
  })

  test('a failed renewal shows no secret', async () => {
    world.standIn.setSessionLifetime(DEPLOY_ROLE, 4)
    const job = newJob()
    await main(job)
    const { accessKeySecret } = world.key
    const hostile = `${accessKeySecret}\u202e\n::error::${world.key.accessKeyId}`
    world.standIn.sts.failNext(
      { kind: 'error', status: 403, code: 'NoPermission', message: hostile },
      { times: 100 },
    )
    let answer: ServedAnswer | undefined
    await eventually('the session is over', async () => {
      answer = await served(uriOf(job))
      return answer?.body.Code === 'NoPermission'
    })
    expect(answer?.status).toBe(503)
    const text = JSON.stringify(answer)
    for (const secret of [accessKeySecret, world.key.accessKeyId, '\u202e', '\\n'])
      expect(text).not.toContain(secret)
    const [post] = await job.posts()
    expect(post?.warnings).toHaveLength(1)
    expect(post?.stdout.split('\n').filter((line) => line.startsWith('::error'))).toEqual([])
  })
})
