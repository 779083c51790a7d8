import { parsedInputs } from './support/parsed-inputs.js'
import { describe, expect, test } from '@jest/globals'
import type { NodeSettings } from '../src/diagnosis/node-settings.js'
import type { Situation } from '../src/diagnosis/diagnosis.js'
import { explain } from '../src/diagnosis/explain.js'
import { STS_ANSWERS } from '../src/diagnosis/sts-codes.js'
import { OidcTokenError } from '../src/identity/oidc-token.js'
import type { Inputs } from '../src/inputs/inputs.js'
import { TRANSPORT_FAULTS, TransportError } from '../src/net/transport-error.js'
import { RetriesExhaustedError } from '../src/net/retry.js'
import { readRunContext } from '../src/runner/run-context.js'
import { AssumeRoleError, type Caller } from '../src/sts/role-chain.js'
import { StsError } from '../src/sts/sts-error.js'
import { fitted, plain } from '../src/text/prose.js'

// The longest that each of these may be, and what others may send at its longest.
const ACCOUNT = '1234567890123456'
const ROLE = `acs:ram::${ACCOUNT}:role/${'r'.repeat(64)}`
const PROVIDER = `acs:ram::${ACCOUNT}:oidc-provider/${'p'.repeat(128)}`
const SESSION = 's'.repeat(64)
const HOST = `${'h'.repeat(63)}.${'h'.repeat(63)}.${'h'.repeat(63)}.${'h'.repeat(50)}.aliyuncs.com`
const REQUEST_ID = '0C5A5A1E-7A4B-5E7C-9C55-3F2B1D6E8A90'
const WORDS = 'word '.repeat(2000)
const LINK = `https://github.com/${'o'.repeat(39)}/${'r'.repeat(100)}/blob/${'v'.repeat(250)}/docs/troubleshooting.md#`
const RUN = {
  GITHUB_ACTION_REPOSITORY: `${'o'.repeat(39)}/${'r'.repeat(100)}`,
  GITHUB_ACTION_REF: 'v'.repeat(250),
  GITHUB_SERVER_URL: `https://${HOST}`,
}
const COMMON = {
  'role-to-assume': ROLE,
  'role-session-name': SESSION,
  region: 'r'.repeat(63),
  'sts-endpoint': HOST,
  'inline-session-policy': '{"Version":"1","Statement":[]}',
}
const BY_OIDC = parsedInputs({ ...COMMON, 'oidc-provider-arn': PROVIDER, audience: 'a'.repeat(2000) })
const BY_FILE = parsedInputs({
  ...COMMON,
  'oidc-provider-arn': PROVIDER,
  'oidc-token-file': `/${'f'.repeat(4000)}`,
})
const BY_KEY = parsedInputs({
  ...COMMON,
  'access-key-id': 'no-access-key-id',
  'access-key-secret': 'LTAI5tTwoIdsAreNoKeyAtAll',
  'role-external-id': 'e'.repeat(1224),
  'source-identity': 'i'.repeat(64),
})
const CLAIMS = {
  iss: `https://${HOST}/${'i'.repeat(200)}`,
  sub: `repo:${'O'.repeat(39)}@123456789/${'r'.repeat(100)}@123456789:ref:refs/heads/${'b'.repeat(244)}`,
  aud: ['a'.repeat(2000), 'b'.repeat(2000)],
  repository: `${'O'.repeat(39)}/${'r'.repeat(100)}`,
  ref: `refs/heads/${'b'.repeat(244)}`,
  environment: 'e'.repeat(255),
  job_workflow_ref: `${'O'.repeat(39)}/${'r'.repeat(100)}/.github/workflows/${'w'.repeat(200)}.yml@refs/heads/${'b'.repeat(244)}`,
}
const TOKEN = ['{"alg":"RS256"}', JSON.stringify(CLAIMS), 'signature']
  .map((part) => Buffer.from(part).toString('base64url'))
  .join('.')
const NODE: NodeSettings = {
  extraCas: { path: `/${'c'.repeat(4000)}`, failure: 'ENAMETOOLONG' },
  knowsSystemCas: true,
  usesSystemCas: false,
}

function situation(of: Inputs, env: Readonly<Record<string, string>> = {}): Situation {
  return {
    inputs: of,
    run: readRunContext({ ...RUN, ...env }),
    node: NODE,
    event: undefined,
    oidcToken: of.source.kind === 'oidc' ? TOKEN : undefined,
    caller: {
      arn: `acs:ram::${ACCOUNT}:assumed-role/${'c'.repeat(64)}/${SESSION}`,
      accountId: ACCOUNT,
    },
  }
}

/** As a role of a chain, after a long series of attempts: all that can be said. */
function failure(cause: unknown, of: Inputs): AssumeRoleError {
  const key = { accessKeyId: 'LTAI5t', accessKeySecret: 'no-secret-at-all', securityToken: undefined }
  const caller: Caller | undefined = of.source.kind === 'oidc' ? undefined : { key, arn: undefined }
  const series = new RetriesExhaustedError('AssumeRoleWithOIDC', 20, 3_599_999, 'deadline', ['time'], cause)
  return new AssumeRoleError(ROLE, 20, 20, caller, series)
}

const refusals = STS_ANSWERS.flatMap((answer) =>
  answer.codes.map((known) => ({ code: known.replace(/\*$/, 'N'.repeat(60)), answer })),
)

describe('with the longest names there are, the error fits into 4,096 characters', () => {
  test.each(refusals)(
    '$code: nothing is cut from code, cause, fix, RequestId and link',
    ({ code, answer }) => {
      const error = new StsError({
        call: code.startsWith('AuthenticationFail') ? 'AssumeRoleWithOIDC' : 'AssumeRole',
        code,
        reason: `${answer.says ?? ''} ${WORDS}`,
        status: 400,
        host: HOST,
        requestId: REQUEST_ID,
        recommend: `https://api.aliyun.com/troubleshoot?q=${'q'.repeat(3000)}`,
        accessDeniedDetail: {
          authAction: 'a'.repeat(500),
          authPrincipalType: 't'.repeat(500),
          authPrincipalOwnerId: 'o'.repeat(500),
          authPrincipalDisplayName: 'n'.repeat(500),
          noPermissionType: 'ExplicitDeny',
          policyType: 'p'.repeat(500),
          encodedDiagnosticMessage: 'A'.repeat(2000),
        },
        clockSkewMs: 99_999_999_999,
        retryAfterMs: undefined,
      })
      for (const given of error.call === 'AssumeRole' ? [BY_KEY] : [BY_OIDC, BY_FILE]) {
        const { message, title } = explain(failure(error, given), situation(given))
        const text = fitted(message, 4096)
        expect(plain(message).length).toBeGreaterThan(4096)
        expect(text.length).toBeLessThanOrEqual(4096)
        for (const part of [code, answer.cause, ...answer.fix, REQUEST_ID, LINK]) expect(text).toContain(part)
        expect(text.endsWith(text.slice(text.indexOf('More: ')))).toBe(true)
        expect(fitted(title, 200)).toContain(code)
      }
    },
  )

  const others: [string, unknown, Record<string, string>?][] = [
    ...TRANSPORT_FAULTS.map((code): [string, unknown] => [
      code,
      new TransportError(code, HOST, [{ value: WORDS }], { proxy: `${HOST}:65535` }),
    ]),
    ['no issuer', new OidcTokenError('no-issuer', ['none'])],
    ['no issuer, on Forgejo', new OidcTokenError('no-issuer', ['none']), { FORGEJO_ACTIONS: 'true' }],
    ['no issuer, on Gitea', new OidcTokenError('no-issuer', ['none']), { GITEA_ACTIONS: 'true' }],
    [
      'no issuer, for Dependabot',
      new OidcTokenError('no-issuer', ['none']),
      { GITHUB_ACTOR: 'dependabot[bot]' },
    ],
    [
      'an issuer that refuses',
      new OidcTokenError('issuer-refused', [{ value: WORDS }], { status: 403, said: WORDS }),
    ],
    ['a token file', new OidcTokenError('token-file', [{ value: WORDS }])],
    ['an error that nobody knows', new Error(WORDS)],
  ]
  test.each(others)('%s: nothing is cut from the link', (...[, cause, env]) => {
    for (const given of [BY_OIDC, BY_FILE, BY_KEY]) {
      const text = fitted(explain(failure(cause, given), situation(given, env)).message, 4096)
      expect(text.length).toBeLessThanOrEqual(4096)
      expect(text).toContain(LINK)
    }
  })

  test('and the job summary fits into 1 MiB', () => {
    for (const { code, answer } of refusals) {
      const error = new StsError({
        call: 'AssumeRoleWithOIDC',
        code,
        reason: '`'.repeat(400_000) || (answer.says ?? ''),
        status: 400,
        host: HOST,
        requestId: REQUEST_ID,
        recommend: '`'.repeat(400_000),
        accessDeniedDetail: undefined,
        clockSkewMs: undefined,
        retryAfterMs: undefined,
      })
      const { summary } = explain(failure(error, BY_OIDC), situation(BY_OIDC))
      expect(Buffer.byteLength(summary)).toBeLessThan(100_000)
      expect(summary).toContain(`<${LINK}`)
    }
  })
})
