/** What counts as an answer of STS, over the wire. */
import { describe, expect, test } from '@jest/globals'
import type { Fault } from '../stand-in/faults.js'
import { NODES, type Job } from './support/job.js'
import { useJobs, useWorld } from './support/set-up.js'
import { ACCOUNT, DEPLOY_ROLE, OIDC_ROLE } from './support/world.js'

const world = useWorld()
const startJob = useJobs(world)

const actions = (): (string | undefined)[] => world.standIn.requests.map(({ action }) => action)

/** A session that STS issued, as its answer, with some fields changed. */
function session(roleArn: string, credentials: object = {}, fields: object = {}, status = 200): Fault {
  const { accessKeyId, accessKeySecret, securityToken, expiration } = world.standIn.issueSession({
    roleArn,
    roleSessionName: 'session',
  })
  const body = {
    RequestId: 'R-1',
    AssumedRoleUser: { Arn: `${roleArn}/session`, AssumedRoleId: '1:session' },
    Credentials: {
      AccessKeyId: accessKeyId,
      AccessKeySecret: accessKeySecret,
      SecurityToken: securityToken,
      Expiration: expiration,
      ...credentials,
    },
    ...fields,
  }
  return { kind: 'response', status, body: JSON.stringify(body) }
}

describe.each(NODES)('on %s', (node) => {
  const newJob = (env: Record<string, string> = {}): Job => startJob({ node, env })

  test('a good session is accepted, whatever is in the fields that the step does not need', async () => {
    const job = newJob()
    const odd = {
      OIDCTokenInfo: { ClientIds: ['a', 'b'], IssuanceTime: 7 },
      SourceIdentity: ['x'],
      RequestId: 7,
    }
    world.standIn.sts.failNext(session(OIDC_ROLE, {}, odd), { action: 'AssumeRoleWithOIDC' })
    const main = await job.main(world.byOidc)
    expect([main.errors, main.exitCode]).toEqual([[], 0])
    expect(main.outputs.get('arn')).toBe(`${OIDC_ROLE}/session`)
  })

  test('the output expiration has one form, whichever STS used', async () => {
    const job = newJob()
    world.standIn.sts.failNext(session(DEPLOY_ROLE, { Expiration: '2099-01-02T03:04:05.678Z' }))
    const main = await job.main(world.byKey)
    expect(main.outputs.get('expiration')).toBe('2099-01-02T03:04:05Z')
    expect(main.log).toContain('Expires:   2099-01-02T03:04:05Z (')
  })

  test.each([
    ['a number as AccessKeyId', { AccessKeyId: 42 }, 200],
    ['white space in AccessKeySecret', { AccessKeySecret: 'a secret of nobody' }, 200],
    ['a local time as Expiration', { Expiration: '2099-01-02T03:04:05' }, 200],
    ['another success than 200', {}, 201],
  ])('%s is a malformed answer, and the call is retried', async (_, credentials, status) => {
    const job = newJob()
    world.standIn.sts.failNext(session(DEPLOY_ROLE, credentials, {}, status))
    const main = await job.main(world.byKey)
    expect([main.errors, main.exitCode]).toEqual([[], 0])
    expect(actions()).toEqual(['AssumeRole', 'AssumeRole'])
    expect(main.log).toMatch(/^AssumeRole: attempt 1 of 5 failed/m)
  })

  test.each([
    ['an expired session', DEPLOY_ROLE, { Expiration: '2026-01-02T03:04:05Z' }, /expired already/],
    [
      "another role's session",
      OIDC_ROLE,
      {},
      new RegExp(`session of ${DEPLOY_ROLE} and returned one of ${OIDC_ROLE}`),
    ],
  ])(
    '%s fails the step with one error after one request, and nothing is exported',
    async (_, role, credentials, words) => {
      const job = newJob()
      world.standIn.sts.failNext(session(role, credentials))
      const main = await job.main(world.byKey)
      expect([main.exitCode, main.env.size, main.outputs.size]).toEqual([1, 0, 0])
      expect(main.errors).toEqual([expect.stringMatching(words)])
      expect(actions()).toEqual(['AssumeRole'])
    },
  )

  describe('the session of an OIDC token that has a source identity from a claim', () => {
    const chain = async (ours: string) => {
      const job = newJob()
      world.standIn.sts.failNext(session(OIDC_ROLE, {}, { SourceIdentity: 'from-claim' }), {
        action: 'AssumeRoleWithOIDC',
      })
      return job.main({
        ...world.byOidc,
        'role-to-assume': `${OIDC_ROLE} ${DEPLOY_ROLE}`,
        'source-identity': ours,
      })
    }

    test.each(['', 'from-claim'])('is not sent another one (source-identity: %j)', async (ours) => {
      const main = await chain(ours)
      expect([main.errors, main.exitCode]).toEqual([[], 0])
      expect(world.standIn.requests.at(-1)?.query).not.toHaveProperty('SourceIdentity')
    })

    test('does not accept another one: the error names both, and STS is not asked', async () => {
      const main = await chain('octocat')
      expect(main.errors).toEqual([
        expect.stringMatching(
          /source-identity is octocat, but .* already has the source identity from-claim/,
        ),
      ])
      expect(actions()).toEqual(['IdToken', 'AssumeRoleWithOIDC'])
      expect(main.env.size).toBe(0)
    })
  })

  test('an account that is not allowed is recognised by the ARN, before the first request', async () => {
    const job = newJob()
    for (const inputs of [world.byKey, world.byOidc]) {
      const main = await job.main({ ...inputs, 'allowed-account-ids': '42' })
      expect(main.errors).toEqual([
        expect.stringMatching(new RegExp(`account ${ACCOUNT}, which is not among 42`)),
      ])
    }
    expect(world.standIn.requests).toEqual([])
  })

  test('the owner of a refused key is asked for once, and a failure of that call is not logged', async () => {
    const job = newJob()
    const { sts } = world.standIn
    sts.failNext({ kind: 'error', status: 403, code: 'NoPermission' }, { action: 'AssumeRole' })
    sts.failNext(
      { kind: 'error', status: 503, code: 'ServiceUnavailable' },
      { action: 'GetCallerIdentity', times: 9 },
    )
    const main = await job.main(world.byKey)
    expect(main.errors).toEqual([expect.stringContaining('NoPermission')])
    expect(actions()).toEqual(['AssumeRole', 'GetCallerIdentity'])
    expect(main.log).not.toMatch(/trying again|ServiceUnavailable/)
  })

  test("credential-source: environment accepts Terraform's variables too", async () => {
    const job = newJob({
      ALICLOUD_ACCESS_KEY: world.key.accessKeyId,
      ALICLOUD_SECRET_KEY: world.key.accessKeySecret,
    })
    const main = await job.main({
      ...world.byKey,
      'access-key-id': '',
      'access-key-secret': '',
      'credential-source': 'environment',
    })
    expect([main.errors, main.exitCode]).toEqual([[], 0])
    expect(world.standIn.requests[0]?.accessKeyId).toBe(world.key.accessKeyId)
  })
})
