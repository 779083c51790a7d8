import { describe, expect, test } from '@jest/globals'
import type { Situation } from '../src/diagnosis/diagnosis.js'
import { wantsCaller } from '../src/diagnosis/explain.js'
import { readRunContext } from '../src/runner/run-context.js'
import { InputError } from '../src/inputs/fault.js'
import { parseInputs, type Inputs } from '../src/inputs/inputs.js'
import { AssumeRoleError, type Caller } from '../src/sts/role-chain.js'
import { OidcTokenError } from '../src/identity/oidc-token.js'
import { StsError, type AccessDeniedDetail } from '../src/sts/sts-error.js'
import { TransportError, type TransportFault } from '../src/net/transport-error.js'
import { RetriesExhaustedError } from '../src/net/retry.js'
import type { NodeSettings } from '../src/diagnosis/node-settings.js'
import { explained, NODE_20 } from './support/explained.js'

const ROLE = 'acs:ram::1234567890123456:role/deploy'
const PROVIDER = 'acs:ram::1234567890123456:oidc-provider/github'
const OIDC = { 'role-to-assume': ROLE, 'oidc-provider-arn': PROVIDER, region: 'cn-hangzhou' }
const KEY = {
  'role-to-assume': ROLE,
  'access-key-id': 'LTAI5tExampleKeyId',
  'access-key-secret': 'ExampleSecretOfThirtyLetters00',
}
const CLAIMS = {
  iss: 'https://token.actions.githubusercontent.com',
  sub: 'repo:octo-org/octo-repo:ref:refs/heads/main',
  aud: 'sts.aliyuncs.com',
  repository: 'octo-org/octo-repo',
  ref: 'refs/heads/main',
  job_workflow_ref: 'octo-org/octo-repo/.github/workflows/deploy.yml@refs/heads/main',
  event_name: 'push',
  actor: 'octocat',
  run_id: '30433642',
}

function inputs(given: Readonly<Record<string, string>>): Inputs {
  return parseInputs((name) => given[name], {
    defaultSessionName: 'GitHubActions-octo-org-octo-repo-1',
    environmentKey: undefined,
    otherFaults: [],
    namesGiven: [],
    secrets: [],
  })
}

function situation(given: Readonly<Record<string, string>>, more: Partial<Situation> = {}): Situation {
  const run = readRunContext({
    GITHUB_REPOSITORY: 'octo-org/octo-repo',
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_EVENT_NAME: 'push',
  })
  const unknown = { event: undefined, oidcToken: undefined, caller: undefined }
  return { inputs: inputs(given), run, node: NODE_20, ...unknown, ...more }
}

function jwt(claims: object): string {
  return ['{"alg":"RS256"}', JSON.stringify(claims), 'signature']
    .map((part) => Buffer.from(part).toString('base64url'))
    .join('.')
}

function stsError(code: string, reason: string, more: Partial<StsError> = {}): StsError {
  return new StsError({
    call: code.startsWith('AuthenticationFail') ? 'AssumeRoleWithOIDC' : 'AssumeRole',
    code,
    reason,
    status: 403,
    host: 'sts.cn-hangzhou.aliyuncs.com',
    requestId: '4B2C6D1E-0001',
    recommend: undefined,
    accessDeniedDetail: undefined,
    clockSkewMs: undefined,
    retryAfterMs: undefined,
    ...more,
  })
}

const OWN_KEY: Caller = {
  key: {
    accessKeyId: 'LTAI5tExampleKeyId',
    accessKeySecret: 'ExampleSecretOfThirtyLetters00',
    securityToken: undefined,
  },
  arn: undefined,
}
const byToken = (cause: unknown): AssumeRoleError => new AssumeRoleError(ROLE, 1, 1, undefined, cause)
const byKey = (cause: unknown): AssumeRoleError => new AssumeRoleError(ROLE, 1, 1, OWN_KEY, cause)
const refusedToken = (
  code: string,
  reason: string,
  claims: object = {},
  given: Readonly<Record<string, string>> = OIDC,
): string =>
  explained(
    byToken(stsError(`AuthenticationFail.${code}`, reason)),
    situation(given, { oidcToken: jwt({ ...CLAIMS, ...claims }) }),
  ).log

const detail = (more: Partial<AccessDeniedDetail> = {}): AccessDeniedDetail => ({
  authAction: 'sts:AssumeRole',
  authPrincipalType: 'SubUser',
  authPrincipalOwnerId: '1234567890123456',
  authPrincipalDisplayName: '201234567890',
  noPermissionType: 'ImplicitDeny',
  policyType: 'AccountLevelIdentityBasedPolicy',
  encodedDiagnosticMessage: undefined,
  ...more,
})

describe('the message about a denied OIDC token', () => {
  test('shows claims, likely mismatches and a trust policy in the log (immutable subject)', () => {
    const message = refusedToken('NoPermission', 'There is no permission', {
      sub: 'repo:Octo-Org@65/octo-repo@74:ref:refs/heads/main',
      repository: 'Octo-Org/octo-repo',
    })
    expect(message).toMatchInlineSnapshot(`
     "The token says:
       iss               https://token.actions.githubusercontent.com
       sub               repo:Octo-Org@65/octo-repo@74:ref:refs/heads/main
       aud               sts.aliyuncs.com
       repository        Octo-Org/octo-repo
       ref               refs/heads/main
       job_workflow_ref  octo-org/octo-repo/.github/workflows/deploy.yml@refs/heads/main

     Where it probably differs from the trust policy, the likeliest first:
     - The subject has the immutable form, with the IDs of owner and repository after their names. GitHub sends it for repositories created, renamed or transferred after 2026-07-15 and for those that opted in, Forgejo for new ones. A trust policy written for repo:Octo-Org/octo-repo:ref:refs/heads/main does not match it.
     - The subject names the branch. A trust policy for another branch, for an environment or for pull requests does not match it.
     - Upper and lower case count: the repository is Octo-Org/octo-repo, in exactly these letters.

     This trust policy of acs:ram::1234567890123456:role/deploy accepts exactly this subject. If the role already has one, add the statement to it:

       {
         "Version": "1",
         "Statement": [
           {
             "Effect": "Allow",
             "Action": "sts:AssumeRole",
             "Principal": {
               "Federated": [
                 "acs:ram::1234567890123456:oidc-provider/github"
               ]
             },
             "Condition": {
               "StringEquals": {
                 "oidc:iss": "https://token.actions.githubusercontent.com",
                 "oidc:aud": "sts.aliyuncs.com",
                 "oidc:sub": "repo:Octo-Org@65/octo-repo@74:ref:refs/heads/main"
               }
             }
           }
         ]
       }

     To accept more than this subject, move \`oidc:sub\` from \`StringEquals\` to a \`StringLike\` beside it, with a pattern:

     - every branch: repo:Octo-Org@65/octo-repo@74:ref:refs/heads/*
     - the branches under release/: repo:Octo-Org@65/octo-repo@74:ref:refs/heads/release/*
     - the jobs of an environment, whatever their branch: repo:Octo-Org@65/octo-repo@74:environment:<name> (GitHub lets you restrict who and what may deploy to it)

     ----
     Could not assume acs:ram::1234567890123456:role/deploy: its trust policy does not accept this OIDC token (AuthenticationFail.NoPermission).

     STS said: There is no permission

     What to do:
     - Compare the role's trust policy (RAM console, Identities, Roles, Trust policy) with the token's claims letter by letter, \`oidc:sub\` first. Or use the policy that the step prints: it matches the token.

     The details to compare or to paste are printed above this error, and in the job summary.

     What it means:
     RAM has verified the token: the provider, signature, issuer and audience are right. The role's trust policy does not match: its \`Principal.Federated\`, or one of its conditions on \`oidc:iss\`, \`oidc:aud\` and \`oidc:sub\`.

       Caller     the OIDC token of this job
       Call       AssumeRoleWithOIDC at sts.cn-hangzhou.aliyuncs.com, status 403
       RequestId  4B2C6D1E-0001

     More: \`docs/troubleshooting.md\`"
    `)
  })

  test('shows claims, likely mismatches and a trust policy in the summary (pull request)', () => {
    const oidcToken = jwt({
      ...CLAIMS,
      sub: 'repo:octo-org/octo-repo:pull_request',
      event_name: 'pull_request',
      ref: 'refs/pull/7/merge',
    })
    const failure = byToken(
      stsError('AuthenticationFail.NoPermission', 'There is no permission', {
        recommend: 'https://api.aliyun.com/troubleshoot?q=1',
      }),
    )
    expect(explained(failure, situation(OIDC, { oidcToken })).summary).toMatchInlineSnapshot(`
     "### Could not assume \`acs:ram::1234567890123456:role/deploy\`: its trust policy does not accept this OIDC token (\`AuthenticationFail.NoPermission\`).

     STS said: \`There is no permission\`

     **What to do**

     - Compare the role's trust policy (RAM console, Identities, Roles, Trust policy) with the token's claims letter by letter, \`oidc:sub\` first. Or use the policy that the step prints: it matches the token.

     **What it means**

     RAM has verified the token: the provider, signature, issuer and audience are right. The role's trust policy does not match: its \`Principal.Federated\`, or one of its conditions on \`oidc:iss\`, \`oidc:aud\` and \`oidc:sub\`.

     **The token says**

     - iss: \`https://token.actions.githubusercontent.com\`
     - sub: \`repo:octo-org/octo-repo:pull_request\`
     - aud: \`sts.aliyuncs.com\`
     - repository: \`octo-org/octo-repo\`
     - ref: \`refs/pull/7/merge\`
     - job\\_workflow\\_ref: \`octo-org/octo-repo/.github/workflows/deploy.yml@refs/heads/main\`
     - event\\_name: \`pull_request\`
     - actor: \`octocat\`

     **Where it probably differs from the trust policy, the likeliest first**

     - The run belongs to a pull request, so the subject ends with \`pull_request\` and names no branch. A trust policy for a branch does not match it, and often should not: a pull request runs code that nobody has reviewed yet.
     - Upper and lower case count, in every part.

     This trust policy of \`acs:ram::1234567890123456:role/deploy\` accepts exactly this subject. If the role already has one, add the statement to it:

     \`\`\`json
     {
       "Version": "1",
       "Statement": [
         {
           "Effect": "Allow",
           "Action": "sts:AssumeRole",
           "Principal": {
             "Federated": [
               "acs:ram::1234567890123456:oidc-provider/github"
             ]
           },
           "Condition": {
             "StringEquals": {
               "oidc:iss": "https://token.actions.githubusercontent.com",
               "oidc:aud": "sts.aliyuncs.com",
               "oidc:sub": "repo:octo-org/octo-repo:pull_request"
             }
           }
         }
       ]
     }
     \`\`\`

     To accept more than this subject, move \`oidc:sub\` from \`StringEquals\` to a \`StringLike\` beside it, with a pattern:

     - every branch: \`repo:octo-org/octo-repo:ref:refs/heads/*\`
     - the branches under release/: \`repo:octo-org/octo-repo:ref:refs/heads/release/*\`
     - the jobs of an environment, whatever their branch: \`repo:octo-org/octo-repo:environment:<name>\` (GitHub lets you restrict who and what may deploy to it)

     - Caller: the OIDC token of this job
     - Call: \`AssumeRoleWithOIDC\` at \`sts.cn-hangzhou.aliyuncs.com\`, status 403
     - RequestId: \`4B2C6D1E-0001\`
     - Help: \`https://api.aliyun.com/troubleshoot?q=1\`

     More: \`docs/troubleshooting.md\`
     "
    `)
  })

  test('names the provider that does not exist', () => {
    expect(refusedToken('NoPermission', 'No such OIDC Provider registered.')).toMatchInlineSnapshot(`
     "The token says:
       iss               https://token.actions.githubusercontent.com
       sub               repo:octo-org/octo-repo:ref:refs/heads/main
       aud               sts.aliyuncs.com
       repository        octo-org/octo-repo
       ref               refs/heads/main
       job_workflow_ref  octo-org/octo-repo/.github/workflows/deploy.yml@refs/heads/main

     To accept this token, the OIDC provider in RAM needs:
       Issuer URL   https://token.actions.githubusercontent.com
       Client ID    sts.aliyuncs.com
       Fingerprint  that of the root CA of token.actions.githubusercontent.com

     ----
     Could not assume acs:ram::1234567890123456:role/deploy: there is no such OIDC provider (AuthenticationFail.NoPermission).

     STS said: No such OIDC Provider registered.

     What to do:
     - Compare \`oidc-provider-arn\` with the ARN in the RAM console (Integrations, SSO, Role-based SSO, OIDC): account ID, name, upper and lower case.
     - If there is no provider yet, create one, with the token's issuer as issuer URL and its audience as client ID.

     The details to compare or to paste are printed above this error, and in the job summary.

     What it means:
     RAM has no OIDC provider with the ARN in \`oidc-provider-arn\`. STS has looked at neither the token nor the role.

     \`oidc-provider-arn\` is acs:ram::1234567890123456:oidc-provider/github.

       Caller     the OIDC token of this job
       Call       AssumeRoleWithOIDC at sts.cn-hangzhou.aliyuncs.com, status 403
       RequestId  4B2C6D1E-0001

     More: \`docs/troubleshooting.md\`"
    `)
  })

  test("explains a wrong audience by the provider's settings, not by a trust policy", () => {
    const message = refusedToken('OIDCToken.AudienceNotMatch', 'Invalid audience.', {
      aud: ['https://github.com/octo-org', 'other'],
    })
    expect(message).not.toContain('"Statement"')
    expect(message).toMatchInlineSnapshot(`
     "The token says:
       iss               https://token.actions.githubusercontent.com
       sub               repo:octo-org/octo-repo:ref:refs/heads/main
       aud               https://github.com/octo-org, other
       repository        octo-org/octo-repo
       ref               refs/heads/main
       job_workflow_ref  octo-org/octo-repo/.github/workflows/deploy.yml@refs/heads/main

     To accept this token, the OIDC provider in RAM needs:
       Issuer URL   https://token.actions.githubusercontent.com
       Client ID    https://github.com/octo-org, other
       Fingerprint  that of the root CA of token.actions.githubusercontent.com

     ----
     Could not assume acs:ram::1234567890123456:role/deploy: the token's audience is not a client ID of the OIDC provider (AuthenticationFail.OIDCToken.AudienceNotMatch).

     STS said: Invalid audience.

     What to do:
     - Add the audience to the client IDs of the provider (RAM console, Integrations, SSO, Role-based SSO, OIDC), or set \`audience\` to a client ID that it has. Both are compared letter by letter.

     The details to compare or to paste are printed above this error, and in the job summary.

     What it means:
     The token's audience (\`aud\`) is not among the client IDs of the OIDC provider in RAM. Changing the trust policy will not help.

     \`audience\` is sts.aliyuncs.com.

       Caller     the OIDC token of this job
       Call       AssumeRoleWithOIDC at sts.cn-hangzhou.aliyuncs.com, status 403
       RequestId  4B2C6D1E-0001

     More: \`docs/troubleshooting.md\`"
    `)
  })

  test('does not blame the input audience for a token from a file', () => {
    const message = refusedToken(
      'OIDCToken.AudienceNotMatch',
      'Invalid audience.',
      {},
      { ...OIDC, 'oidc-token-file': '/run/token' },
    )
    expect(message).toContain(
      'The token was read from /run/token. Whoever writes that file chooses its audience',
    )
  })

  test("explains a wrong issuer by the provider's settings, not by a trust policy", () => {
    const message = refusedToken('OIDCToken.IssuerNotMatch', 'x', {
      iss: 'https://ghes.example/_services/token',
    })
    expect(message).not.toContain('"Statement"')
    expect(message).toContain('Issuer URL   https://ghes.example/_services/token')
    expect(message).toContain('Fingerprint  that of the root CA of ghes.example')
  })

  test.each([
    [
      'environment',
      { sub: 'repo:o/r:environment:prod', environment: 'prod' },
      'names an environment',
      'every environment: repo:o/r:environment:*',
    ],
    [
      'pull_request',
      { sub: 'repo:o/r:pull_request' },
      'belongs to a pull request',
      'every branch: repo:o/r:ref:refs/heads/*',
    ],
    ['tag', { sub: 'repo:o/r:ref:refs/tags/v1' }, 'belongs to a tag', 'every branch'],
    ['branch', { sub: 'repo:o/r:ref:refs/heads/main' }, 'names the branch', 'every branch'],
    [
      'immutable environment',
      { sub: 'repo:o@1/r@2:environment:p' },
      'written for repo:o/r:environment:p does',
      'repo:o@1/r@2:environment:*',
    ],
    [
      'template',
      { sub: 'job_workflow_ref:o/r/.github/workflows/x.yml@refs/heads/main' },
      'a template',
      'whatever changes from run to run',
    ],
    [
      'template after repo',
      { sub: 'repo:o/r:environment:p:job_workflow_ref:x' },
      'a template',
      'whatever changes from run to run',
    ],
    [
      'Kubernetes',
      { sub: 'system:serviceaccount:ns:sa' },
      'a Kubernetes service account',
      'whatever changes from run to run',
    ],
    ['colon', { sub: 'repo:o/r:environment:a%3Ab' }, 'written `%3A`', 'every environment'],
    [
      'case',
      { sub: 'repo:O/r:pull_request', repository: 'O/r' },
      'the repository is O/r, in exactly these letters',
      'every branch',
    ],
    [
      "Forgejo's immutable form",
      { sub: 'repo:o-12/r-7:ref:refs/heads/main', repository: 'o/r' },
      'written for repo:o/r:ref:refs/heads/main does',
      'every branch: repo:o-12/r-7:ref:refs/heads/*',
    ],
    ['audience', { aud: 'mine' }, 'The audience is not sts.aliyuncs.com, which', 'every branch'],
    ['enterprise', { iss: `${CLAIMS.iss}/big` }, 'ends with the name of an enterprise', 'every branch'],
  ])('explains the subject: %s', (_name, claims, reason, widening) => {
    const message = refusedToken('NoPermission', 'There is no permission', claims)
    expect(message).toContain(reason)
    expect(message).toContain(widening)
  })

  test('names a provider of another account first', () => {
    const message = refusedToken(
      'NoPermission',
      'There is no permission',
      {},
      { ...OIDC, 'oidc-provider-arn': 'acs:ram::999:oidc-provider/github' },
    )
    expect(message).toContain(
      'the likeliest first:\n- The provider: acs:ram::999:oidc-provider/github belongs to account 999',
    )
  })

  test('mentions the immutable form only if the subject has it', () => {
    expect(refusedToken('NoPermission', 'There is no permission')).not.toContain('immutable')
    expect(
      refusedToken('NoPermission', 'There is no permission', { sub: 'repo:o@1/r:pull_request' }),
    ).not.toContain('immutable')
  })

  test('shows only the safe claims, and event and actor only if they explain something', () => {
    const message = refusedToken('NoPermission', 'There is no permission', {
      email: 'someone@example.com',
      sha: 'abcdef012345',
    })
    for (const hidden of ['someone@', 'abcdef', '30433642', 'octocat', 'push'])
      expect(message).not.toContain(hidden)
    const bot = refusedToken('NoPermission', 'There is no permission', { actor: 'renovate[bot]' })
    expect(bot).toContain('actor             renovate[bot]')
  })

  test.each([
    ['no JWT', 'abc.def.ghi'],
    ['no token', undefined],
    ['claims of other types', jwt({ iss: 1, sub: { a: 1 }, aud: [null, 2] })],
    ['no subject', jwt({ iss: 'https://i.example', aud: 'a' })],
  ])('contains no trust policy if a claim that it needs is missing: %s', (_name, oidcToken) => {
    const failure = byToken(stsError('AuthenticationFail.NoPermission', 'There is no permission'))
    const { log: message } = explained(failure, situation(OIDC, { oidcToken }))
    expect(message).not.toContain('"Version"')
    expect(message).toContain('RequestId  4B2C6D1E-0001')
  })

  test('says what *** stands for if mask-account-id is on', () => {
    expect(
      refusedToken('NoPermission', 'There is no permission', {}, { ...OIDC, 'mask-account-id': 'true' }),
    ).toContain('replace `***` in the policy')
    expect(refusedToken('NoPermission', 'There is no permission')).not.toContain('***')
  })
})

describe('the message about a denied key', () => {
  const NOT_AUTHORIZED = 'You are not authorized to do this action. You should be authorized by RAM.'
  const user = { arn: 'acs:ram::1234567890123456:user/ci', accountId: '1234567890123456' }

  test('gives both policies for a RAM user', () => {
    const failure = byKey(
      stsError('NoPermission', NOT_AUTHORIZED, {
        accessDeniedDetail: detail({ encodedDiagnosticMessage: 'AQEAAAAB+/==' }),
      }),
    )
    expect(explained(failure, situation(KEY, { caller: user })).log).toMatchInlineSnapshot(`
     "1. The caller's side. Attach this policy to acs:ram::1234567890123456:user/ci:

       {
         "Version": "1",
         "Statement": [
           {
             "Effect": "Allow",
             "Action": "sts:AssumeRole",
             "Resource": "acs:ram::1234567890123456:role/deploy"
           }
         ]
       }

     2. The role's side. This trust policy of acs:ram::1234567890123456:role/deploy accepts acs:ram::1234567890123456:user/ci. If the role already has one, add the statement to it:

       {
         "Version": "1",
         "Statement": [
           {
             "Effect": "Allow",
             "Action": "sts:AssumeRole",
             "Principal": {
               "RAM": [
                 "acs:ram::1234567890123456:user/ci"
               ]
             }
           }
         ]
       }

     To see which policy denied it, someone allowed to call \`ram:DecodeDiagnosticMessage\` runs:

       aliyun ram DecodeDiagnosticMessage --EncodedDiagnosticMessage 'AQEAAAAB+/=='

     ----
     Could not assume acs:ram::1234567890123456:role/deploy: the caller is not allowed to assume the role (NoPermission).

     STS said: You are not authorized to do this action. You should be authorized by RAM.

     What to do:
     - Attach a policy that allows it to the caller, and check that the role's trust policy names the caller: both sides have to agree. The step prints both policies.

     The details to compare or to paste are printed above this error, and in the job summary.

     What it means:
     The caller's own policies do not allow \`sts:AssumeRole\` on this role. If they do, for example through the system policy \`AliyunSTSAssumeRoleAccess\`, the role's trust policy does not name the caller.

     RAM adds: sts:AssumeRole was denied to the RAM user 201234567890 of the account 1234567890123456: nothing allows it in the caller's own policies.

       Caller     acs:ram::1234567890123456:user/ci (the access key of the inputs)
       Call       AssumeRole at sts.cn-hangzhou.aliyuncs.com, status 403
       RequestId  4B2C6D1E-0001

     More: \`docs/troubleshooting.md\`"
    `)
  })

  test('gives both policies for the session of the role before, in a chain', () => {
    const caller: Caller = {
      key: {
        accessKeyId: 'STS.ExampleKeyId',
        accessKeySecret: 'ExampleSecret',
        securityToken: 'ExampleToken',
      },
      arn: 'acs:ram::1234567890123456:role/hub/session-1',
    }
    const refused = stsError('NoPermission', 'No permission perform sts:AssumeRole on this Role. Maybe ...')
    const failure = new AssumeRoleError('acs:ram::7777:role/spoke', 2, 3, caller, refused)
    expect(explained(failure, situation(OIDC)).log).toMatchInlineSnapshot(`
     "1. The caller's side. Attach this policy to acs:ram::1234567890123456:role/hub:

       {
         "Version": "1",
         "Statement": [
           {
             "Effect": "Allow",
             "Action": "sts:AssumeRole",
             "Resource": "acs:ram::7777:role/spoke"
           }
         ]
       }

     2. The role's side. This trust policy of acs:ram::7777:role/spoke accepts acs:ram::1234567890123456:role/hub. If the role already has one, add the statement to it:

       {
         "Version": "1",
         "Statement": [
           {
             "Effect": "Allow",
             "Action": "sts:AssumeRole",
             "Principal": {
               "RAM": [
                 "acs:ram::1234567890123456:role/hub"
               ]
             }
           }
         ]
       }

     ----
     Could not assume role 2 of 3, acs:ram::7777:role/spoke: the role does not trust the caller, or the caller is not allowed to assume it (NoPermission).

     STS said: No permission perform sts:AssumeRole on this Role. Maybe ...

     What to do:
     - Compare both sides with the policies that the step prints. If the trust policy has conditions (\`sts:ExternalId\`, source addresses), they must be met too.

     The details to compare or to paste are printed above this error, and in the job summary.

     What it means:
     Two sides have to agree: the caller's own policies must allow \`sts:AssumeRole\` on this role, and the role's trust policy must name the caller.

       Caller     acs:ram::1234567890123456:role/hub/session-1 (the session of role 1)
       Call       AssumeRole at sts.cn-hangzhou.aliyuncs.com, status 403
       RequestId  4B2C6D1E-0001

     More: \`docs/troubleshooting.md\`"
    `)
  })

  test("recognises a root account's key by STS's words or by GetCallerIdentity", () => {
    const byWords = explained(
      byKey(stsError('NoPermission', 'Roles may not be assumed by root accounts.')),
      situation(KEY),
    ).log
    expect(byWords).toMatchInlineSnapshot(`
     "1. The caller's side. Attach this policy to the new RAM user:

       {
         "Version": "1",
         "Statement": [
           {
             "Effect": "Allow",
             "Action": "sts:AssumeRole",
             "Resource": "acs:ram::1234567890123456:role/deploy"
           }
         ]
       }

     2. The role's side. This trust policy of acs:ram::1234567890123456:role/deploy accepts everyone in the account 1234567890123456 who has the first policy. If the role already has one, add the statement to it:

       {
         "Version": "1",
         "Statement": [
           {
             "Effect": "Allow",
             "Action": "sts:AssumeRole",
             "Principal": {
               "RAM": [
                 "acs:ram::1234567890123456:root"
               ]
             }
           }
         ]
       }

     ----
     Could not assume acs:ram::1234567890123456:role/deploy: the access key is the root account's, which cannot assume roles (NoPermission).

     STS said: Roles may not be assumed by root accounts.

     What to do:
     - Create a RAM user for the CI, allow it to assume this role (the step prints the policies), and use its access key. Then delete the root account's key: it gives access to everything in the account.

     The details to compare or to paste are printed above this error, and in the job summary.

     What it means:
     The key belongs to the Alibaba Cloud account itself. Only RAM users and roles can assume a role, whatever the policies say.

       Caller     the access key of the inputs
       Call       AssumeRole at sts.cn-hangzhou.aliyuncs.com, status 403
       RequestId  4B2C6D1E-0001

     More: \`docs/troubleshooting.md\`"
    `)
    const root = { arn: 'acs:ram::1234567890123456:root', accountId: '1234567890123456' }
    const byIdentity = explained(
      byKey(stsError('NoPermission', NOT_AUTHORIZED)),
      situation(KEY, { caller: root }),
    ).log
    expect(byIdentity).toContain("the access key is the root account's")
    expect(byIdentity).not.toContain('user/')
  })

  test("accepts the whole account of an unknown caller: the one that RAM names, or the role's", () => {
    const told = (accessDeniedDetail?: AccessDeniedDetail): string =>
      explained(byKey(stsError('NoPermission', NOT_AUTHORIZED, { accessDeniedDetail })), situation(KEY)).log
    expect(told(detail({ authPrincipalOwnerId: '555' }))).toContain('"acs:ram::555:root"')
    expect(told()).toContain('"acs:ram::1234567890123456:root"')
  })

  test('puts the external ID of the last role into the trust policy, and a source identity into both', () => {
    const refused = stsError('NoPermission', NOT_AUTHORIZED, {
      accessDeniedDetail: detail({ authAction: 'sts:SetSourceIdentity' }),
    })
    const given = { ...KEY, 'role-external-id': 'ticket-7' }
    const { log: message } = explained(byKey(refused), situation(given, { caller: user }))
    expect(message).toContain('"sts:ExternalId": "ticket-7"')
    expect(message.match(/"sts:SetSourceIdentity"/g)).toHaveLength(2)
    const earlier = new AssumeRoleError(ROLE, 1, 2, OWN_KEY, refused)
    expect(explained(earlier, situation(given, { caller: user })).log).not.toContain('ticket-7')
  })

  test.each([
    [
      { noPermissionType: 'ExplicitDeny', policyType: 'AssumeRolePolicy' },
      "a `Deny` statement forbids it in the role's trust policy. No `Allow` overrides it",
    ],
    [
      { noPermissionType: 'ImplicitDeny', policyType: 'ControlPolicy' },
      'nothing allows it in a control policy of the resource directory.',
    ],
    [
      { noPermissionType: undefined, policyType: 'New Policy' },
      'RAM user 201234567890 of the account 1234567890123456 by New Policy.',
    ],
    [
      { noPermissionType: undefined, policyType: undefined, authPrincipalType: 'constructor' },
      'denied to constructor 201234567890',
    ],
  ])('says AccessDeniedDetail in words: %j', (more, words) => {
    const refused = stsError('NoPermission', NOT_AUTHORIZED, { accessDeniedDetail: detail(more) })
    expect(explained(byKey(refused), situation(KEY)).log).toContain(words)
  })

  test('explains NoPermission for an OIDC token by the trust policy alone', () => {
    const failure = byToken(stsError('NoPermission', 'No permission', { call: 'AssumeRoleWithOIDC' }))
    const { log: message } = explained(failure, situation(OIDC, { oidcToken: jwt(CLAIMS) }))
    expect(message).toContain('"Federated"')
    expect(message).not.toContain('"RAM"')
  })

  test('needs GetCallerIdentity only if the caller of a denied AssumeRole is unknown', () => {
    const denied = stsError('NoPermission', NOT_AUTHORIZED)
    expect(wantsCaller(byKey(denied))).toBe(true)
    expect(wantsCaller(byKey(stsError('InvalidAccessKeyId.NotFound', '')))).toBe(false)
    expect(wantsCaller(byToken(denied))).toBe(false)
    expect(
      wantsCaller(new AssumeRoleError(ROLE, 2, 2, { ...OWN_KEY, arn: 'acs:ram::1:role/a/b' }, denied)),
    ).toBe(false)
    expect(wantsCaller(denied)).toBe(false)
  })
})

describe('the message about a key that STS does not accept', () => {
  test('says that the key is disabled', () => {
    expect(
      explained(
        byKey(stsError('InvalidAccessKeyId.Inactive', 'Specified access key is disabled.')),
        situation(KEY),
      ).log,
    ).toMatchInlineSnapshot(`
     "Could not assume acs:ram::1234567890123456:role/deploy: the access key is disabled (InvalidAccessKeyId.Inactive).

     STS said: Specified access key is disabled.

     What to do:
     - Find out why it was disabled. Then enable it in the RAM console, or better, replace it with a new key.

     What it means:
     The key exists, but someone has disabled it. Alibaba Cloud itself disables keys that were found in public.

     The refused key is the access key of the inputs.

       Caller     the access key of the inputs
       Call       AssumeRole at sts.cn-hangzhou.aliyuncs.com, status 403
       RequestId  4B2C6D1E-0001

     More: \`docs/troubleshooting.md\`"
    `)
  })

  test('says that ID and secret look swapped', () => {
    const exchanged = {
      ...KEY,
      'access-key-id': KEY['access-key-secret'],
      'access-key-secret': KEY['access-key-id'],
    }
    const { log: message } = explained(
      byKey(stsError('InvalidAccessKeyId.NotFound', 'Specified access key is not found.')),
      situation(exchanged),
    )
    expect(message).toContain('the two look swapped')
    for (const secret of [KEY['access-key-id'], KEY['access-key-secret']])
      expect(message).not.toContain(secret)
  })

  test("says that the ID is not one of Alibaba Cloud's", () => {
    const { log: message } = explained(
      byKey(stsError('InvalidAccessKeyId.NotFound', 'x')),
      situation({ ...KEY, 'access-key-id': 'AKIAEXAMPLE' }),
    )
    expect(message).toContain("does not look like one of Alibaba Cloud's")
    expect(message).not.toContain('AKIAEXAMPLE')
  })

  test('says that the token of a temporary key is missing', () => {
    const refused = stsError('MissingSecurityToken', 'SecurityToken is mandatory for this action.')
    expect(explained(byKey(refused), situation(KEY)).log).toMatchInlineSnapshot(`
     "Could not assume acs:ram::1234567890123456:role/deploy: the key is temporary, and its security token is missing (MissingSecurityToken).

     STS said: SecurityToken is mandatory for this action.

     What to do:
     - Set all three parts of the key: \`access-key-id\`, \`access-key-secret\` and \`security-token\`.

     What it means:
     A key whose ID begins with \`STS.\` works only with the security token that was issued with it.

     The refused key is the access key of the inputs.

       Caller     the access key of the inputs
       Call       AssumeRole at sts.cn-hangzhou.aliyuncs.com, status 403
       RequestId  4B2C6D1E-0001

     More: \`docs/troubleshooting.md\`"
    `)
  })

  test('says why a temporary key without a role was not passed on', () => {
    const given = {
      'access-key-id': 'STS.ExampleKeyId',
      'access-key-secret': 'ExampleSecret',
      'security-token': 'ExampleToken',
    }
    const refused = stsError('InvalidSecurityToken.Expired', 'Specified SecurityToken is expired.', {
      call: 'GetCallerIdentity',
    })
    const { log: message } = explained(refused, situation(given))
    expect(message.split('\n')[0]).toBe(
      'Could not get credentials: the session of the key has expired (InvalidSecurityToken.Expired).',
    )
    expect(message).toContain('Call       GetCallerIdentity at')
  })
})

describe('the message about a value that STS does not accept', () => {
  test("names the duration and the role's limit", () => {
    const refused = stsError(
      'InvalidParameter.DurationSeconds',
      'The Min/Max value of DurationSeconds is 15min/1hr.',
    )
    expect(explained(byKey(refused), situation({ ...KEY, 'role-duration-seconds': '7200' })).log)
      .toMatchInlineSnapshot(`
     "Could not assume acs:ram::1234567890123456:role/deploy: the role does not allow a session this long (InvalidParameter.DurationSeconds).

     STS said: The Min/Max value of DurationSeconds is 15min/1hr.

     What to do:
     - Reduce \`role-duration-seconds\`, or raise the maximum of the role: in the RAM console, or with \`aliyun ram UpdateRole --RoleName <role> --NewMaxSessionDuration <seconds>\`.

     What it means:
     A session lasts from 900 seconds to the role's MaxSessionDuration, which is 3600 seconds unless someone has raised it (43200 at most).

     \`role-duration-seconds\` is 7200; its limit is the MaxSessionDuration of acs:ram::1234567890123456:role/deploy.

       Caller     the access key of the inputs
       Call       AssumeRole at sts.cn-hangzhou.aliyuncs.com, status 403
       RequestId  4B2C6D1E-0001

     More: \`docs/troubleshooting.md\`"
    `)
  })

  test.each([
    [1_023_000, "this machine's clock is 17 min 3 s behind"],
    [-90_061_000, "this machine's clock is 1 d 1 h 1 min 1 s ahead"],
    [-3_600_000, "this machine's clock is 1 h ahead"],
    [400, "this machine's clock is right"],
  ])('says how far the clock is off (%d ms)', (clockSkewMs, words) => {
    expect(
      explained(byKey(stsError('InvalidTimeStamp.Expired', 'x', { clockSkewMs })), situation(KEY)).log,
    ).toContain(words)
  })

  test.each([
    ['InvalidParameter.RoleSessionName', "The session's name is GitHubActions-octo-org-octo-repo-1."],
    ['InvalidParameter.PolicySize', '`inline-session-policy` has 34 bytes'],
    ['InvalidParameter.ExternalId', '`role-external-id` is ticket-7.'],
    ['InvalidParameter.SourceIdentity', '`source-identity` is alice.'],
    ['InvalidParameter.RoleArn', `\`role-to-assume\` contains ${ROLE}.`],
    ['InvalidApi.NotFound', 'The endpoint is sts.cn-hangzhou.aliyuncs.com, and `region` is cn-hangzhou.'],
  ])('shows the value for %s', (code, words) => {
    const given = {
      ...KEY,
      region: 'cn-hangzhou',
      'inline-session-policy': '{ "Version": "1", "Statement": ["é"] }',
      'role-external-id': 'ticket-7',
      'source-identity': 'alice',
    }
    expect(explained(byKey(stsError(code, 'x')), situation(given)).log).toContain(words)
  })

  test("gives STS's own words for an unknown code", () => {
    const refused = stsError('Brand.New', 'Something happened.', {
      recommend: 'https://api.aliyun.com/troubleshoot?q=Brand.New',
    })
    expect(explained(byKey(refused), situation(KEY)).log).toMatchInlineSnapshot(`
     "Could not assume acs:ram::1234567890123456:role/deploy: STS refused (Brand.New).

     STS said: Something happened.

     What it means:
     This step does not know the code; STS's own words are all there is.

       Caller     the access key of the inputs
       Call       AssumeRole at sts.cn-hangzhou.aliyuncs.com, status 403
       RequestId  4B2C6D1E-0001
       Help       https://api.aliyun.com/troubleshoot?q=Brand.New

     More: \`docs/troubleshooting.md\`"
    `)
  })
})

describe('the message about a job without an OIDC token', () => {
  const noIssuer = byToken(new OidcTokenError('no-issuer', ['no issuer']))
  const told = (env: Readonly<Record<string, string>>, event?: unknown): string =>
    explained(noIssuer, situation(OIDC, { run: readRunContext(env), event })).log
  const pullRequest = (head: unknown, base: unknown = { full_name: 'octo-org/octo-repo' }): object => ({
    pull_request: { head: { repo: head }, base: { repo: base } },
  })
  const GITHUB = { GITHUB_SERVER_URL: 'https://github.com', GITHUB_EVENT_NAME: 'push' }
  const PULL_REQUEST = { ...GITHUB, GITHUB_EVENT_NAME: 'pull_request' }

  test('says that the permission is missing', () => {
    expect(told(GITHUB)).toMatchInlineSnapshot(`
     "Could not assume acs:ram::1234567890123456:role/deploy: the job has no permission to request an OIDC token (\`id-token: write\`).

     What to do:
     Add this to the job:

       permissions:
         id-token: write
         contents: read

     - \`permissions\` removes every permission that it does not list. Keep \`contents: read\` for \`actions/checkout\`, and add whatever else the job uses.
     - In a reusable workflow the calling job (\`uses: .../workflow.yml\`) must grant the permission as well.
     - In a composite action it is the job that uses the action.

     What it means:
     GitHub gives OIDC tokens only to jobs with the permission \`id-token: write\`. Without it the runner sets neither \`ACTIONS_ID_TOKEN_REQUEST_URL\` nor \`ACTIONS_ID_TOKEN_REQUEST_TOKEN\`.

     More: \`docs/troubleshooting.md\`"
    `)
  })

  test('says that the permission is missing, or that this host may have no issuer', () => {
    expect(told({ GITHUB_SERVER_URL: 'https://git.example:8443/x' })).toContain(
      'git.example:8443 is not github.com.',
    )
    expect(told({ GITHUB_SERVER_URL: 'https://octo.ghe.com' })).not.toContain('is not github.com')
    expect(told({})).not.toContain('is not github.com')
  })

  test('says that a pull request from a fork gets none', () => {
    expect(told(PULL_REQUEST, pullRequest({ full_name: 'stranger/octo-repo', fork: true })))
      .toMatchInlineSnapshot(`
     "Could not assume acs:ram::1234567890123456:role/deploy: this run belongs to a pull request from a fork, which gets no OIDC token.

     What to do:
     Skip the job, or this step, for pull requests from forks:

       if: github.event_name != 'pull_request' || github.event.pull_request.head.repo.full_name == github.repository

     What needs Alibaba Cloud can run after the merge, on \`push\`.

     What it means:
     Anyone can write the code of a fork, so the CI gives its pull requests neither OIDC tokens nor secrets. \`permissions\` do not change that.

     More: \`docs/troubleshooting.md\`"
    `)
  })

  test.each<[string, Readonly<Record<string, string>>, unknown, boolean]>([
    ['a fork that has been deleted', PULL_REQUEST, pullRequest(null), true],
    [
      "a review of a fork's pull request",
      { ...GITHUB, GITHUB_EVENT_NAME: 'pull_request_review' },
      pullRequest({ full_name: 's/r' }),
      true,
    ],
    ['a fork without names', PULL_REQUEST, pullRequest({ fork: true }, {}), true],
    [
      'the repository is a fork itself',
      PULL_REQUEST,
      pullRequest({ full_name: 'Octo-Org/octo-repo', fork: true }),
      false,
    ],
    [
      'pull_request_target',
      { ...GITHUB, GITHUB_EVENT_NAME: 'pull_request_target' },
      pullRequest({ full_name: 's/r' }),
      false,
    ],
    ['another event', GITHUB, pullRequest({ full_name: 's/r' }), false],
    ['no event', PULL_REQUEST, undefined, false],
    ['a nonsense event', PULL_REQUEST, { pull_request: 'x' }, false],
  ])('recognises a pull request from a fork: %s', (_name, env, event, fork) => {
    expect(told(env, event).includes('a pull request from a fork')).toBe(fork)
  })

  test('says that a run of Dependabot gets none', () => {
    const env = { ...PULL_REQUEST, GITHUB_ACTOR: 'dependabot[bot]' }
    expect(told(env, pullRequest({ full_name: 'octo-org/octo-repo' }))).toMatchInlineSnapshot(`
     "Could not assume acs:ram::1234567890123456:role/deploy: Dependabot started this run, and its runs get no OIDC token.

     What to do:
     Skip the job, or this step, for Dependabot's runs:

       if: github.actor != 'dependabot[bot]'

     If the run needs Alibaba Cloud, create an access key of a RAM user with few permissions, store it as Dependabot secrets (Settings, Secrets and variables, Dependabot), and use it in \`access-key-id\` and \`access-key-secret\`.

     What it means:
     GitHub treats runs that Dependabot starts like those of a fork: they get no OIDC token and none of the secrets of Actions.

     More: \`docs/troubleshooting.md\`"
    `)
  })

  test('says that this runner has no issuer', () => {
    expect(told({ GITEA_ACTIONS: 'true', GITHUB_SERVER_URL: 'https://gitea.example' }))
      .toMatchInlineSnapshot(`
     "Could not assume acs:ram::1234567890123456:role/deploy: Gitea's runner (for gitea.example) has no OIDC issuer.

     What to do:
     - Use an access key: \`access-key-id\` and \`access-key-secret\` instead of \`oidc-provider-arn\`.
     - If something else on the machine issues OIDC tokens, write one to a file and set \`oidc-token-file\` to its path, next to \`oidc-provider-arn\`.

     What it means:
     act and Gitea run GitHub's workflows, but do not set \`ACTIONS_ID_TOKEN_REQUEST_URL\`: there is nobody to ask for a token, whatever the \`permissions\`.

     More: \`docs/troubleshooting.md\`"
    `)
    expect(told({ ...GITHUB, ACT: 'true' })).toContain('act has no OIDC issuer')
  })

  test.each([
    [401, "does not accept this job's request token"],
    [403, 'does not give it a token'],
    [400, 'does not accept the request as it is'],
  ])('says why the issuer refuses with %d', (status, words) => {
    const error = new OidcTokenError(
      'issuer-refused',
      [`The OIDC issuer i.example refused to issue a token (status ${status})`],
      { status },
    )
    const { log: message } = explained(byToken(error), situation(OIDC))
    expect(message).toContain(`(status ${status})`)
    expect(message).toContain(words)
  })

  test('says what is wrong with the token file', () => {
    const error = new OidcTokenError('token-file', ['oidc-token-file: /run/token cannot be read (ENOENT)'])
    expect(explained(byToken(error), situation({ ...OIDC, 'oidc-token-file': '/run/token' })).log)
      .toMatchInlineSnapshot(`
     "Could not assume acs:ram::1234567890123456:role/deploy: oidc-token-file: /run/token cannot be read (ENOENT).

     What to do:
     - Check that \`oidc-token-file\` is the path as this job sees it: a job in a container has other paths than its host.
     - Check that the program which writes the file has run before this step, that it writes the JWT alone, and that the runner's user can read it.
     - In ACK only pods with RRSA injection have the file: \`/var/run/secrets/ack.alibabacloud.com/rrsa-tokens/token\`.

     More: \`docs/troubleshooting.md\`"
    `)
  })
})

describe('the message about a host without a usable answer', () => {
  const told = (
    fault: TransportFault,
    message: string,
    given: Readonly<Record<string, string>> = OIDC,
    host?: string,
    proxy?: string,
    more: { nodeCode?: string; node?: NodeSettings } = {},
  ): string => {
    const { endpoint } = inputs(given)
    const { nodeCode, node = NODE_20 } = more
    return explained(
      byToken(new TransportError(fault, host ?? endpoint.host, [message], { proxy, nodeCode })),
      situation(given, { node }),
    ).log
  }
  const GLOBAL = { 'role-to-assume': ROLE, 'oidc-provider-arn': PROVIDER }

  test('says that the certificate is not trusted, and how to trust it', () => {
    expect(told('tls', 'no trusted TLS connection (SELF_SIGNED_CERT_IN_CHAIN)')).toMatchInlineSnapshot(`
     "Could not assume acs:ram::1234567890123456:role/deploy: this machine does not trust the certificate of sts.cn-hangzhou.aliyuncs.com.

     What happened: sts.cn-hangzhou.aliyuncs.com: no trusted TLS connection (SELF_SIGNED_CERT_IN_CHAIN)

     What to do:
     - Put the CA's certificate (PEM) on the runner and set \`NODE_EXTRA_CA_CERTS\` to its path. It must be set before this step starts: for the job, or in the environment of the runner.
     - Or ask the proxy's administrators not to inspect sts.cn-hangzhou.aliyuncs.com.

     For example, in the job:

       env:
         NODE_EXTRA_CA_CERTS: /etc/ssl/certs/company-ca.pem

     What it means:
     Most likely a proxy on the way inspects TLS and shows a certificate of its own CA, which Node.js does not know. By default Node.js does not use the CAs of the system.

     More: \`docs/troubleshooting.md\`"
    `)
  })

  test.each([
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'is for another name'],
    ['CERT_HAS_EXPIRED', 'More often the clock is wrong'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'does not speak TLS as expected'],
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'NODE_EXTRA_CA_CERTS'],
  ])('tells apart what is wrong with TLS: %s', (code, words) => {
    expect(told('tls', 'x', OIDC, undefined, undefined, { nodeCode: code })).toContain(words)
  })

  test('says that the proxy refuses, and names it', () => {
    expect(
      told(
        'proxy-authentication',
        'the proxy wants authentication (407)',
        OIDC,
        undefined,
        'proxy.example:3128',
      ),
    ).toMatchInlineSnapshot(`
     "Could not assume acs:ram::1234567890123456:role/deploy: the proxy proxy.example:3128 requires a user and a password.

     What happened: sts.cn-hangzhou.aliyuncs.com (via proxy proxy.example:3128): the proxy wants authentication (407)

     What to do:
     - Put the user and the password into the proxy's URL, with reserved characters percent-encoded (\`@\` is \`%40\`): \`HTTPS_PROXY: http://user:password@host:port\`. Keep the URL in a secret.
     - If the network allows it, bypass the proxy: add sts.cn-hangzhou.aliyuncs.com to \`NO_PROXY\`.

     What it means:
     The answer 407 came from the proxy, before anything reached sts.cn-hangzhou.aliyuncs.com.

     More: \`docs/troubleshooting.md\`"
    `)
  })

  test('names the input that chose an unreachable host', () => {
    expect(told('unreachable', 'no such host name (ENOTFOUND)', { ...OIDC, region: 'cn-hangzho' })).toContain(
      'comes from `region` (cn-hangzho)',
    )
    expect(told('unreachable', 'x', { ...OIDC, 'sts-endpoint': 'sts.example' })).toContain(
      'comes from `sts-endpoint`',
    )
    expect(
      told('unreachable', 'x', { ...OIDC, 'sts-endpoint': 'sts-vpc.cn-hangzhou.aliyuncs.com' }),
    ).toContain('can be reached only from inside a VPC of its region')
    expect(told('unreachable', 'x', OIDC, 'issuer.example')).not.toMatch(/sts-endpoint|`region`/)
    expect(told('unreachable', 'x', OIDC, undefined, 'proxy.example:3128')).toContain(
      'names the right proxy (proxy.example:3128)',
    )
  })

  test.each(['unreachable', 'timeout', 'broken', 'status'] as const)(
    'suggests a near endpoint for a host in mainland China: %s',
    (fault) => {
      expect(told(fault, 'x', GLOBAL)).toContain('sts.aliyuncs.com is in mainland China')
      expect(told(fault, 'x')).toContain('sts.cn-hangzhou.aliyuncs.com is in mainland China')
      for (const region of ['cn-hongkong', 'eu-central-1'])
        expect(told(fault, 'x', { ...OIDC, region })).not.toContain('mainland China')
    },
  )

  test('says that something else has answered', () => {
    expect(told('redirect', 'AssumeRole: a redirect (307)')).toContain('answered with a redirect')
    expect(told('nonsense', 'AssumeRole: status 200 with a body that is not JSON')).toContain(
      "a proxy's log-in or blocking page",
    )
  })

  test('says that the deadline ended the retries', () => {
    const cause = new TransportError('timeout', 'sts.aliyuncs.com', ['no answer within 10.0 s'])
    const failure = byToken(
      new RetriesExhaustedError('AssumeRoleWithOIDC', 4, 51_240, 'deadline', ['time'], cause),
    )
    expect(explained(failure, situation(GLOBAL)).log).toMatchInlineSnapshot(`
     "Could not assume acs:ram::1234567890123456:role/deploy: sts.aliyuncs.com did not answer in time, after 4 attempts in 51.2 s.

     What happened: sts.aliyuncs.com: no answer within 10.0 s

     What to do:
     - sts.aliyuncs.com is in mainland China, and from abroad many calls to it fail. Set \`sts-endpoint\` to that of a near region, such as \`sts.ap-southeast-1.aliyuncs.com\` or \`sts.eu-central-1.aliyuncs.com\`: the credentials are valid in all regions.
     - If the network requires a proxy, set \`HTTPS_PROXY\` for the job. Otherwise allow the runner to connect to sts.aliyuncs.com, port 443.
     - A single call has 10 s; the whole step has \`timeout-seconds\` (60).

     What it means:
     \`timeout-seconds\` (60 for the whole step) left no time for another attempt at AssumeRoleWithOIDC. This is about the last one.

     A firewall that drops packets looks like this, and so does a long or crowded route to the host.

     More: \`docs/troubleshooting.md\`"
    `)
  })

  test('says that the attempts ran out', () => {
    const failure = byKey(
      new RetriesExhaustedError(
        'AssumeRole',
        5,
        12_345,
        'attempts',
        ['attempts'],
        stsError('Throttling.User', 'Request was denied due to user flow control.'),
      ),
    )
    expect(explained(failure, situation(KEY)).log).toMatchInlineSnapshot(`
     "Could not assume acs:ram::1234567890123456:role/deploy: STS is throttling this account (Throttling.User), after 5 attempts in 12.3 s.

     STS said: Request was denied due to user flow control.

     What to do:
     - Run the job again. If it happens again, start fewer jobs at the same moment (a matrix with \`max-parallel\`, schedules that are not all on the hour), or raise \`retry-max-attempts\` and \`timeout-seconds\`.

     What it means:
     AssumeRole was tried as often as \`retry-max-attempts\` allows (5). This is about the last attempt.

     STS allows 100 AssumeRole calls a second for the whole account. All jobs, tools and services of the account share them.

       Caller     the access key of the inputs
       Call       AssumeRole at sts.cn-hangzhou.aliyuncs.com, status 403
       RequestId  4B2C6D1E-0001

     More: \`docs/troubleshooting.md\`"
    `)
  })

  test('says nothing of roles or attempts if there was no role and one attempt', () => {
    const cause = new TransportError('status', '100.100.100.200', [
      'the metadata service answered with status 503',
    ])
    const failure = new RetriesExhaustedError('metadata request', 1, 80, 'attempts', ['attempts'], cause)
    const [first] = explained(
      failure,
      situation({ 'credential-source': 'ecs-ram-role', 'role-to-assume': ROLE }),
    ).message.split('\n')
    expect(first).toBe(
      'Could not get credentials: 100.100.100.200 is overloaded or has an internal error, after 1 attempt in 0.1 s.',
    )
  })
})

describe('the message about an error of another kind', () => {
  const END = '\n\nMore: `docs/troubleshooting.md`'

  test("is the error's own", () => {
    const faults = new InputError([['region: got "x". Accepted: y.'], ['profile: got "z". Accepted: w.']])
    expect(explained(faults, situation(OIDC)).log).toBe(`${faults.message}${END}`)
    expect(explained(faults, situation(OIDC)).summary).toContain('- region: got "x". Accepted: y.')
    expect(explained('a string', situation(OIDC)).log).toBe(`a string${END}`)
  })

  test.each([[undefined], [null], [42], [Object.create(null)], [Symbol('x')], [{ stack: 'secret' }]])(
    'shows nothing of a thrown %p',
    (thrown) => {
      const [first] = explained(thrown, situation(OIDC)).log.split('\n')
      expect(first).toMatch(/^an unexpected (undefined|null|number|object|symbol) was thrown$/)
    },
  )

  test('names the role that was not assumed', () => {
    expect(explained(byToken(new Error('It broke.')), situation(OIDC)).log).toBe(
      `Could not assume ${ROLE}: It broke.${END}`,
    )
  })

  test('contains no workflow command in the log and no markup in the summary', () => {
    const { message, summary } = explained(
      new Error('x\n::set-env name=a::b\r\n  ::stop-commands::x\n##[command]\u0007\n```\n<img>'),
      situation(OIDC),
    )
    expect(message.split('\n')[0]).toBe(
      'x\\u{a}::set-env name=a::b\\u{d}\\u{a}  ::stop-commands::x\\u{a}##\\u005bcommand]\\u{7}\\u{a}```\\u{a}<img>',
    )
    expect(summary.split('\n')[0]).toBe(
      '### ````x\\u{a}::set-env name=a::b\\u{d}\\u{a}  ::stop-commands::x\\u{a}##\\u005bcommand]\\u{7}\\u{a}```\\u{a}<img>````',
    )
  })
})
