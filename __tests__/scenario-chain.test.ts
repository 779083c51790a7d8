import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { trustOfRam } from '../stand-in/policy.js'
import { NODES, type Job, type StepResult } from './support/job.js'
import { useJobs, useWorld } from './support/set-up.js'
import { ACCOUNT, assumeRolePolicy, DEPLOY_ROLE, OIDC_ROLE, type World } from './support/world.js'

const OTHER_ACCOUNT = '6543210987654321'
const MIDDLE_ROLE = `acs:ram::${ACCOUNT}:role/middle`
/** In another account, as the last role of a chain mostly is. */
const LAST_ROLE = `acs:ram::${OTHER_ACCOUNT}:role/last`
/** Trusts nobody who asks here. */
const CLOSED_ROLE = `acs:ram::${ACCOUNT}:role/closed`
/** May assume nothing. */
const DEAD_END_ROLE = `acs:ram::${ACCOUNT}:role/dead-end`
const NAME = 'GitHubActions-octo-org-octo-repo-1234567890'
const POLICY = '{"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:*","Resource":"*"}]}'

const world = useWorld({ prepare: addRoles })
const startJob = useJobs(world)
let job: Job

function addRoles({ standIn: { ram } }: World): void {
  ram.addRole({ name: 'middle', policies: [assumeRolePolicy('*')] })
  ram.addRole({
    name: 'last',
    accountId: OTHER_ACCOUNT,
    maxSessionDuration: 7200,
    trustPolicy: trustOfRam([MIDDLE_ROLE, DEPLOY_ROLE, OIDC_ROLE]),
  })
  ram.addRole({
    name: 'closed',
    trustPolicy: trustOfRam([`acs:ram::${OTHER_ACCOUNT}:root`]),
    policies: [assumeRolePolicy('*')],
  })
  ram.addRole({ name: 'dead-end' })
}

/** What a chain's links were asked to be, and by whom. */
function links(): object[] {
  return world.standIn.requests
    .filter(({ action }) => action?.startsWith('AssumeRole'))
    .map(({ query, form, caller }) => {
      const sent = { ...form, ...query }
      return {
        by: caller,
        role: sent.RoleArn,
        name: sent.RoleSessionName,
        seconds: sent.DurationSeconds,
        policy: sent.Policy,
        externalId: sent.ExternalId,
        sourceIdentity: sent.SourceIdentity,
      }
    })
}

/** Everything that this step left where a later step or job could find it. */
function leftBehind(main: StepResult): string {
  const folder = dirname(job.configFile)
  const files = existsSync(folder)
    ? readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'))
    : []
  return [
    ...main.env.values(),
    ...main.outputs.values(),
    ...main.state.values(),
    ...files,
    main.summary,
  ].join('\n')
}

const sessionOf = (role: string): string => `${role.replace(':role/', ':assumed-role/')}/${NAME}`

describe.each(NODES)('on %s', (node) => {
  const newJob = (): Job => (job = startJob({ node }))

  const wishes = {
    'role-duration-seconds': '7200',
    'role-external-id': 'x-1',
    'source-identity': 'octocat',
    'inline-session-policy': POLICY,
  }
  const plainLink = {
    name: NAME,
    seconds: '900',
    policy: undefined,
    externalId: undefined,
    sourceIdentity: undefined,
  }
  const lastLink = {
    name: NAME,
    seconds: '7200',
    policy: POLICY,
    externalId: 'x-1',
    sourceIdentity: undefined,
  }

  test('a key assumes three roles, one per line, each with the session before it', async () => {
    newJob()
    const main = await job.main({
      ...world.byKey,
      ...wishes,
      'role-to-assume': `${DEPLOY_ROLE}\n${MIDDLE_ROLE}\n${LAST_ROLE}\n`,
    })
    expect([main.exitCode, main.errors, main.warnings]).toEqual([0, [], []])
    expect(links()).toEqual([
      { ...plainLink, by: `acs:ram::${ACCOUNT}:user/ci`, role: DEPLOY_ROLE, sourceIdentity: 'octocat' },
      { ...plainLink, by: sessionOf(DEPLOY_ROLE), role: MIDDLE_ROLE },
      { ...lastLink, by: sessionOf(MIDDLE_ROLE), role: LAST_ROLE },
    ])
    // It was sent once, and holds for all.
    expect(world.standIn.assumptions.map(({ sourceIdentity }) => sourceIdentity)).toEqual([
      'octocat',
      'octocat',
      'octocat',
    ])
    const [first, second] = world.standIn.assumptions
    expect(world.standIn.requests.map(({ accessKeyId }) => accessKeyId)).toEqual([
      world.key.accessKeyId,
      first?.accessKeyId,
      second?.accessKeyId,
    ])
    expect(Object.fromEntries(main.outputs)).toMatchObject({
      'account-id': OTHER_ACCOUNT,
      arn: `${LAST_ROLE}/${NAME}`,
      'credential-source': 'access-key',
    })
    expect(main.log).toContain('Source:    the access key of the inputs, through 3 roles')
    expect(main.log).toContain('(in 120 minutes)')
  })

  test('an OIDC token assumes the first of three roles; the source identity is sent with the second, which is the first that can carry it', async () => {
    newJob()
    const main = await job.main({
      ...world.byOidc,
      ...wishes,
      'role-to-assume': `${OIDC_ROLE},${MIDDLE_ROLE} , ${LAST_ROLE}`,
    })
    expect([main.exitCode, main.errors, main.warnings]).toEqual([0, [], []])
    expect(links()).toEqual([
      { ...plainLink, by: undefined, role: OIDC_ROLE },
      { ...plainLink, by: sessionOf(OIDC_ROLE), role: MIDDLE_ROLE, sourceIdentity: 'octocat' },
      { ...lastLink, by: sessionOf(MIDDLE_ROLE), role: LAST_ROLE },
    ])
    expect(world.standIn.assumptions.map(({ sourceIdentity }) => sourceIdentity)).toEqual([
      undefined,
      'octocat',
      'octocat',
    ])
    expect(world.standIn.requests.filter(({ service }) => service === 'issuer')).toHaveLength(1)
  })

  test.each(['byKey', 'byOidc'] as const)(
    '%s through two roles: the session in between is masked, and appears nowhere afterwards',
    async (source) => {
      newJob()
      const known = new Set(world.standIn.secrets())
      const first = source === 'byKey' ? DEPLOY_ROLE : OIDC_ROLE
      const main = await job.main({
        ...world[source],
        'role-to-assume': `${first}\n${LAST_ROLE}`,
        profile: 'ci',
        'output-credentials': 'true',
        'export-for': 'oss packer serverless-devs',
      })
      expect([main.exitCode, main.errors]).toEqual([0, []])
      const issued = world.standIn.secrets().filter((secret) => !known.has(secret))
      const own = ['access-key-id', 'access-key-secret', 'security-token'].map(
        (name) => main.outputs.get(name) ?? '',
      )
      const between = issued.filter((secret) => !own.includes(secret))
      // The first role's three, and the OIDC token.
      expect(between).toHaveLength(source === 'byKey' ? 3 : 4)
      expect(main.masks).toEqual(expect.arrayContaining(issued))
      const left = leftBehind(main)
      for (const secret of own) expect(left).toContain(secret)
      for (const secret of between) expect(left).not.toContain(secret)
      for (const post of await job.posts()) expect([post.exitCode, post.warnings]).toEqual([0, []])
    },
  )

  test.each([
    [
      'the trust policy of the first role',
      'byKey',
      [CLOSED_ROLE, MIDDLE_ROLE],
      1,
      `acs:ram::${ACCOUNT}:user/ci`,
    ],
    [
      'the trust policy of the second role',
      'byKey',
      [DEPLOY_ROLE, CLOSED_ROLE, LAST_ROLE],
      2,
      `${DEPLOY_ROLE}/${NAME}`,
    ],
    [
      'the policies of the first role',
      'byKey',
      [DEAD_END_ROLE, MIDDLE_ROLE, LAST_ROLE],
      2,
      `${DEAD_END_ROLE}/${NAME}`,
    ],
    [
      'the trust policy of the third role',
      'byKey',
      [DEPLOY_ROLE, MIDDLE_ROLE, CLOSED_ROLE],
      3,
      `${MIDDLE_ROLE}/${NAME}`,
    ],
    ['the first role, asked with OIDC', 'byOidc', [CLOSED_ROLE, MIDDLE_ROLE], 1, 'the OIDC token'],
    ['the second role, after OIDC', 'byOidc', [OIDC_ROLE, CLOSED_ROLE, LAST_ROLE], 2, `${OIDC_ROLE}/${NAME}`],
  ] as const)(
    'if access is refused by %s, the message names that role and the caller, and STS is not asked again',
    async (_, source, roles, link, caller) => {
      newJob()
      const main = await job.main({
        ...world[source],
        'role-to-assume': roles.join('\n'),
        profile: 'ci',
        'output-credentials': 'true',
      })
      expect(main.exitCode).toBe(1)
      expect(main.errors).toHaveLength(1)
      const [message = ''] = main.errors
      expect(message.split('\n')[0]).toContain(
        `Could not assume role ${link} of ${roles.length}, ${roles[link - 1] ?? ''}: `,
      )
      expect(message).toMatch(/\((AuthenticationFail\.)?NoPermission\)/)
      expect(/^ *Caller +(.*)$/m.exec(message)?.[1]).toMatch(new RegExp(`^${caller}`))
      const asked = world.standIn.requests
        .filter(({ service }) => service === 'sts')
        .map(({ action }) => action)
      const assumed = asked.filter((action) => action !== 'GetCallerIdentity')
      expect(assumed).toHaveLength(link)
      expect(asked.length - assumed.length).toBeLessThanOrEqual(1)
      expect([main.env.size, main.outputs.size, existsSync(job.configFile)]).toEqual([0, 0, false])
    },
  )

  test('a duration that the last role does not allow is reported as an error of the last role', async () => {
    newJob()
    const main = await job.main({
      ...world.byKey,
      'role-to-assume': `${DEPLOY_ROLE},${MIDDLE_ROLE}`,
      'role-duration-seconds': '7200',
    })
    expect(main.errors).toEqual([
      expect.stringMatching(/^Could not assume role 2 of 2, .*middle: [^]*InvalidParameter\.DurationSeconds/),
    ])
    expect(world.standIn.requests.map(({ action, status }) => [action, status])).toEqual([
      ['AssumeRole', 200],
      ['AssumeRole', 400],
    ])
  })

  test('allowed-account-ids applies to the account of the last role, before anything is written', async () => {
    newJob()
    const inputs = {
      ...world.byKey,
      'role-to-assume': `${DEPLOY_ROLE},${LAST_ROLE}`,
      profile: 'ci',
      'output-credentials': 'true',
    }
    const refused = await job.main({ ...inputs, 'allowed-account-ids': ACCOUNT })
    expect(refused.errors).toEqual([
      expect.stringMatching(new RegExp(`account ${OTHER_ACCOUNT}, .* ${ACCOUNT}`)),
    ])
    expect([refused.env.size, refused.outputs.size, existsSync(job.configFile)]).toEqual([0, 0, false])
    const allowed = await job.main({ ...inputs, 'allowed-account-ids': OTHER_ACCOUNT })
    expect([allowed.exitCode, allowed.errors]).toEqual([0, []])
  })
})
