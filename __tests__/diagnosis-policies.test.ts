import { parsedInputs } from './support/parsed-inputs.js'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Situation } from '../src/diagnosis/diagnosis.js'
import { wantsCaller } from '../src/diagnosis/explain.js'
import { readRunContext } from '../src/runner/run-context.js'
import type { Inputs } from '../src/inputs/inputs.js'
import type { FirstIdentity } from '../src/identity/first-identity.js'
import { assumeRoles, AssumeRoleError } from '../src/sts/role-chain.js'
import { stsClient, type StsClient } from '../src/sts/client.js'
import { StsError } from '../src/sts/sts-error.js'
import { retryPolicy } from '../src/net/retry.js'
import { evaluateTrust, parseTrustPolicy } from '../stand-in/policy.js'
import { startStandIn, type StandIn } from '../stand-in/stand-in.js'
import { outsideCode } from './support/markdown.js'
import { explained, NODE_20, type Explained } from './support/explained.js'

const ROLE = 'acs:ram::1234567890123456:role/deploy'
const PROVIDER = 'acs:ram::1234567890123456:oidc-provider/github'
const RUN = readRunContext({ GITHUB_SERVER_URL: 'https://github.com' })

/** As a person would copy them: whatever stands between two braces at the block's indentation. */
function policiesIn({ attachments, summary }: Explained): string[] {
  const fromLog = [...attachments.matchAll(/^ {2}\{\n.*?^ {2}\}$/gms)].map(([text]) => text)
  const fromSummary = [...summary.matchAll(/^(`{3,})json\n(.*?)\n\1$/gms)].map(([, , text]) => text ?? '')
  expect(fromSummary.map((text) => JSON.parse(text) as unknown)).toEqual(
    fromLog.map((text) => JSON.parse(text) as unknown),
  )
  return fromLog
}

describe('the policy in a message accepts the caller that was refused', () => {
  let standIn: StandIn
  let sts: StsClient
  let roleArn: string

  beforeAll(async () => {
    standIn = await startStandIn()
    sts = stsClient(
      new URL(standIn.sts.url),
      retryPolicy(1, 20, { onRetry: () => undefined, trace: () => undefined }),
      () => undefined,
      undefined,
    )
    standIn.ram.addOidcProvider({
      name: 'github',
      issuer: standIn.issuer.iss,
      clientIds: ['sts.aliyuncs.com'],
    })
  })
  afterAll(async () => {
    await standIn.close()
  })
  let count = 0
  beforeEach(() => {
    roleArn = standIn.ram.addRole({
      name: `deploy-${++count}`,
      trustPolicy: { Version: '1', Statement: [TRUSTS_ANOTHER] },
    }).arn
  })
  const TRUSTS_ANOTHER = {
    Effect: 'Allow',
    Action: 'sts:AssumeRole',
    Principal: { RAM: ['acs:ram::999:root'] },
  }

  async function refused(inputs: Inputs, base: FirstIdentity, oidcToken?: string): Promise<Explained> {
    const failure: unknown = await assumeRoles(sts, base, inputs.roles, inputs.session).then(
      () => undefined,
      (cause: unknown) => cause,
    )
    if (!(failure instanceof AssumeRoleError)) throw new Error('the role was assumed', { cause: failure })
    const asked =
      wantsCaller(failure) && failure.caller !== undefined
        ? await sts.getCallerIdentity(failure.caller.key)
        : undefined
    const situation: Situation = {
      inputs,
      run: RUN,
      event: undefined,
      oidcToken,
      caller: asked,
      node: NODE_20,
    }
    return explained(failure, situation)
  }

  test.each([
    ['a branch', { sub: 'repo:octo-org/octo-repo:ref:refs/heads/main' }],
    ['the immutable form', { sub: 'repo:octo-org@65/octo-repo@74:ref:refs/heads/main' }],
    ['an environment', { sub: 'repo:octo-org/octo-repo:environment:a%3Ab', environment: 'a:b' }],
    ['a pull request', { sub: 'repo:Octo-Org/octo-repo:pull_request', event_name: 'pull_request' }],
    ['a template', { sub: 'repository_owner:octo-org:job_workflow_ref:x@y' }],
    ['awkward characters', { sub: 'repo:o/r:environment:"\\`|<b>${{ x }}\n::error::\u202e日本' }],
  ])('an OIDC token: %s', async (_name, claims) => {
    const oidcToken = await standIn.issuer.mint({ aud: 'sts.aliyuncs.com', ...claims })
    const base: FirstIdentity = {
      by: 'oidc',
      token: async () => Promise.resolve(oidcToken),
      providerArn: PROVIDER,
    }
    const inputs = parsedInputs({
      'role-to-assume': roleArn,
      'oidc-provider-arn': PROVIDER,
      'sts-endpoint': standIn.sts.url,
    })
    const [policy = '', ...more] = policiesIn(await refused(inputs, base, oidcToken))
    expect(more).toEqual([])
    standIn.ram.setTrustPolicy(roleArn, policy)
    expect((await assumeRoles(sts, base, inputs.roles, inputs.session)).arn).toContain('GitHubActions-1')
  })

  test('a RAM user, refused by its own policies and by the role', async () => {
    const user = standIn.ram.addUser({ name: `ci-${count}` })
    const key = { ...user.accessKey, securityToken: undefined }
    const given = {
      'access-key-id': key.accessKeyId,
      'access-key-secret': key.accessKeySecret,
      'role-external-id': 'ticket-7',
    }
    const inputs = parsedInputs({ 'role-to-assume': roleArn, 'sts-endpoint': standIn.sts.url, ...given })
    const base: FirstIdentity = { by: 'key', key, expiration: undefined }
    const [own = '', trust = '', ...more] = policiesIn(await refused(inputs, base))
    expect(more).toEqual([])
    standIn.ram.attachUserPolicy(user.arn, own)
    expect(policiesIn(await refused(inputs, base))).toEqual([own, trust])
    standIn.ram.setTrustPolicy(roleArn, trust)
    expect((await assumeRoles(sts, base, inputs.roles, inputs.session)).arn).toContain('GitHubActions-1')
  })

  test('the session of the role before, in a chain', async () => {
    const hub = standIn.ram.addRole({ name: `hub-${count}` })
    const user = standIn.ram.addUser({
      name: `ci-${count}`,
      policies: [{ Version: '1', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }],
    })
    const key = { ...user.accessKey, securityToken: undefined }
    const given = { 'access-key-id': key.accessKeyId, 'access-key-secret': key.accessKeySecret }
    const inputs = parsedInputs({
      'role-to-assume': `${hub.arn} ${roleArn}`,
      'sts-endpoint': standIn.sts.url,
      ...given,
    })
    const base: FirstIdentity = { by: 'key', key, expiration: undefined }
    const explanation = await refused(inputs, base)
    expect(explanation.message).toContain(`Could not assume role 2 of 2, ${roleArn}`)
    const [own = '', trust = ''] = policiesIn(explanation)
    standIn.ram.attachRolePolicy(hub.arn, own)
    standIn.ram.setTrustPolicy(roleArn, trust)
    expect((await assumeRoles(sts, base, inputs.roles, inputs.session)).arn).toContain('GitHubActions-1')
  })

  test("a root account's key: the policies are for a new user, who is accepted", async () => {
    const root = standIn.ram.addRootKey()
    const asBase = (accessKey: typeof root): FirstIdentity => ({
      by: 'key',
      key: { ...accessKey, securityToken: undefined },
      expiration: undefined,
    })
    const given = { 'access-key-id': root.accessKeyId, 'access-key-secret': root.accessKeySecret }
    const inputs = parsedInputs({ 'role-to-assume': roleArn, 'sts-endpoint': standIn.sts.url, ...given })
    const [own = '', trust = ''] = policiesIn(await refused(inputs, asBase(root)))
    const user = standIn.ram.addUser({ name: `new-${count}`, policies: [own] })
    standIn.ram.setTrustPolicy(roleArn, trust)
    expect((await assumeRoles(sts, asBase(user.accessKey), inputs.roles, inputs.session)).arn).toContain(
      'GitHubActions-1',
    )
  })
})

const INPUTS = parsedInputs({ 'role-to-assume': ROLE, 'oidc-provider-arn': PROVIDER })
const word = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 })
/**
 * What an opener of pull requests may write into names, and what two renderings must not take for
 * their own.
 */
const hostile = fc
  .array(
    fc.oneof(
      word,
      fc.constantFrom(
        '`',
        '``',
        '```',
        '\n',
        '\r\n',
        '::error::',
        '\n::stop-commands::x\n',
        '##[group]',
        '<img src=x>',
        '|',
        '](x)',
        '\u202e',
        '\u0000',
        '\ud800',
        '---',
        '{',
        '}',
        '  {\n',
      ),
    ),
    { minLength: 1, maxLength: 6 },
  )
  .map((parts) => parts.join(''))

function denied(claims: object): Explained {
  const oidcToken = ['{}', JSON.stringify(claims), 'x']
    .map((part) => Buffer.from(part).toString('base64url'))
    .join('.')
  const cause = new StsError({
    call: 'AssumeRoleWithOIDC',
    code: 'AuthenticationFail.NoPermission',
    reason: 'There is no permission',
    status: 401,
    host: 'sts.aliyuncs.com',
    requestId: undefined,
    recommend: undefined,
    accessDeniedDetail: undefined,
    clockSkewMs: undefined,
    retryAfterMs: undefined,
  })
  return explained(new AssumeRoleError(ROLE, 1, 1, undefined, cause), {
    inputs: INPUTS,
    run: RUN,
    event: undefined,
    oidcToken,
    caller: undefined,
    node: NODE_20,
  })
}

describe('whatever the claims of the token are', () => {
  test('the policy accepts exactly this token', () => {
    fc.assert(
      fc.property(hostile, word, fc.array(word, { minLength: 1, maxLength: 3 }), (sub, iss, aud) => {
        const [policy = '', ...more] = policiesIn(denied({ iss, sub, aud }))
        expect(more).toEqual([])
        const trust = parseTrustPolicy(policy)
        const verdict = (context: Readonly<Record<string, readonly string[]>>): string =>
          evaluateTrust(
            trust,
            { kind: 'Federated', providerArn: PROVIDER },
            { 'oidc:iss': [iss], 'oidc:aud': aud, 'oidc:sub': [sub], ...context },
          )
        expect(verdict({})).toBe('Allow')
        for (const one of aud) expect(verdict({ 'oidc:aud': [one] })).toBe('Allow')
        expect(verdict({ 'oidc:sub': [`${sub}x`] })).toBe('ImplicitDeny')
        expect(verdict({ 'oidc:iss': [`${iss}x`] })).toBe('ImplicitDeny')
        expect(verdict({ 'oidc:aud': [`${aud.join('')}x`] })).toBe('ImplicitDeny')
      }),
      { numRuns: 300 },
    )
  })

  test('the log contains no workflow command and no invisible character, and the summary no markup of theirs', () => {
    fc.assert(
      fc.property(hostile, hostile, hostile, (sub, ref, repository) => {
        const { log, summary } = denied({
          iss: 'https://i.example',
          aud: 'a',
          sub,
          ref,
          repository,
          environment: ref,
          job_workflow_ref: sub,
        })
        for (const line of log.split('\n')) expect(line).not.toMatch(/^\s*::|##\[/)
        for (const text of [log, summary])
          expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u)
        expect(outsideCode(summary)).not.toMatch(/[`<>|[\]]/)
      }),
      { numRuns: 300 },
    )
  })
})
