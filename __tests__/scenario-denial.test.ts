import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { STS_ANSWERS } from '../src/diagnosis/sts-codes.js'
import { NODES, type Job, type JobOptions, type StepInputs, type StepResult } from './support/job.js'
import { ACCOUNT, DEPLOY_ROLE, OIDC_ROLE, oidcTrust, PROVIDER_ARN } from './support/world.js'
import { useJobs, useWorld } from './support/set-up.js'

const world = useWorld({ renewed: true })
const startJob = useJobs(world)
let job: Job

/** What is printed before the error, and the error. */
const printed = ({ log, errors }: StepResult): string => [log, ...errors].join('\n')

/** The policies that a message prints, as a person would copy them from the log. */
function policiesIn(message: string): { readonly Statement: readonly { readonly Principal?: unknown }[] }[] {
  return [...message.matchAll(/^( *)\{\n[\s\S]*?^\1\}$/gm)].map(
    ([json]) => JSON.parse(json) as { Statement: { Principal?: unknown }[] },
  )
}

const isTrust = ({ Statement }: ReturnType<typeof policiesIn>[number]): boolean =>
  Statement.some(({ Principal }) => Principal !== undefined)

/** How often each code may be asked for in `retry-max-attempts: 3`. */
function requestsFor(code: string): number {
  if (/^(Throttling|InternalError|ServiceUnavailable|SignatureNonceUsed)/.test(code)) return 3
  if (code === 'AuthenticationFail.OIDCToken.IssuerConfigurationBroken') return 3
  return code === 'AuthenticationFail.OIDCToken.Expired' ? 2 : 1
}

// What a message says does not depend on the runtime; the project's workflow runs this on both all
// the same.
describe.each(NODES.slice(0, 1))('on %s', (node) => {
  const newJob = (options: Partial<JobOptions> = {}): Job => (job = startJob({ node, ...options }))

  // Every code of the table, whatever its family, in the call that it belongs to.
  const codes = STS_ANSWERS.flatMap((answer) =>
    answer.codes.map((code) => ({ answer, code: code.replace('.*', '.Novel') })),
  )
  test.each(
    codes.map(
      (entry) =>
        [
          `${entry.code}${entry.answer.words === undefined ? '' : `: ${entry.answer.says ?? ''}`}`,
          entry,
        ] as const,
    ),
  )('%s', async (_, { answer, code }) => {
    newJob()
    const source = code.startsWith('AuthenticationFail') ? world.byOidc : world.byKey
    const [status, requestId, recommend] = [418, 'REQ-0815', `https://api.aliyun.com/troubleshoot?q=${code}`]
    const fields = { RequestId: requestId, Recommend: recommend }
    for (const action of ['AssumeRole', 'AssumeRoleWithOIDC']) {
      world.standIn.sts.failNext(
        { kind: 'error', status, code, message: answer.says ?? 'In its own words.', fields },
        { times: 9, action },
      )
    }
    const main = await job.main({ ...source, 'retry-max-attempts': '3', profile: 'ci' })
    const [message = ''] = main.errors
    expect(main.exitCode).toBe(1)
    expect(main.errors).toHaveLength(1)
    for (const part of [
      code,
      answer.says ?? 'In its own words.',
      answer.fault,
      answer.cause,
      ...answer.fix,
      requestId,
      recommend,
    ]) {
      expect(message).toContain(part)
    }
    const asked = world.standIn.requests.filter(({ action }) => action?.startsWith('AssumeRole'))
    expect(asked).toHaveLength(requestsFor(code))
    expect([main.env.size, main.outputs.size]).toEqual([0, 0])
    for (const part of [requestId, code]) expect(main.summary).toContain(part)
  })

  test('an unknown code still gets its own words, the RequestId and the call', async () => {
    newJob()
    world.standIn.sts.failNext({
      kind: 'error',
      status: 400,
      code: 'Brand.New',
      message: 'Never seen before.',
      fields: { RequestId: 'R-9' },
    })
    const main = await job.main(world.byKey)
    for (const part of ['Brand.New', 'Never seen before.', 'R-9', 'AssumeRole'])
      expect(main.errors[0]).toContain(part)
  })

  describe('the printed policy solves the problem', () => {
    const succeeds = async (inputs: StepInputs): Promise<void> => {
      const main = await job.main(inputs)
      expect(main.errors).toEqual([])
    }
    const denied = async (
      inputs: StepInputs,
      code: string,
    ): Promise<StepResult & { readonly message: string }> => {
      const main = await job.main(inputs)
      expect(main.exitCode).toBe(1)
      expect(main.errors[0]).toContain(code)
      // In plain lines before the error, which GitHub cuts at 4,096 characters.
      expect(policiesIn(main.errors[0] ?? '')).toEqual([])
      expect(policiesIn(main.log).length).toBeGreaterThan(0)
      // The summary holds the same policies, each in a fence.
      const fenced = [...main.summary.matchAll(/^```json\n([\s\S]*?)^```$/gm)].map(
        ([, json]) => JSON.parse(json ?? '') as unknown,
      )
      expect(fenced).toEqual(policiesIn(main.log))
      return { ...main, message: printed(main) }
    }

    test.each([
      ['another branch', { sub: 'repo:octo-org/octo-repo:ref:refs/heads/feature' }],
      [
        'the immutable subject',
        { sub: 'repo:octo-org@65/octo-repo@74:ref:refs/heads/main', repository: 'octo-org/octo-repo' },
      ],
      [
        'an environment',
        { sub: 'repo:octo-org/octo-repo:environment:production%3Aeu', environment: 'production:eu' },
      ],
      ['a pull request', { sub: 'repo:octo-org/octo-repo:pull_request', event_name: 'pull_request' }],
      [
        'other upper case',
        { sub: 'repo:Octo-Org/octo-repo:ref:refs/heads/main', repository: 'Octo-Org/octo-repo' },
      ],
      [
        'a custom template',
        { sub: 'job_workflow_ref:octo-org/flows/.github/workflows/deploy.yml@refs/heads/main' },
      ],
      ['a branch full of markup', { sub: 'repo:octo-org/octo-repo:ref:refs/heads/"a`b*?\\' }],
    ])('%s: the trust policy accepts exactly this subject', async (_, claims) => {
      newJob()
      Object.assign(world.standIn.issuer.claims, claims)
      world.standIn.ram.setTrustPolicy(OIDC_ROLE, oidcTrust('repo:octo-org/octo-repo:ref:refs/heads/release'))
      const main = await denied(world.byOidc, 'AuthenticationFail.NoPermission')
      const [policy] = policiesIn(main.message)
      world.standIn.ram.setTrustPolicy(OIDC_ROLE, policy ?? {})
      await succeeds(world.byOidc)
      world.standIn.issuer.claims.sub = `${claims.sub}x`
      await denied(world.byOidc, 'AuthenticationFail.NoPermission')
    })

    test("the caller's policy allows the call", async () => {
      newJob()
      const { accessKey, arn } = world.standIn.ram.addUser({ name: 'newcomer' })
      const inputs = {
        ...world.byKey,
        'access-key-id': accessKey.accessKeyId,
        'access-key-secret': accessKey.accessKeySecret,
      }
      const main = await denied(inputs, 'NoPermission')
      expect(main.message).toContain(arn)
      const policy = policiesIn(main.message).find((candidate) => !isTrust(candidate))
      world.standIn.ram.attachUserPolicy(arn, policy ?? {})
      await succeeds(inputs)
      expect(world.standIn.requests.map(({ action }) => action)).toEqual([
        'AssumeRole',
        'GetCallerIdentity',
        'AssumeRole',
      ])
    })

    test("the role's trust policy accepts the caller", async () => {
      newJob()
      world.standIn.ram.setTrustPolicy(DEPLOY_ROLE, {
        Version: '1',
        Statement: [
          {
            Effect: 'Allow',
            Action: 'sts:AssumeRole',
            Principal: { RAM: [`acs:ram::${ACCOUNT}:user/someone-else`] },
          },
        ],
      })
      const inputs = { ...world.byKey, 'role-external-id': 'x-1' }
      const main = await denied(inputs, 'NoPermission')
      world.standIn.ram.setTrustPolicy(DEPLOY_ROLE, policiesIn(main.message).find(isTrust) ?? {})
      await succeeds(inputs)
      await denied({ ...inputs, 'role-external-id': 'x-2' }, 'NoPermission')
    })

    test('in a chain, both policies name the session that called', async () => {
      newJob()
      const { arn: first } = world.standIn.ram.addRole({ name: 'first' })
      const { arn: second } = world.standIn.ram.addRole({
        name: 'second',
        trustPolicy: {
          Version: '1',
          Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { RAM: [DEPLOY_ROLE] } }],
        },
      })
      const inputs = { ...world.byKey, 'role-to-assume': `${first}\n${second}` }
      const main = await denied(inputs, 'NoPermission')
      expect(main.message).toContain(`role 2 of 2, ${second}`)
      expect(main.message).toContain(`${first}/`)
      for (const policy of policiesIn(main.message)) {
        if (isTrust(policy)) world.standIn.ram.setTrustPolicy(second, policy)
        else world.standIn.ram.attachRolePolicy(first, policy)
      }
      await succeeds(inputs)
    })

    test("a root account's key: the printed policies are for a new user", async () => {
      newJob()
      const root = world.standIn.ram.addRootKey()
      const main = await denied(
        { ...world.byKey, 'access-key-id': root.accessKeyId, 'access-key-secret': root.accessKeySecret },
        'NoPermission',
      )
      expect(main.message).toContain('root account')
      const policies = policiesIn(main.message)
      const { accessKey } = world.standIn.ram.addUser({
        name: 'made-for-ci',
        policies: policies.filter((policy) => !isTrust(policy)),
      })
      const trust = policies.find(isTrust)
      if (trust !== undefined) world.standIn.ram.setTrustPolicy(DEPLOY_ROLE, trust)
      await succeeds({
        ...world.byKey,
        'access-key-id': accessKey.accessKeyId,
        'access-key-secret': accessKey.accessKeySecret,
      })
    })
  })

  test("an audience that the provider does not know is explained by the provider's settings, not by a trust policy", async () => {
    newJob()
    const main = await job.main({ ...world.byOidc, audience: 'another-audience' })
    expect(main.exitCode).toBe(1)
    expect(main.errors[0]).toContain('AudienceNotMatch')
    expect(main.errors[0]).toContain('another-audience')
    expect(policiesIn(printed(main))).toEqual([])
  })

  test("a duration beyond the role's limit: the error names both numbers", async () => {
    newJob()
    const main = await job.main({ ...world.byKey, 'role-duration-seconds': '43200' })
    expect(main.errors[0]).toMatch(/43200[\s\S]*MaxSessionDuration/)
    expect(world.standIn.requests).toHaveLength(1)
  })

  test('if the clock is wrong, the error says by how much', async () => {
    newJob()
    world.standIn.setClockSkew(3600)
    const main = await job.main(world.byKey)
    expect(main.errors[0]).toContain('InvalidTimeStamp')
    expect(main.errors[0]).toMatch(/59 min|1 h/)
  })

  test('a disabled key and an unknown key are told apart', async () => {
    newJob()
    world.standIn.ram.setAccessKeyStatus(world.key.accessKeyId, 'Inactive')
    expect((await job.main(world.byKey)).errors[0]).toContain('InvalidAccessKeyId.Inactive')
    expect(
      (await job.main({ ...world.byKey, 'access-key-id': 'LTAI5tNotThereAtAll00001' })).errors[0],
    ).toContain('InvalidAccessKeyId.NotFound')
  })

  describe('if the job can get no OIDC token,', () => {
    const event = (payload: object): string => {
      const path = join(job.workspace, '..', 'event.json')
      writeFileSync(path, JSON.stringify(payload))
      return path
    }

    test.each([
      ['permissions are missing', {}, undefined, /permissions:\n\s+id-token: write/],
      [
        "a fork's pull request",
        { GITHUB_EVENT_NAME: 'pull_request' },
        {
          pull_request: {
            head: { repo: { fork: true, full_name: 'stranger/octo-repo' } },
            base: { repo: { full_name: 'octo-org/octo-repo' } },
          },
        },
        /fork/,
      ],
      ['Dependabot', { GITHUB_ACTOR: 'dependabot[bot]' }, undefined, /Dependabot/],
      ['act', { ACT: 'true' }, undefined, /act[\s\S]*oidc-token-file/],
      [
        'Gitea',
        { GITEA_ACTIONS: 'true', GITHUB_SERVER_URL: 'https://git.example.com' },
        undefined,
        /git\.example\.com[\s\S]*oidc-token-file/,
      ],
    ] as const)('%s', async (_, env, payload, message) => {
      newJob({ idToken: false, env })
      const main = await job.main(
        world.byOidc,
        payload === undefined ? {} : { GITHUB_EVENT_PATH: event(payload) },
      )
      expect(main.exitCode).toBe(1)
      expect(main.errors).toEqual([expect.stringMatching(message)])
      expect(world.standIn.requests).toEqual([])
    })
  })

  test('a summary that cannot be written hides nothing', async () => {
    newJob()
    const main = await job.main(
      { ...world.byKey, 'role-duration-seconds': '43200' },
      { GITHUB_STEP_SUMMARY: '/nonexistent' },
    )
    expect(main.errors).toEqual([expect.stringContaining('InvalidParameter.DurationSeconds')])
  })

  test('AccessDeniedDetail is explained as an object and as JSON text', async () => {
    newJob()
    const detail = {
      AuthAction: 'sts:AssumeRole',
      NoPermissionType: 'ExplicitDeny',
      PolicyType: 'ControlPolicy',
      EncodedDiagnosticMessage: 'QUJD',
    }
    for (const AccessDeniedDetail of [detail, JSON.stringify(detail)]) {
      world.standIn.sts.failNext({
        kind: 'error',
        status: 403,
        code: 'NoPermission',
        message: 'no',
        fields: { AccessDeniedDetail },
      })
      const main = await job.main(world.byKey)
      for (const part of ['Deny', 'control policy', 'QUJD', 'DecodeDiagnosticMessage'])
        expect(printed(main)).toContain(part)
      expect(main.log).toContain("aliyun ram DecodeDiagnosticMessage --EncodedDiagnosticMessage 'QUJD'")
    }
  })

  test('a provider that does not exist is named', async () => {
    newJob()
    const main = await job.main({ ...world.byOidc, 'oidc-provider-arn': `${PROVIDER_ARN}-2` })
    expect(main.errors[0]).toContain('No such OIDC Provider registered.')
    expect(policiesIn(printed(main))).toEqual([])
  })
})
