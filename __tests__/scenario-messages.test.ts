/**
 * What people read, in the log of the built action: the error's order and length, links, empty
 * secrets, debug logging.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import type { Fault } from '../stand-in/faults.js'
import type { Job, JobOptions } from './support/job.js'
import { useJobs, useWorld } from './support/set-up.js'
import { ACCOUNT, DEPLOY_ROLE, OIDC_ROLE, oidcTrust } from './support/world.js'

const world = useWorld({ renewed: true })
const startJob = useJobs(world)
let job: Job

const newJob = (options: Partial<JobOptions> = {}): Job => (job = startJob(options))
const callers = (): number =>
  world.standIn.requests.filter(({ action }) => action === 'GetCallerIdentity').length

describe('the error', () => {
  test('has a title, and a fixed order: what STS said, what to do, what it means, RequestId, link', async () => {
    newJob({ env: { GITHUB_ACTION_REPOSITORY: 'octo/credentials', GITHUB_ACTION_REF: 'v1' } })
    world.standIn.ram.setTrustPolicy(OIDC_ROLE, oidcTrust('repo:octo-org/other:*'))
    const main = await job.main(world.byOidc)
    const [error = ''] = main.errors
    expect(main.stdout).toMatch(
      /^::error title=No Alibaba Cloud credentials%3A AuthenticationFail\.NoPermission::Could not assume /m,
    )
    const places = [
      '(AuthenticationFail.NoPermission)',
      'STS said: There is no permission',
      'What to do:',
      'What it means:',
      'RequestId  ',
      'More: https://github.com/octo/credentials/blob/v1/docs/troubleshooting.md#authenticationfail-nopermission',
    ].map((part) => error.indexOf(part))
    expect(places).not.toContain(-1)
    expect(places).toEqual([...places].sort((a, b) => a - b))
    expect(main.summary).toContain('More: <https://github.com/octo/credentials/blob/v1/docs/')
    // Claims and the policy are in a group of plain lines before it.
    const [before] = main.stdout.split('::error ')
    for (const part of [
      '::group::',
      'The token says:',
      '"oidc:sub": "repo:octo-org/octo-repo:ref:refs/heads/main"',
      '::endgroup::',
    ])
      expect(before).toContain(part)
  })

  test('keeps its RequestId and its link with a long branch, below 4,096 characters', async () => {
    newJob({ env: { GITHUB_ACTION_REPOSITORY: 'octo/credentials', GITHUB_ACTION_REF: 'v'.repeat(200) } })
    const branch = `feature/${'b'.repeat(236)}`
    Object.assign(world.standIn.issuer.claims, {
      sub: `repo:octo-org@65/octo-repo@74:ref:refs/heads/${branch}`,
      ref: `refs/heads/${branch}`,
      job_workflow_ref: `octo-org/octo-repo/.github/workflows/${'w'.repeat(200)}.yml@refs/heads/${branch}`,
    })
    world.standIn.ram.setTrustPolicy(OIDC_ROLE, oidcTrust('repo:octo-org/octo-repo:*'))
    const main = await job.main({ ...world.byOidc, 'role-session-name': 's'.repeat(64) })
    const [error = ''] = main.errors
    expect(error.length).toBeLessThan(4096)
    expect(error).toMatch(/^ {2}RequestId {2}[0-9A-F-]{36}$/m)
    expect(error).toMatch(/#authenticationfail-nopermission$/)
    expect(main.log).toContain('immutable form')
  })

  test.each([
    ['unset', {}],
    ['an action of the same repository', { GITHUB_ACTION_REPOSITORY: '', GITHUB_ACTION_REF: '' }],
    ['a repository of an unsafe form', { GITHUB_ACTION_REPOSITORY: 'a/b/../c', GITHUB_ACTION_REF: 'v1' }],
    [
      'a ref of an unsafe form',
      { GITHUB_ACTION_REPOSITORY: 'a/b', GITHUB_ACTION_REF: 'v1?x=](https://evil.example)' },
    ],
    ['a ref that climbs', { GITHUB_ACTION_REPOSITORY: 'a/b', GITHUB_ACTION_REF: 'v1/../../x' }],
  ])('names the page instead of linking it: %s', async (_name, env) => {
    newJob({ env })
    const main = await job.main({ ...world.byKey, 'role-to-assume': `${DEPLOY_ROLE}-absent` })
    expect(main.errors[0]).toMatch(/\n\nMore: `docs\/troubleshooting\.md`$/)
    expect(main.summary).not.toContain('evil.example')
  })
})

describe('the owner of a denied key', () => {
  const hang: Fault = { kind: 'hang' }

  test.each([
    ['does not answer', hang],
    ['throttles', { kind: 'error', status: 400, code: 'Throttling.User' }],
    ['breaks off', { kind: 'reset', when: 'before-response' }],
  ] satisfies [string, Fault][])(
    'is asked once and silently, if STS %s',
    async (_name, fault) => {
      newJob()
      const { accessKey } = world.standIn.ram.addUser({ name: 'newcomer' })
      world.standIn.sts.failNext(fault, { action: 'GetCallerIdentity', times: 5 })
      const main = await job.main({
        ...world.byKey,
        'access-key-id': accessKey.accessKeyId,
        'access-key-secret': accessKey.accessKeySecret,
      })
      expect(main.errors[0]).toContain('(NoPermission)')
      expect(callers()).toBe(1)
      expect(main.log).not.toMatch(/GetCallerIdentity|trying again/)
    },
    30_000,
  )
})

describe('inputs that are empty because the run gets no secrets', () => {
  const event = (payload: object): string => {
    const path = join(job.workspace, '..', 'event.json')
    writeFileSync(path, JSON.stringify(payload))
    return path
  }
  const FORK = {
    pull_request: {
      head: { repo: { fork: true, full_name: 'stranger/octo-repo' } },
      base: { repo: { full_name: 'octo-org/octo-repo' } },
    },
  }
  const EMPTY = { 'access-key-id': '', 'access-key-secret': '' }

  test('are explained for a pull request from a fork', async () => {
    newJob({ env: { GITHUB_EVENT_NAME: 'pull_request' } })
    const main = await job.main({ ...world.byKey, ...EMPTY }, { GITHUB_EVENT_PATH: event(FORK) })
    expect(main.errors).toEqual([
      expect.stringMatching(
        /^credential-source: no source is given[^]*pull request from a fork, which gets no secrets[^]*head\.repo\.full_name == github\.repository/,
      ),
    ])
  })

  test('are explained for a run of Dependabot', async () => {
    newJob({ env: { GITHUB_ACTOR: 'dependabot[bot]' } })
    const main = await job.main({ ...world.byKey, ...EMPTY })
    expect(main.errors).toEqual([expect.stringMatching(/Dependabot secrets too/)])
  })

  test.each([
    ['a run of the repository itself', {}, EMPTY],
    ['an input of another kind', { GITHUB_ACTOR: 'dependabot[bot]' }, { region: 'CN_HANGZHOU' }],
  ])('are not explained that way for %s', async (_name, env, inputs) => {
    newJob({ env })
    const main = await job.main({ ...world.byKey, ...inputs })
    expect(main.errors).toHaveLength(1)
    expect(main.errors[0]).not.toMatch(/fork|Dependabot/)
  })
})

describe('the error of a job without an OIDC token', () => {
  test('names the key that the workflow lacks on Forgejo', async () => {
    newJob({
      idToken: false,
      env: { FORGEJO_ACTIONS: 'true', GITEA_ACTIONS: 'true', GITHUB_SERVER_URL: 'https://codeberg.org' },
    })
    const main = await job.main(world.byOidc)
    expect(main.errors[0]).toContain('  enable-openid-connect: true')
    expect(main.errors[0]).not.toContain('id-token: write')
  })

  test("shows the issuer's own words", async () => {
    newJob()
    world.standIn.issuer.failNext({
      kind: 'response',
      status: 403,
      body: '{"message":"The audience is not allowed by the enterprise policy."}',
    })
    const main = await job.main(world.byOidc)
    expect(main.errors[0]).toContain('(status 403): The audience is not allowed by the enterprise policy.')
  })
})

describe('debug logging', () => {
  test("shows the token's safe claims after a success too, and no other", async () => {
    newJob({ env: { RUNNER_DEBUG: '1' } })
    const main = await job.main(world.byOidc)
    expect(main.exitCode).toBe(0)
    expect(main.stdout).toMatch(/^::debug:: {2}sub +repo:octo-org\/octo-repo:ref:refs\/heads\/main$/m)
    expect(main.stdout).not.toContain('30433642')
  })

  test('is off by default', async () => {
    newJob()
    const main = await job.main(world.byOidc)
    expect(main.stdout).not.toContain('::debug::')
  })
})

test('mask-account-id also hides accounts that only STS has named', async () => {
  newJob()
  const other = '9999888877776666'
  world.standIn.sts.failNext({
    kind: 'error',
    status: 403,
    code: 'NoPermission',
    message: `You (account ${other}, acs:ram::${other}:user/x) are not authorized.`,
    fields: { AccessDeniedDetail: { AuthPrincipalOwnerId: other, NoPermissionType: 'ImplicitDeny' } },
  })
  const main = await job.main({ ...world.byKey, 'mask-account-id': 'true' })
  expect(main.masks).toEqual(expect.arrayContaining([ACCOUNT, other]))
  const printed = main.stdout.replaceAll(/^::add-mask::.*$/gm, '') + main.summary
  expect(printed).not.toMatch(new RegExp(`${ACCOUNT}|${other}`))
  expect(printed).toContain('replace `***` in the policy with the account ID')
})
