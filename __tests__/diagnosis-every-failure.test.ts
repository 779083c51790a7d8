import { parsedInputs } from './support/parsed-inputs.js'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Situation } from '../src/diagnosis/diagnosis.js'
import { STS_ANSWERS } from '../src/diagnosis/sts-codes.js'
import { readRunContext } from '../src/runner/run-context.js'
import { AssumeRoleError } from '../src/sts/role-chain.js'
import { OidcTokenError } from '../src/identity/oidc-token.js'
import { StsError } from '../src/sts/sts-error.js'
import { TRANSPORT_FAULTS, TransportError } from '../src/net/transport-error.js'
import { RetriesExhaustedError } from '../src/net/retry.js'
import { outsideCode } from './support/markdown.js'
import { explained, NODE_20 } from './support/explained.js'

const ROLE = 'acs:ram::1234567890123456:role/deploy'
function jwt(claims: object, signature = 'signature'): string {
  return ['{"alg":"RS256"}', JSON.stringify(claims), signature]
    .map((part) => Buffer.from(part).toString('base64url'))
    .join('.')
}

const CLAIMS = {
  iss: 'https://token.actions.githubusercontent.com',
  sub: 'repo:o/r:environment:prod',
  aud: 'sts.aliyuncs.com',
  repository: 'O/r',
}

/** Every answer of the table, with the code that STS would send. */
const refusals = STS_ANSWERS.flatMap((answer) =>
  answer.codes.map((known) => {
    const code = known.replace(/\*$/, 'Unheard')
    const error = new StsError({
      call: code.startsWith('AuthenticationFail') ? 'AssumeRoleWithOIDC' : 'AssumeRole',
      code,
      reason: answer.says ?? 'Something is wrong.',
      status: 400,
      host: 'sts.aliyuncs.com',
      requestId: 'REQUEST-1',
      recommend: 'https://api.aliyun.com/troubleshoot?q=x',
      accessDeniedDetail: undefined,
      clockSkewMs: 1_000_000,
      retryAfterMs: undefined,
    })
    return { code, answer, error }
  }),
)

const causes: readonly unknown[] = [
  ...refusals.map(({ error }) => error),
  ...TRANSPORT_FAULTS.map((fault) => new TransportError(fault, 'sts.aliyuncs.com', ['what happened'])),
  ...TRANSPORT_FAULTS.map(
    (fault) =>
      new TransportError(fault, 'issuer.example', ['what happened'], { proxy: 'proxy.example:3128' }),
  ),
  new OidcTokenError('no-issuer', ['none']),
  new OidcTokenError('issuer-without-tls', ['without TLS']),
  new OidcTokenError('issuer-refused', ['refused'], { status: 403 }),
  new OidcTokenError('token-file', ['oidc-token-file: /x cannot be read (ENOENT)']),
]

const RUNS = [
  {},
  { ACT: 'true' },
  { GITHUB_ACTOR: 'dependabot[bot]' },
  { GITHUB_SERVER_URL: 'https://ghes.example' },
  { GITHUB_EVENT_NAME: 'pull_request' },
].map(readRunContext)
const FORK = { pull_request: { head: { repo: null } } }

describe('the message for each code of STS', () => {
  const OIDC = parsedInputs({
    'role-to-assume': ROLE,
    'oidc-provider-arn': 'acs:ram::1234567890123456:oidc-provider/github',
  })
  const KEY = parsedInputs({
    'role-to-assume': ROLE,
    'access-key-id': 'LTAI5tExample',
    'access-key-secret': 'ExampleSecret',
  })

  test.each(refusals)(
    '$code: has the code, cause, fix, RequestId, role and help page',
    ({ code, answer, error }) => {
      const viaToken = error.call === 'AssumeRoleWithOIDC'
      const caller = viaToken
        ? undefined
        : {
            key: { accessKeyId: 'LTAI5tExample', accessKeySecret: 'ExampleSecret', securityToken: undefined },
            arn: undefined,
          }
      const { message } = explained(new AssumeRoleError(ROLE, 1, 1, caller, error), {
        inputs: viaToken ? OIDC : KEY,
        run: readRunContext({}),
        event: undefined,
        oidcToken: viaToken ? jwt(CLAIMS) : undefined,
        caller: undefined,
        node: NODE_20,
      })
      const [first] = message.split('\n')
      expect(first).toBe(`Could not assume ${ROLE}: ${answer.fault} (${code}).`)
      for (const words of [
        `STS said: ${error.reason}`,
        answer.cause,
        ...answer.fix,
        'REQUEST-1',
        'https://api.aliyun.com/troubleshoot?q=x',
      ]) {
        expect(message).toContain(words)
      }
    },
  )
})

describe('the message for any failure', () => {
  /** Longer than anything that occurs by chance in our own words. */
  const secret = fc.string({
    unit: fc.constantFrom(...Array.from('ABCXYZabcxyz0189+/=%$\'"\\')),
    minLength: 16,
    maxLength: 60,
  })
  const key = fc.record({
    accessKeyId: secret,
    accessKeySecret: secret,
    securityToken: fc.option(secret, { nil: undefined }),
  })

  test('shows no key and no token', () => {
    fc.assert(
      fc.property(
        key,
        key,
        secret,
        secret,
        fc.nat(2),
        fc.constantFrom(...RUNS),
        (own, asked, signature, hidden, kind, run) => {
          const oidcToken = jwt({ ...CLAIMS, jti: hidden }, signature)
          const given: Record<string, string> = { 'role-to-assume': ROLE }
          if (kind === 0) given['oidc-provider-arn'] = 'acs:ram::1234567890123456:oidc-provider/github'
          if (kind === 1)
            Object.assign(given, {
              'access-key-id': own.accessKeyId,
              'access-key-secret': own.accessKeySecret,
              'security-token': own.securityToken ?? '',
            })
          if (kind === 2) given['credential-source'] = 'environment'
          const situation: Situation = {
            inputs: parsedInputs(given, own),
            run,
            event: FORK,
            oidcToken,
            caller: undefined,
            node: NODE_20,
          }
          const secrets = [own, asked].flatMap((each) => [
            each.accessKeyId,
            each.accessKeySecret,
            each.securityToken ?? each.accessKeyId,
          ])
          const all = [...secrets, oidcToken, hidden, ...oidcToken.split('.')]
          const leaky = new Error(
            `a library quotes ${(kind === 0 ? [asked.accessKeySecret] : secrets).join(' ')} and ${oidcToken}`,
          )
          for (const cause of [...causes, leaky]) {
            const series = new RetriesExhaustedError('AssumeRole', 2, 1000, 'attempts', ['attempts'], cause)
            const failures = [
              cause,
              series,
              new AssumeRoleError(ROLE, 2, 3, { key: asked, arn: undefined }, series),
            ]
            // An error that nobody knows is cleaned of what the situation holds; the caller's key
            // is with AssumeRoleError alone.
            for (const failure of cause === leaky ? failures.slice(2) : failures) {
              const { log, title, summary } = explained(failure, situation)
              for (const text of all)
                for (const shown of [log, title, summary])
                  if (shown.includes(text)) throw new Error(`${text} is shown in:\n${shown}`)
            }
          }
        },
      ),
      { numRuns: 40 },
    )
  })

  test('begins with one sentence, and its summary has no unclosed Markdown', () => {
    for (const cause of causes) {
      for (const run of RUNS) {
        for (const given of [
          { 'oidc-provider-arn': 'acs:ram::1234567890123456:oidc-provider/github' },
          { 'credential-source': 'ecs-ram-role' },
        ]) {
          const situation: Situation = {
            inputs: parsedInputs({ 'role-to-assume': ROLE, ...given }),
            run,
            event: FORK,
            oidcToken: jwt(CLAIMS),
            caller: { arn: 'acs:ram::1234567890123456:assumed-role/hub/s', accountId: '1234567890123456' },
            node: NODE_20,
          }
          const { message, summary } = explained(new AssumeRoleError(ROLE, 1, 2, undefined, cause), situation)
          expect(message.split('\n')[0]).toMatch(
            /^Could not assume role 1 of 2, acs:ram::1234567890123456:role\/deploy: .+[^.]\.$/,
          )
          expect(message).not.toMatch(/undefined|\[object|\n{3}|!$/m)
          expect(outsideCode(summary)).not.toMatch(/[`<>|]/)
        }
      }
    }
  })
})
