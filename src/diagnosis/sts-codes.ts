/**
 * What each answer of STS means and what to do about it: one table, for the step's error messages
 * and for the troubleshooting page. The codes are those of STS's error documentation (2015-04-01)
 * and of RAM's pages about OIDC.
 */
import { say, type Prose } from '../text/prose.js'
import { clockOff, endpointUsed, keyShape, refusedKey, type Facts } from './facts.js'

/**
 * What is shown in addition to cause and fix.
 *
 * - `trust`: the token's claims, and the trust policy that would accept it
 * - `provider`: the token's claims, and what the OIDC provider in RAM has to contain
 * - `fingerprint`: the same, and the commands that add a fingerprint
 * - `both-sides`: the caller's policy and the role's trust policy
 * - `new-user`: the same for a RAM user that does not exist yet
 */
export type Attachment = 'trust' | 'provider' | 'fingerprint' | 'both-sides' | 'new-user'

/** One row: what STS answers, what it means, and what to do. */
export interface StsAnswer {
  /** As STS writes them; `.*` at the end stands for the rest of a family. */
  readonly codes: readonly string[]
  /** Tells apart what STS answers with the same code. */
  readonly words?: RegExp
  /** What STS is known to say with it. */
  readonly says?: string
  /** Completes "Could not assume ...: " in a few words. */
  readonly fault: string
  /** Our own words, with `code` between backticks. */
  readonly cause: string
  readonly fix: readonly string[]
  /** The cause with the values at hand. */
  readonly here?: (facts: Facts) => readonly Prose[]
  readonly attachment?: Attachment
}

/** What STS says to a root account that asks for a role. */
export const ROOT_WORDS = 'Roles may not be assumed by root accounts.'

/** The first row whose code and words match is the answer's. */
export const STS_ANSWERS: readonly StsAnswer[] = [
  {
    codes: ['AuthenticationFail.NoPermission'],
    words: /no such oidc provider/i,
    says: 'No such OIDC Provider registered.',
    fault: 'there is no such OIDC provider',
    cause:
      'RAM has no OIDC provider with the ARN in `oidc-provider-arn`. STS has looked at neither the token nor the role.',
    fix: [
      'Compare `oidc-provider-arn` with the ARN in the RAM console (Integrations, SSO, Role-based SSO, OIDC): account ID, name, upper and lower case.',
      "If there is no provider yet, create one, with the token's issuer as issuer URL and its audience as client ID.",
    ],
    here: ({ inputs: { source } }) =>
      source.kind === 'oidc' ? [say`\`oidc-provider-arn\` is ${source.providerArn}.`] : [],
    attachment: 'provider',
  },
  {
    codes: ['AuthenticationFail.NoPermission'],
    says: 'There is no permission',
    fault: 'its trust policy does not accept this OIDC token',
    cause:
      "RAM has verified the token: the provider, signature, issuer and audience are right. The role's trust policy does not match: its `Principal.Federated`, or one of its conditions on `oidc:iss`, `oidc:aud` and `oidc:sub`.",
    fix: [
      "Compare the role's trust policy (RAM console, Identities, Roles, Trust policy) with the token's claims letter by letter, `oidc:sub` first. Or use the policy that the step prints: it matches the token.",
    ],
    attachment: 'trust',
  },
  {
    codes: ['AuthenticationFail.OIDCToken.AudienceNotMatch'],
    says: 'Invalid audience.',
    fault: "the token's audience is not a client ID of the OIDC provider",
    cause:
      "The token's audience (`aud`) is not among the client IDs of the OIDC provider in RAM. Changing the trust policy will not help.",
    fix: [
      'Add the audience to the client IDs of the provider (RAM console, Integrations, SSO, Role-based SSO, OIDC), or set `audience` to a client ID that it has. Both are compared letter by letter.',
    ],
    here: ({ inputs: { source } }) =>
      source.kind !== 'oidc'
        ? []
        : source.tokenFile === undefined
          ? [say`\`audience\` is ${source.audience}.`]
          : [
              say`The token was read from ${source.tokenFile}. Whoever writes that file chooses its audience; \`audience\` has no effect.`,
            ],
    attachment: 'provider',
  },
  {
    codes: ['AuthenticationFail.OIDCToken.IssuerNotMatch'],
    fault: "the token's issuer is not the OIDC provider's",
    cause:
      "The token's issuer (`iss`) is not the issuer URL of the OIDC provider in RAM. Changing the trust policy will not help.",
    fix: [
      'Create a provider with exactly this issuer URL (no slash at the end) and set `oidc-provider-arn` to its ARN. The issuer URL of an existing provider cannot be changed.',
    ],
    attachment: 'provider',
  },
  {
    codes: ['AuthenticationFail.OIDCToken.Expired'],
    says: 'This JsonWebToken is expired.',
    fault: 'the OIDC token has expired',
    cause:
      'The token had expired when STS received it. A newly fetched one had expired too, if an attempt was left for it.',
    fix: [
      'With `oidc-token-file`: make sure that the program which writes the file keeps it fresh. The step reads the file again for each attempt.',
      "Otherwise check the clock of the issuer's host (GitHub Enterprise Server): if it is behind, tokens have expired when they are issued.",
    ],
    here: ({ inputs: { source } }) =>
      source.kind === 'oidc' && source.tokenFile !== undefined
        ? [say`The token was read from ${source.tokenFile}.`]
        : [],
  },
  {
    codes: ['AuthenticationFail.OIDCToken.Invalid'],
    says: 'This JsonWebToken is invalid.',
    fault: 'the OIDC token is malformed',
    cause:
      'STS cannot read the token, or claims that it needs (`iss`, `sub`, `aud`, `exp`, `iat`) are missing.',
    fix: [
      'With `oidc-token-file`: check that the file contains the whole JWT and nothing else. Otherwise a proxy may have changed the request.',
    ],
    attachment: 'provider',
  },
  {
    codes: ['AuthenticationFail.OIDCToken.InvalidSignature'],
    fault: "the OIDC token's signature does not match its issuer's keys",
    cause:
      'The token was signed with a key that the issuer does not publish. Either the issuer has just changed its keys, or someone else issued the token.',
    fix: [
      "Run the job again in a few minutes. If it still fails, compare the token's issuer with the OIDC provider's issuer URL, and check that the keys under its `/.well-known/openid-configuration` can be read from the internet.",
    ],
    attachment: 'provider',
  },
  {
    codes: [
      'AuthenticationFail.OIDCToken.PublicKeyFingerprintMismatch',
      'AuthenticationFail.OIDCToken.HttpsUrlInvalid',
    ],
    says: 'The https fingerprint of this discovery is invalid.',
    fault: "the OIDC provider's fingerprint does not match the issuer's certificates",
    cause:
      "RAM fetched the issuer's keys over TLS, and no certificate of the chain has one of the provider's fingerprints.",
    fix: [
      'Print the fingerprint of the root CA: with the command that the step prints, or behind a proxy with the one in docs/setup-at-scale.md, Fingerprints. The button Get Fingerprint in the RAM console may give that of an intermediate CA.',
      'Add it to the provider, which holds up to five: `aliyun ims AddFingerprintToOIDCProvider --OIDCProviderName <provider> --Fingerprint <fingerprint>`.',
      'Do not store that of an intermediate CA: GitHub changed its intermediate on 2026-05-13, and providers that held it stopped working.',
    ],
    attachment: 'fingerprint',
  },
  {
    codes: ['AuthenticationFail.OIDCToken.IssuerConfigurationBroken'],
    says: 'Get public keys from OIDC Provider failed',
    fault: "RAM cannot fetch the issuer's keys",
    cause:
      "RAM fetches the issuer's `/.well-known/openid-configuration`, and the keys that it names, over the internet. It got no usable answer.",
    fix: [
      'For github.com: check githubstatus.com and run the job again.',
      'For an issuer of your own (GitHub Enterprise Server, Kubernetes): both addresses must be reachable from the internet without a login, over TLS with a public CA.',
    ],
    attachment: 'provider',
  },
  {
    codes: ['AuthenticationFail.OIDCToken.*', 'AuthenticationFail.*'],
    fault: 'STS does not accept the OIDC token',
    cause: "Something is wrong with the token or with its OIDC provider in RAM; STS's message says what.",
    fix: ["Compare the provider's issuer URL, client IDs and fingerprints with the token's claims."],
    attachment: 'provider',
  },
  {
    codes: ['NoPermission'],
    words: /root accounts?/i,
    says: ROOT_WORDS,
    fault: "the access key is the root account's, which cannot assume roles",
    cause:
      'The key belongs to the Alibaba Cloud account itself. Only RAM users and roles can assume a role, whatever the policies say.',
    fix: [
      "Create a RAM user for the CI, allow it to assume this role (the step prints the policies), and use its access key. Then delete the root account's key: it gives access to everything in the account.",
    ],
    attachment: 'new-user',
  },
  {
    codes: ['NoPermission'],
    words: /should be authorized by RAM/i,
    says: 'You are not authorized to do this action. You should be authorized by RAM.',
    fault: 'the caller is not allowed to assume the role',
    cause:
      "The caller's own policies do not allow `sts:AssumeRole` on this role. If they do, for example through the system policy `AliyunSTSAssumeRoleAccess`, the role's trust policy does not name the caller.",
    fix: [
      "Attach a policy that allows it to the caller, and check that the role's trust policy names the caller: both sides have to agree. The step prints both policies.",
    ],
    attachment: 'both-sides',
  },
  {
    codes: ['NoPermission'],
    says: 'No permission perform sts:AssumeRole on this Role. Maybe you are not authorized to perform sts:AssumeRole or the specified role does not trust you.',
    fault: 'the role does not trust the caller, or the caller is not allowed to assume it',
    cause:
      "Two sides have to agree: the caller's own policies must allow `sts:AssumeRole` on this role, and the role's trust policy must name the caller.",
    fix: [
      'Compare both sides with the policies that the step prints. If the trust policy has conditions (`sts:ExternalId`, source addresses), they must be met too.',
    ],
    attachment: 'both-sides',
  },
  {
    codes: ['EntityNotExist.Role'],
    says: 'The specified Role not exists.',
    fault: 'there is no such role',
    cause: 'RAM has no role with the ARN in `role-to-assume`.',
    fix: [
      'Compare it with the ARN in the RAM console (Identities, Roles): account ID, name, upper and lower case.',
    ],
  },
  {
    codes: ['EntityNotExist.*'],
    says: 'The specified ... not exists.',
    fault: 'something in the request does not exist',
    cause: "RAM has nothing of that name; STS's message says what is missing.",
    fix: ['Compare `role-to-assume` and `oidc-provider-arn` with the ARNs in the RAM console.'],
  },
  {
    codes: ['InvalidParameter.DurationSeconds'],
    says: 'The Min/Max value of DurationSeconds is 15min/1hr.',
    fault: 'the role does not allow a session this long',
    cause:
      "A session lasts from 900 seconds to the role's MaxSessionDuration, which is 3600 seconds unless someone has raised it (43200 at most).",
    fix: [
      'Reduce `role-duration-seconds`, or raise the maximum of the role: in the RAM console, or with `aliyun ram UpdateRole --RoleName <role> --NewMaxSessionDuration <seconds>`.',
    ],
    here: ({ durationSeconds, roleArn }) =>
      durationSeconds === undefined || roleArn === undefined
        ? []
        : [
            say`\`role-duration-seconds\` is ${durationSeconds}; its limit is the MaxSessionDuration of ${roleArn}.`,
          ],
  },
  {
    codes: ['InvalidParameter.RoleArn'],
    says: 'The parameter RoleArn is wrongly formed.',
    fault: 'the ARN of the role is malformed',
    cause:
      'The ARN of a role is `acs:ram::<account ID>:role/<role name>`; the name is 1 to 64 letters, digits and `.` `_` `-`.',
    fix: ['Copy the ARN from the RAM console into `role-to-assume`.'],
    here: ({ roleArn }) => (roleArn === undefined ? [] : [say`\`role-to-assume\` contains ${roleArn}.`]),
  },
  {
    codes: ['InvalidParameter.RoleSessionName'],
    says: 'The parameter RoleSessionName is wrongly formed.',
    fault: "the session's name is malformed",
    cause: "A session's name is 2 to 64 letters, digits and `.` `@` `_` `-`.",
    fix: ['Change `role-session-name`, or omit it.'],
    here: ({ inputs }) => [say`The session's name is ${inputs.session.roleSessionName}.`],
  },
  {
    codes: ['InvalidParameter.ExternalId'],
    says: 'The parameter ExternalId is wrongly formed.',
    fault: 'the external ID is malformed',
    cause: 'An external ID is 2 to 1224 letters, digits and `_` `+` `=` `,` `.` `@` `:` `/` `-`.',
    fix: ['Change `role-external-id`.'],
    here: ({ inputs }) =>
      inputs.session.externalId === undefined
        ? []
        : [say`\`role-external-id\` is ${inputs.session.externalId}.`],
  },
  {
    codes: ['InvalidParameter.SourceIdentity'],
    says: 'The parameter SourceIdentity is wrongly formed.',
    fault: 'the source identity is malformed, or the session already has another one',
    cause:
      'A source identity is 2 to 64 letters, digits and `_` `+` `=` `,` `.` `@` `-`, and does not begin with `acs:`, `aliyun:` or `alibabacloud:`. It cannot be changed once a session has one.',
    fix: ['Change `source-identity`, or omit it if the caller is a session that has one.'],
    here: ({ inputs }) =>
      inputs.session.sourceIdentity === undefined
        ? []
        : [say`\`source-identity\` is ${inputs.session.sourceIdentity}.`],
  },
  {
    codes: ['InvalidParameter.PolicyGrammar'],
    says: 'The parameter Policy has not passed grammar check.',
    fault: 'RAM does not accept the session policy',
    cause: 'The session policy is JSON, but not a policy: an element is missing, misspelt or unknown to RAM.',
    fix: [
      'Correct `inline-session-policy`: `"Version": "1"`, and in `Statement` for each entry `Effect`, `Action` and `Resource`. The policy editor of the RAM console shows what is wrong.',
    ],
  },
  {
    codes: ['InvalidParameter.PolicySize'],
    says: 'The size of Policy must be smaller than 2048 bytes.',
    fault: 'the session policy is too long',
    cause: 'STS accepts a session policy of at most 2048 bytes. The step sends it without white space.',
    fix: [
      "Shorten `inline-session-policy` (patterns with `*` instead of lists), or move the rule to the role's own policies.",
    ],
    here: ({ inputs: { session } }) =>
      session.policy === undefined
        ? []
        : [
            say`Without white space \`inline-session-policy\` has ${Buffer.byteLength(session.policy)} bytes.`,
          ],
  },
  {
    codes: ['InvalidParameter', 'InvalidParameter.*'],
    says: 'The parameter ... is wrongly formed.',
    fault: 'STS does not accept one of the values',
    cause: "A value that the step sent is not in the form that STS requires; STS's message says which.",
    fix: ['Correct the input of that name. If all inputs are right, please report it with the RequestId.'],
  },
  {
    codes: ['InvalidAccessKeyId.NotFound'],
    says: 'Specified access key is not found.',
    fault: 'Alibaba Cloud does not know the access key ID',
    cause: 'The key was deleted or pasted wrongly, or it is not an access key ID of Alibaba Cloud at all.',
    fix: [
      'Compare the ID with the RAM console (the user, AccessKey), and set the secrets of the repository or environment again: the ID goes to `access-key-id`, the secret to `access-key-secret`.',
    ],
    here: keyShape,
  },
  {
    codes: ['InvalidAccessKeyId.Inactive'],
    says: 'Specified access key is disabled.',
    fault: 'the access key is disabled',
    cause:
      'The key exists, but someone has disabled it. Alibaba Cloud itself disables keys that were found in public.',
    fix: [
      'Find out why it was disabled. Then enable it in the RAM console, or better, replace it with a new key.',
    ],
    here: refusedKey,
  },
  {
    codes: ['InvalidAccessKeyId.*'],
    fault: 'Alibaba Cloud does not accept the access key ID',
    cause: "Something is wrong with the access key ID; STS's message says what.",
    fix: ['Check the key in the RAM console.'],
    here: keyShape,
  },
  {
    codes: ['SignatureDoesNotMatch'],
    says: 'Specified signature is not matched with our calculation.',
    fault: 'the access key secret does not belong to the access key ID',
    cause:
      'STS knows the ID, but the request was signed with another secret: one of another key, one that was cut off, or one that was pasted wrongly.',
    fix: [
      'Set both again, from the same key. RAM does not show a lost secret again: create a new key instead.',
    ],
    here: keyShape,
  },
  {
    codes: ['MissingSecurityToken'],
    says: 'SecurityToken is mandatory for this action.',
    fault: 'the key is temporary, and its security token is missing',
    cause: 'A key whose ID begins with `STS.` works only with the security token that was issued with it.',
    fix: ['Set all three parts of the key: `access-key-id`, `access-key-secret` and `security-token`.'],
    here: refusedKey,
  },
  {
    codes: ['InvalidSecurityToken.Expired'],
    says: 'Specified SecurityToken is expired.',
    fault: 'the session of the key has expired',
    cause:
      'The temporary key has expired. A temporary key that is stored as a secret of a repository stops working after a few hours.',
    fix: [
      'Use a new session: run the step that creates it again, or let this step create it from an OIDC token or from the access key of a RAM user.',
    ],
    here: refusedKey,
  },
  {
    codes: ['InvalidSecurityToken.MismatchWithAccessKey'],
    says: 'Specified SecurityToken mismatch with the AccessKey.',
    fault: 'the security token belongs to another key',
    cause:
      'The ID and the token come from two different sessions, or a token was given with a long-lived key.',
    fix: ['Set the three parts of one key, or omit `security-token` if the key is long-lived.'],
    here: refusedKey,
  },
  {
    codes: ['InvalidSecurityToken.Malformed', 'InvalidSecurityToken.*'],
    says: 'Specified SecurityToken is malformed.',
    fault: 'the security token is malformed',
    cause:
      'The token was cut off or pasted together with something else, or it is not a security token of Alibaba Cloud.',
    fix: ['Set the whole token as STS issued it: one line of several hundred characters.'],
    here: refusedKey,
  },
  {
    codes: ['InvalidTimeStamp.Expired'],
    says: 'Specified time stamp or date value is expired.',
    fault: "this machine's clock is wrong",
    cause: 'STS accepts requests whose time is within 15 minutes of its own.',
    fix: [
      'Set the clock of the runner (`timedatectl set-ntp true` on Linux; virtual machines that were paused often lag).',
    ],
    here: ({ error: { clockSkewMs } }) =>
      clockSkewMs === undefined
        ? []
        : [say`Compared with the time of STS's answer, this machine's clock is ${clockOff(clockSkewMs)}.`],
  },
  {
    codes: ['InvalidTimeStamp.Format', 'InvalidTimeStamp.*'],
    says: 'Specified time stamp or date value is not well formatted.',
    fault: 'STS cannot read the time of the request',
    cause:
      'The step writes the time itself. Either something on the way to STS changes requests, or the step has a bug.',
    fix: ['Try without the proxy, if there is one. If it still fails, please report it with the RequestId.'],
  },
  {
    codes: ['SignatureNonceUsed'],
    says: 'Specified signature nonce was used already.',
    fault: 'STS has seen this request before',
    cause:
      'Each attempt has a new nonce, so something on the way to STS sends requests twice, such as a proxy that retries.',
    fix: ['Run the job again. If it happens again, check the proxy.'],
  },
  {
    codes: ['Throttling', 'Throttling.User', 'Throttling.Api', 'Throttling.*'],
    says: 'Request was denied due to request throttling.',
    fault: 'STS is throttling this account',
    cause:
      'STS allows 100 AssumeRole calls a second for the whole account. All jobs, tools and services of the account share them.',
    fix: [
      'Run the job again. If it happens again, start fewer jobs at the same moment (a matrix with `max-parallel`, schedules that are not all on the hour), or raise `retry-max-attempts` and `timeout-seconds`.',
    ],
  },
  {
    codes: ['InternalError', 'ServiceUnavailable'],
    says: 'The request processing has failed due to some unknown error.',
    fault: 'STS has an internal error',
    cause: 'The problem is on the side of Alibaba Cloud, and usually short.',
    fix: [
      "Run the job again. If it still fails, check Alibaba Cloud's status page (status.alibabacloud.com), try the endpoint of another region with `sts-endpoint`, or raise `retry-max-attempts` and `timeout-seconds`.",
    ],
  },
  {
    codes: ['InvalidProtocol.NeedSsl'],
    says: 'Your request is denied as lack of ssl protect.',
    fault: 'the request reached STS without TLS',
    cause:
      'The request reached STS over plain HTTP: the endpoint is wrong, or something on the way removes TLS.',
    fix: ['Omit `sts-endpoint`, or set it to a host of STS such as `sts.cn-hangzhou.aliyuncs.com`.'],
    here: endpointUsed,
  },
  {
    codes: ['InvalidApi.NotFound', 'InvalidProduct.NotFound'],
    says: 'Specified api is not found, please check your url and method.',
    fault: 'the endpoint is not one of STS',
    cause: 'A service of Alibaba Cloud answered, but not STS.',
    fix: ['Omit `sts-endpoint`, or set it to a host of STS such as `sts.cn-hangzhou.aliyuncs.com`.'],
    here: endpointUsed,
  },
]
