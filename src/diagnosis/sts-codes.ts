/**
 * What each answer of STS means and what to do about it: one table, for the step's error messages and for the troubleshooting page.
 * The codes are those of STS's error documentation (2015-04-01) and of RAM's pages about OIDC.
 */
import type { Inputs } from '../inputs/inputs.js'
import type { StsError } from '../sts/sts-error.js'
import { say, type Prose } from '../text/prose.js'

/** What is known where STS refuses. */
export interface Facts {
  readonly error: StsError
  readonly inputs: Inputs
  /** The role that was asked for; undefined where none was. */
  readonly roleArn: string | undefined
  /** Seconds that role-duration-seconds asks for; undefined for the earlier roles of a chain, which it does not concern. */
  readonly durationSeconds: number | undefined
  /** Who asked STS: the OIDC token, the key of the source, or the session of the role before. */
  readonly caller: 'oidc-token' | 'key' | 'session'
}

/**
 * What is shown beside cause and fix.
 *
 * - `trust`: the token's claims, and the trust policy that would let it in
 * - `provider`: the token's claims, and what the OIDC provider in RAM has to hold
 * - `both-sides`: the caller's policy and the role's trust policy
 * - `new-user`: the same for a RAM user who is still to be made
 */
export type Attachment = 'trust' | 'provider' | 'both-sides' | 'new-user'

export interface StsAnswer {
  /** As STS writes them; `.*` at the end stands for the rest of a family. */
  readonly codes: readonly string[]
  /** Tells apart what STS answers with the same code. */
  readonly words?: RegExp
  /** What STS is known to say with it. */
  readonly says?: string
  /** Completes "STS refused: ..." in a few words. */
  readonly fault: string
  /** Our own words, with `code` between backticks. */
  readonly cause: string
  readonly fix: readonly string[]
  /** The cause with the values at hand. */
  readonly here?: (facts: Facts) => readonly Prose[]
  readonly attachment?: Attachment
}

const ROOT_WORDS = 'Roles may not be assumed by root accounts.'

export const STS_ANSWERS: readonly StsAnswer[] = [
  {
    codes: ['AuthenticationFail.NoPermission'],
    words: /no such oidc provider/i,
    says: 'No such OIDC Provider registered.',
    fault: 'there is no such OIDC provider',
    cause:
      'RAM knows no OIDC provider of the ARN in `oidc-provider-arn`. STS has not looked at the token, nor at the role.',
    fix: [
      'Compare `oidc-provider-arn` with the ARN in the RAM console (SSO management, role-based SSO, OIDC): account ID, name, upper and lower case.',
      "Where there is no provider yet, create one, with the token's issuer as issuer URL and its audience as client ID.",
    ],
    here: ({ inputs: { source } }) =>
      source.kind === 'oidc' ? [say`\`oidc-provider-arn\` is ${source.providerArn}.`] : [],
    attachment: 'provider',
  },
  {
    codes: ['AuthenticationFail.NoPermission'],
    says: 'There is no permission',
    fault: 'its trust policy does not let this OIDC token in',
    cause:
      "RAM knows the provider and accepts the token's signature, issuer and audience. It is the role's trust policy that does not match: its `Principal.Federated`, or one of its conditions on `oidc:iss`, `oidc:aud` and `oidc:sub`.",
    fix: [
      "Compare the role's trust policy (RAM console, Identities, Roles, Trust policy) with the token's claims letter by letter, `oidc:sub` first. Or take the policy that the step prints: it fits the token.",
    ],
    attachment: 'trust',
  },
  {
    codes: ['AuthenticationFail.OIDCToken.AudienceNotMatch'],
    says: 'Invalid audience.',
    fault: 'the OIDC provider does not know the audience of the token',
    cause:
      "The token's audience (`aud`) is not among the client IDs of the OIDC provider in RAM. No trust policy can mend that.",
    fix: [
      'Add the audience to the client IDs of the provider (RAM console, SSO management, OIDC), or set `audience` to a client ID that it has. Both are compared letter by letter.',
    ],
    here: ({ inputs: { source } }) =>
      source.kind !== 'oidc'
        ? []
        : source.tokenFile === undefined
          ? [say`\`audience\` is ${source.audience}.`]
          : [
              say`The token was read from ${source.tokenFile}: its audience is chosen by whoever writes that file, and \`audience\` has no say.`,
            ],
    attachment: 'provider',
  },
  {
    codes: ['AuthenticationFail.OIDCToken.IssuerNotMatch'],
    fault: 'the token comes from another issuer than the OIDC provider has',
    cause:
      "The token's issuer (`iss`) is not the issuer URL of the OIDC provider in RAM. No trust policy can mend that.",
    fix: [
      'Create a provider with exactly this issuer URL (no slash at the end) and give its ARN in `oidc-provider-arn`. The issuer URL of an existing provider cannot be changed.',
    ],
    attachment: 'provider',
  },
  {
    codes: ['AuthenticationFail.OIDCToken.Expired'],
    says: 'This JsonWebToken is expired.',
    fault: 'the OIDC token has expired',
    cause:
      'The token was too old when STS looked at it, and so was a newly fetched one where there was an attempt left for it.',
    fix: [
      'With `oidc-token-file`: let whatever writes the file keep it fresh; the file is read again at each attempt.',
      "Otherwise look at the clocks of the issuer's host (GitHub Enterprise Server): a clock that is behind issues tokens that are old at birth.",
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
      'With `oidc-token-file`: see that the file holds the whole JWT and nothing else. Otherwise a proxy may have changed the request.',
    ],
    attachment: 'provider',
  },
  {
    codes: ['AuthenticationFail.OIDCToken.InvalidSignature'],
    fault: "the OIDC token's signature does not match its issuer's keys",
    cause:
      'The token was signed by another key than the issuer publishes. Either the issuer has just changed its keys, or the token is not its.',
    fix: [
      "Run the job again after some minutes. If it stays so, compare the token's issuer with the OIDC provider's issuer URL, and see that the keys under its `/.well-known/openid-configuration` can be read from the internet.",
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
      "RAM fetched the issuer's keys and met a certificate chain whose fingerprint is not among the provider's.",
    fix: [
      'Print the fingerprint of the root CA with the command in docs/setup-at-scale.md, Fingerprints; it works behind a proxy too. The button Get Fingerprint in the RAM console may give that of an intermediate CA.',
      'Add it to the provider, which holds up to five: `aliyun ims AddFingerprintToOIDCProvider --OIDCProviderName <provider> --Fingerprint <fingerprint>`.',
      'Do not store that of an intermediate CA: GitHub changed its intermediate on 2026-05-13, and providers that held it stopped working.',
    ],
    attachment: 'provider',
  },
  {
    codes: ['AuthenticationFail.OIDCToken.IssuerConfigurationBroken'],
    says: 'Get public keys from OIDC Provider failed',
    fault: "RAM cannot fetch the issuer's keys",
    cause:
      "RAM asks the issuer's `/.well-known/openid-configuration` and the keys that it names, over the internet, and got no usable answer.",
    fix: [
      'For github.com: look at githubstatus.com and run the job again.',
      'For an issuer of your own (GitHub Enterprise Server, Kubernetes): both addresses must be reachable from the internet without a login, over TLS with a public CA.',
    ],
    attachment: 'provider',
  },
  {
    codes: ['AuthenticationFail.OIDCToken.*', 'AuthenticationFail.*'],
    fault: 'STS does not accept the OIDC token',
    cause:
      'Something about the token or its OIDC provider in RAM is not as STS expects it; its own words say what.',
    fix: ["Compare the provider's issuer URL, client IDs and fingerprints with the token's claims."],
    attachment: 'provider',
  },
  {
    codes: ['NoPermission'],
    words: /root accounts?/i,
    says: ROOT_WORDS,
    fault: "the access key is the root account's, which may not assume roles",
    cause:
      'The key belongs to the Alibaba Cloud account itself. Only RAM users and roles may assume a role, whatever the policies say.',
    fix: [
      "Create a RAM user for the CI, let it assume this role (the step prints the policy), and use its access key. Then delete the root account's key: it opens everything in the account.",
    ],
    attachment: 'new-user',
  },
  {
    codes: ['NoPermission'],
    words: /should be authorized by RAM/i,
    says: 'You are not authorized to do this action. You should be authorized by RAM.',
    fault: 'the caller is not allowed to assume it',
    cause:
      "The caller's own policies do not allow `sts:AssumeRole` on this role. (Where they do, for example by the system policy `AliyunSTSAssumeRoleAccess`, the role's trust policy does not name the caller.)",
    fix: [
      "Attach a policy that allows it to the caller, and see that the role's trust policy names the caller: both sides have to agree.",
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
      'Compare both sides with the policies that the step prints. Where the trust policy has conditions (`sts:ExternalId`, source addresses), they must hold too.',
    ],
    attachment: 'both-sides',
  },
  {
    codes: ['EntityNotExist.Role'],
    says: 'The specified Role not exists.',
    fault: 'there is no such role',
    cause: 'RAM knows no role of the ARN in `role-to-assume`.',
    fix: [
      'Compare it with the ARN in the RAM console (Identities, Roles): account ID, name, upper and lower case.',
    ],
  },
  {
    codes: ['EntityNotExist.*'],
    says: 'The specified ... not exists.',
    fault: 'something that the request names does not exist',
    cause: 'RAM does not know what the request names; its own words say what.',
    fix: ['Compare `role-to-assume` and `oidc-provider-arn` with the ARNs in the RAM console.'],
  },
  {
    codes: ['InvalidParameter.DurationSeconds'],
    says: 'The Min/Max value of DurationSeconds is 15min/1hr.',
    fault: 'the role does not allow a session this long',
    cause:
      "A session lasts from 900 seconds to the role's MaxSessionDuration, which is 3600 seconds unless someone has raised it (43200 at most).",
    fix: [
      'Ask for less with `role-duration-seconds`, or raise the maximum of the role: in the RAM console, or with `aliyun ram UpdateRole --RoleName <role> --NewMaxSessionDuration <seconds>`.',
    ],
    here: ({ durationSeconds, roleArn }) =>
      durationSeconds === undefined || roleArn === undefined
        ? []
        : [
            say`\`role-duration-seconds\` is ${durationSeconds}; the MaxSessionDuration of ${roleArn} is what limits it.`,
          ],
  },
  {
    codes: ['InvalidParameter.RoleArn'],
    says: 'The parameter RoleArn is wrongly formed.',
    fault: 'the ARN of the role is malformed',
    cause:
      'An ARN of a role is `acs:ram::<account ID>:role/<role name>`, the name of 1 to 64 letters, digits, dots and hyphens.',
    fix: ['Copy the ARN from the RAM console into `role-to-assume`.'],
    here: ({ roleArn }) => (roleArn === undefined ? [] : [say`\`role-to-assume\` holds ${roleArn}.`]),
  },
  {
    codes: ['InvalidParameter.RoleSessionName'],
    says: 'The parameter RoleSessionName is wrongly formed.',
    fault: "the session's name is malformed",
    cause: "A session's name is 2 to 64 letters, digits and `.` `@` `_` `-`.",
    fix: ['Change `role-session-name`, or leave it out.'],
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
    fault: 'the source identity is malformed, or not the one that the session has already',
    cause:
      'A source identity is 2 to 64 letters, digits and `_` `+` `=` `,` `.` `@` `-`, and does not begin with `acs:`, `aliyun:` or `alibabacloud:`. It cannot be changed once a session has one.',
    fix: ['Change `source-identity`, or leave it out where the caller is a session that has one.'],
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
    cause: 'STS takes a session policy of 2048 bytes at most. The step sends it without white space.',
    fix: [
      "Shorten `inline-session-policy` (patterns with `*` in place of lists), or put the rule into the role's own policies.",
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
    cause: 'A value that the step sent is not in the form that STS asks for; its own words say which.',
    fix: [
      'Correct the input of that name. If none of the inputs is at fault, please report it with the RequestId.',
    ],
  },
  {
    codes: ['InvalidAccessKeyId.NotFound'],
    says: 'Specified access key is not found.',
    fault: 'Alibaba Cloud does not know the access key ID',
    cause: 'The key was deleted, was pasted wrongly, or is no access key ID of Alibaba Cloud at all.',
    fix: [
      'Compare the ID with the RAM console (the user, AccessKey), and set the secret of the repository or environment again: the ID in `access-key-id`, the secret in `access-key-secret`.',
    ],
    here: keyShape,
  },
  {
    codes: ['InvalidAccessKeyId.Inactive'],
    says: 'Specified access key is disabled.',
    fault: 'the access key is disabled',
    cause:
      'The key exists, but someone has disabled it, or Alibaba Cloud has, as it does with keys that were found in public.',
    fix: [
      'Ask why it was disabled. Then enable it in the RAM console, or better create a new key and put it in its place.',
    ],
    here: keyOrigin,
  },
  {
    codes: ['InvalidAccessKeyId.*'],
    fault: 'Alibaba Cloud does not accept the access key ID',
    cause: "Something about the access key's ID is not as STS expects it; its own words say what.",
    fix: ['Look at the key in the RAM console.'],
    here: keyShape,
  },
  {
    codes: ['SignatureDoesNotMatch'],
    says: 'Specified signature is not matched with our calculation.',
    fault: 'the access key secret does not belong to the access key ID',
    cause:
      'STS knows the ID, but the secret that signed the request is another one: of another key, cut off, or pasted wrongly.',
    fix: [
      'Set both again, from one and the same key. A secret that is lost cannot be read in RAM again: create a new key then.',
    ],
    here: keyShape,
  },
  {
    codes: ['MissingSecurityToken'],
    says: 'SecurityToken is mandatory for this action.',
    fault: 'the key is a temporary one, and its security token is missing',
    cause:
      'A key whose ID begins with `STS.` works only together with the security token that it was issued with.',
    fix: ['Give all three parts of the key: `access-key-id`, `access-key-secret` and `security-token`.'],
    here: keyOrigin,
  },
  {
    codes: ['InvalidSecurityToken.Expired'],
    says: 'Specified SecurityToken is expired.',
    fault: 'the session that the key belongs to has ended',
    cause:
      'The temporary key is past its expiry. A temporary key that is kept as a secret of a repository stops working like this after hours.',
    fix: [
      'Use a new session: run the step that makes it again, or let this step make it, from an OIDC token or the access key of a RAM user.',
    ],
    here: keyOrigin,
  },
  {
    codes: ['InvalidSecurityToken.MismatchWithAccessKey'],
    says: 'Specified SecurityToken mismatch with the AccessKey.',
    fault: 'the security token belongs to another key',
    cause:
      'The ID and the token come from two different sessions, or a token was given with a key that has none.',
    fix: [
      'Give the three parts of one key, or leave `security-token` out where the key is a long-lived one.',
    ],
    here: keyOrigin,
  },
  {
    codes: ['InvalidSecurityToken.Malformed', 'InvalidSecurityToken.*'],
    says: 'Specified SecurityToken is malformed.',
    fault: 'the security token is malformed',
    cause: 'The token is cut off, was pasted with something else, or is no security token of Alibaba Cloud.',
    fix: ['Give the whole token as STS issued it. It is several hundred characters long, on one line.'],
    here: keyOrigin,
  },
  {
    codes: ['InvalidTimeStamp.Expired'],
    says: 'Specified time stamp or date value is expired.',
    fault: "this machine's clock is wrong",
    cause: 'STS takes requests whose time is within 15 minutes of its own.',
    fix: [
      'Set the clock of the runner (`timedatectl set-ntp true` on Linux; virtual machines that were paused often lag).',
    ],
    here: ({ error: { clockSkewMs } }) =>
      clockSkewMs === undefined
        ? []
        : [say`By the time of its answer this machine's clock is ${clockOff(clockSkewMs)}.`],
  },
  {
    codes: ['InvalidTimeStamp.Format', 'InvalidTimeStamp.*'],
    says: 'Specified time stamp or date value is not well formatted.',
    fault: 'STS cannot read the time of the request',
    cause:
      'The step writes the time itself, so either something between here and STS changes requests, or the step is at fault.',
    fix: ['Try without the proxy, if there is one. If it stays so, please report it with the RequestId.'],
  },
  {
    codes: ['SignatureNonceUsed'],
    says: 'Specified signature nonce was used already.',
    fault: 'STS has seen this very request before',
    cause:
      'Each attempt carries a new nonce, so something between here and STS sends requests twice (a proxy that tries again by itself).',
    fix: ['Run the job again. If it comes back, look at the proxy.'],
  },
  {
    codes: ['Throttling', 'Throttling.User', 'Throttling.Api', 'Throttling.*'],
    says: 'Request was denied due to request throttling.',
    fault: 'STS is throttling this account',
    cause:
      'STS answers 100 AssumeRole calls a second for the whole account; every job, tool and service of the account shares them.',
    fix: [
      'Run the job again. If it comes back, start fewer jobs at the same moment (a matrix with `max-parallel`, schedules that are not all on the hour), or raise `retry-max-attempts` and `timeout-seconds`.',
    ],
  },
  {
    codes: ['InternalError', 'ServiceUnavailable'],
    says: 'The request processing has failed due to some unknown error.',
    fault: 'STS has a fault of its own',
    cause: 'The fault is with Alibaba Cloud, and mostly a short one.',
    fix: [
      "Run the job again. If it stays so, look at Alibaba Cloud's status page (status.alibabacloud.com), try another endpoint with `region`, or raise `retry-max-attempts` and `timeout-seconds`.",
    ],
  },
  {
    codes: ['InvalidProtocol.NeedSsl'],
    says: 'Your request is denied as lack of ssl protect.',
    fault: 'STS was asked without TLS',
    cause:
      'The request reached STS over plain HTTP: the endpoint is wrong, or something on the way takes the TLS off.',
    fix: ['Leave `sts-endpoint` out, or give a host name of STS, such as `sts.cn-hangzhou.aliyuncs.com`.'],
    here: endpoint,
  },
  {
    codes: ['InvalidApi.NotFound', 'InvalidProduct.NotFound'],
    says: 'Specified api is not found, please check your url and method.',
    fault: 'the endpoint is not one of STS',
    cause: 'A service of Alibaba Cloud answered, but not STS.',
    fix: ['Leave `sts-endpoint` out, or give a host name of STS, such as `sts.cn-hangzhou.aliyuncs.com`.'],
    here: endpoint,
  },
]

/**
 * The row of an answer; undefined where STS says something that the table does not know.
 *
 * @param byRoot true where GetCallerIdentity has shown that a root account asked, whatever words STS found for its refusal
 */
export function stsAnswer(
  error: Pick<StsError, 'call' | 'code' | 'reason'>,
  byRoot: boolean,
): StsAnswer | undefined {
  const denied = error.code === 'NoPermission'
  // An OIDC token has no policies of its own: whatever denies it is the trust policy.
  const code = denied && error.call === 'AssumeRoleWithOIDC' ? 'AuthenticationFail.NoPermission' : error.code
  const words = denied && byRoot ? ROOT_WORDS : error.reason
  const inFamily = (known: string): boolean => known.endsWith('.*') && code.startsWith(known.slice(0, -1))
  return (
    STS_ANSWERS.find((answer) => answer.codes.includes(code) && (answer.words?.test(words) ?? true)) ??
    STS_ANSWERS.find((answer) => answer.codes.some(inFamily))
  )
}

/** "17 min 3 s behind", from the server's clock less ours. */
function clockOff(skewMs: number): string {
  const seconds = Math.round(Math.abs(skewMs) / 1000)
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const
  const shown = parts.filter(([amount]) => amount > 0).map(([amount, unit]) => `${amount} ${unit}`)
  return shown.length === 0 ? 'right' : `${shown.join(' ')} ${skewMs > 0 ? 'behind' : 'ahead'}`
}

/** Where the refused key came from. */
function keyOrigin({ inputs: { source }, caller }: Facts): Prose[] {
  if (caller !== 'key') return []
  switch (source.kind) {
    case 'oidc':
      return []
    case 'access-key':
      return [
        say`The key comes from the inputs \`access-key-id\` and \`access-key-secret\`${source.key.securityToken === undefined ? [''] : [', with a `security-token`']}.`,
      ]
    case 'environment':
      return [
        say`The key comes from the job's environment (\`ALIBABA_CLOUD_ACCESS_KEY_ID\` and its like), as \`credential-source\` asks: an earlier step or the runner's own settings put it there.`,
      ]
    case 'ecs-ram-role':
      return [say`The key comes from the metadata service of this ECS instance.`]
  }
}

/** The same, with what the key's form gives away; the key itself is never shown. */
function keyShape(facts: Facts): Prose[] {
  const { source } = facts.inputs
  if (facts.caller !== 'key' || !('key' in source)) return keyOrigin(facts)
  const { accessKeyId, accessKeySecret } = source.key
  const likeAnId = /^(LTAI|STS\.)/
  if (likeAnId.test(accessKeySecret) && !likeAnId.test(accessKeyId)) {
    return [
      ...keyOrigin(facts),
      say`The secret looks like an access key ID: the two seem to have been exchanged.`,
    ]
  }
  if (likeAnId.test(accessKeySecret))
    return [...keyOrigin(facts), say`The secret looks like an access key ID.`]
  if (!likeAnId.test(accessKeyId)) {
    return [
      ...keyOrigin(facts),
      say`The ID does not look like one of Alibaba Cloud's, which begin with \`LTAI\` (or \`STS.\` for a temporary key).`,
    ]
  }
  return keyOrigin(facts)
}

function endpoint({ error: { host }, inputs: { region } }: Facts): Prose[] {
  return [say`The endpoint is ${host}${region === undefined ? [''] : say`, and \`region\` is ${region}`}.`]
}
