/** Turns a failure of the step into what a person needs: the fault, what it means here, what to do, and a policy to paste where one helps. Pure. */
import { identityBehind, parseArn } from '../sts/arn.js'
import type { RunContext } from '../runner/run-context.js'
import type { Inputs } from '../inputs/inputs.js'
import { withoutSecrets } from '../secrecy/redact.js'
import { AssumeRoleError } from '../sts/role-chain.js'
import { OidcTokenError } from '../identity/oidc-token.js'
import type { CallerIdentity } from '../sts/answers.js'
import { StsError, type AccessDeniedDetail } from '../sts/sts-error.js'
import { TransportError } from '../net/transport-error.js'
import { RetriesExhaustedError } from '../net/retry.js'
import {
  fencedText,
  heading,
  json,
  list,
  markdown,
  type Markdown,
  paragraph,
  plainLines,
  plainText,
  text,
  type Block,
} from '../text/document.js'
import { say, type Prose } from '../text/prose.js'
import { explainNoToken } from './no-token.js'
import { claimFields, likelyMismatches, safeClaims, widenings, type SafeClaims } from './oidc-subject.js'
import { permissionToAssume, trustOfCaller, trustOfOidcToken } from './policies.js'
import { stsAnswer, type Attachment, type Facts, type StsAnswer } from './sts-codes.js'
import { explainTransport } from './transport-faults.js'

/** What is known about the run that failed. */
export interface Situation {
  readonly inputs: Inputs
  readonly run: RunContext
  /** The parsed JSON of GITHUB_EVENT_PATH. */
  readonly event: unknown
  /** The OIDC token last used, for its safe claims; undefined where none was had. */
  readonly oidcToken: string | undefined
  /** GetCallerIdentity of the key that was refused, where that worked. */
  readonly caller: CallerIdentity | undefined
}

export interface Explanation {
  /** For the log: plain text of several lines, of which the first is the whole fault in one sentence. */
  readonly message: string
  /** For the job summary: Markdown, with policies in fenced blocks. */
  readonly summary: Markdown
}

/** A fault in a few words, and what stands below it. */
interface Diagnosis {
  readonly fault: Prose
  readonly blocks: readonly Block[]
}

/** @param failure whatever the step threw; what is not known here keeps its own message */
export function explain(failure: unknown, situation: Situation): Explanation {
  const notAssumed = failure instanceof AssumeRoleError ? failure : undefined
  const inner = notAssumed === undefined ? failure : notAssumed.cause
  const gaveUp = inner instanceof RetriesExhaustedError ? inner : undefined
  const cause = gaveUp === undefined ? inner : gaveUp.cause

  const told = tell(cause, notAssumed, situation)
  if (told === undefined && failure === cause) return plain(messageOf(failure), situation)
  const { fault, blocks } = told ?? { fault: say`${messageOf(cause).replace(/\.$/, '')}`, blocks: [] }
  const title = say`${opening(notAssumed)}${fault}${gaveUp === undefined ? [] : say`, after ${attemptsMade(gaveUp)}`}.`
  const all = [
    ...(gaveUp === undefined ? [] : [paragraph(retriesSpent(gaveUp, situation.inputs))]),
    ...blocks,
    ...hiddenAccounts(blocks, situation.inputs),
  ]
  return clean({ message: plainText(title, all), summary: markdown(title, all) }, situation, notAssumed)
}

/** Whether asking GetCallerIdentity with the refused key would make the explanation better. */
export function wantsCaller(failure: unknown): boolean {
  if (
    !(failure instanceof AssumeRoleError) ||
    failure.caller === undefined ||
    failure.caller.arn !== undefined
  )
    return false
  const { cause } = failure
  return cause instanceof StsError && cause.code === 'NoPermission'
}

/** Undefined where nothing is known about such a cause. */
function tell(
  cause: unknown,
  notAssumed: AssumeRoleError | undefined,
  situation: Situation,
): Diagnosis | undefined {
  if (cause instanceof StsError) return tellStsError(cause, notAssumed, situation)
  if (cause instanceof OidcTokenError) return explainNoToken(cause, situation.run, situation.event)
  if (cause instanceof TransportError) return explainTransport(cause, situation.inputs)
  return undefined
}

/** An error that explains itself: its message as it is, but for what a log or a summary would take for something else. */
function plain(message: string, situation: Situation): Explanation {
  return clean({ message: plainLines(message), summary: fencedText(message) }, situation, undefined)
}

function opening(notAssumed: AssumeRoleError | undefined): Prose {
  if (notAssumed === undefined) return say`Could not get credentials: `
  const { roleArn, position, roles } = notAssumed
  return roles === 1
    ? say`Could not assume ${roleArn}: `
    : say`Could not assume role ${position} of ${roles}, ${roleArn}: `
}

const attemptsMade = ({ attempts, elapsedMs }: RetriesExhaustedError): Prose =>
  attempts === 1
    ? say`1 attempt in ${seconds(elapsedMs)}`
    : say`${attempts} attempts in ${seconds(elapsedMs)}`

function retriesSpent({ call, because }: RetriesExhaustedError, inputs: Inputs): Prose {
  return because === 'attempts'
    ? say`${call} was tried as often as \`retry-max-attempts\` allows (${inputs.maxAttempts}). Of the last attempt:`
    : say`\`timeout-seconds\` (${inputs.timeoutSeconds} for the whole step) left no time for another attempt at ${call}. Of the last one:`
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

function tellStsError(
  error: StsError,
  notAssumed: AssumeRoleError | undefined,
  situation: Situation,
): Diagnosis {
  const callerArn = notAssumed?.caller?.arn ?? situation.caller?.arn
  const answer = stsAnswer(error, callerArn !== undefined && parseArn(callerArn)?.type === 'root')
  const facts: Facts = {
    error,
    inputs: situation.inputs,
    roleArn: notAssumed?.roleArn,
    durationSeconds:
      notAssumed?.position === notAssumed?.roles ? situation.inputs.session.durationSeconds : undefined,
    caller:
      error.call === 'AssumeRoleWithOIDC'
        ? 'oidc-token'
        : (notAssumed?.position ?? 1) > 1
          ? 'session'
          : 'key',
  }
  const { evidence, cure } = attachment(answer?.attachment, error, notAssumed, situation)
  return {
    fault: say`${[answer === undefined ? 'STS refused' : answer.fault]} (${error.code})`,
    blocks: [
      paragraph(say`STS said: ${error.reason === '' ? ['nothing more'] : error.reason}`),
      heading('What it means'),
      ...(answer === undefined
        ? [paragraph(["This code is not one that the step knows; STS's own words above are all there is."])]
        : meaning(answer, facts)),
      ...deniedDetail(error.accessDeniedDetail),
      ...evidence,
      ...(answer === undefined ? [] : [heading('What to do'), ...remedy(answer)]),
      ...cure,
      heading('Details'),
      { kind: 'fields', fields: details(error, facts, notAssumed, callerArn) },
      ...diagnosticMessage(error.accessDeniedDetail),
    ],
  }
}

function meaning(answer: StsAnswer, facts: Facts): Block[] {
  return [[answer.cause], ...(answer.here?.(facts) ?? [])].map(paragraph)
}

function remedy({ fix }: StsAnswer): Block[] {
  const [only, ...more] = fix
  return more.length === 0 && only !== undefined
    ? [paragraph([only])]
    : list(fix.map((sentence) => [sentence]))
}

/** Call, caller, RequestId and the page about this very error. */
function details(
  { call, host, status, requestId, recommend }: StsError,
  { caller, inputs }: Facts,
  notAssumed: AssumeRoleError | undefined,
  callerArn: string | undefined,
): [string, string][] {
  const before = caller === 'session' ? `the session of role ${(notAssumed?.position ?? 2) - 1}` : undefined
  const whose = caller === 'oidc-token' ? 'the OIDC token' : (before ?? KEY_NAMES[inputs.source.kind])
  const fields: [string, string | undefined][] = [
    ['Call', `${call} at ${host}, status ${status}`],
    ['Asked by', callerArn === undefined ? whose : `${callerArn} (${whose})`],
    ['RequestId', requestId],
    ['About it', recommend],
  ]
  return fields.flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] satisfies [string, string]],
  )
}

const KEY_NAMES = {
  oidc: 'the OIDC token',
  'access-key': 'the access key',
  environment: "the environment's key",
  'ecs-ram-role': "the instance's RAM role",
} as const

/** RAM's policy types and principal types in words (RAM's documentation, "Troubleshoot access denied errors"). */
const POLICY_TYPES: Readonly<Record<string, string>> = {
  AccountLevelIdentityBasedPolicy: "the caller's own policies",
  ResourceGroupLevelIdentityBasedPolicy: "the caller's own policies in the resource group",
  AssumeRolePolicy: "the role's trust policy",
  SessionPolicy: "the policy of the caller's session",
  ControlPolicy: 'a control policy of the resource directory',
}
const PRINCIPAL_TYPES: Readonly<Record<string, string>> = {
  SubUser: 'the RAM user',
  AssumedRoleUser: 'the session',
  Account: 'the root account',
  RootUser: 'the root account',
}

function deniedDetail(detail: AccessDeniedDetail | undefined): Block[] {
  if (detail === undefined) return []
  const {
    authAction,
    authPrincipalType: type,
    authPrincipalOwnerId: owner,
    authPrincipalDisplayName: name,
    noPermissionType,
    policyType,
  } = detail
  const known = (table: Readonly<Record<string, string>>, key: string): Prose => [
    Object.hasOwn(table, key) ? (table[key] ?? key) : { value: key },
  ]
  const who = [
    ...(type === undefined ? [] : [say` to ${known(PRINCIPAL_TYPES, type)}`]),
    ...(name === undefined ? [] : [say` ${name}`]),
    ...(owner === undefined ? [] : [say` of the account ${owner}`]),
  ].flat()
  const where = policyType === undefined ? [] : known(POLICY_TYPES, policyType)
  const why =
    noPermissionType === 'ExplicitDeny'
      ? say`: a statement with \`Deny\` forbids it${where.length === 0 ? [] : say` in ${where}`}. No \`Allow\` helps against it; the \`Deny\` has to be removed or narrowed.`
      : noPermissionType === 'ImplicitDeny'
        ? say`: nothing allows it${where.length === 0 ? [] : say` in ${where}`}.`
        : say`${where.length === 0 ? [] : say` by ${where}`}.`
  return [paragraph(say`RAM adds: ${authAction ?? ['the action']} was denied${who}${why}`)]
}

function diagnosticMessage(detail: AccessDeniedDetail | undefined): Block[] {
  if (detail?.encodedDiagnosticMessage === undefined) return []
  return [
    paragraph(
      say`Whoever may call \`ram:DecodeDiagnosticMessage\` can learn which policy it was: \`aliyun ram DecodeDiagnosticMessage --EncodedDiagnosticMessage ...\` with`,
    ),
    text(detail.encodedDiagnosticMessage),
  ]
}

/** What stands before "What to do", and what belongs to it. */
interface Shown {
  readonly evidence: readonly Block[]
  readonly cure: readonly Block[]
}

function attachment(
  kind: Attachment | undefined,
  error: StsError,
  notAssumed: AssumeRoleError | undefined,
  situation: Situation,
): Shown {
  const { inputs, oidcToken } = situation
  switch (kind) {
    case undefined:
      return { evidence: [], cure: [] }
    case 'both-sides':
    case 'new-user':
      return {
        evidence: [],
        cure: notAssumed === undefined ? [] : bothSides(error, notAssumed, situation, kind === 'new-user'),
      }
    case 'trust':
    case 'provider': {
      const claims = oidcToken === undefined ? undefined : safeClaims(oidcToken)
      if (claims === undefined)
        return {
          evidence: [paragraph(say`The token cannot be read, so its claims cannot be shown.`)],
          cure: [],
        }
      const evidence = [heading('The token says'), { kind: 'fields', fields: claimFields(claims) } as const]
      if (kind === 'provider') return { evidence, cure: providerSettings(claims) }
      if (inputs.source.kind !== 'oidc' || notAssumed === undefined) return { evidence, cure: [] }
      const { providerArn } = inputs.source
      return {
        evidence: [
          ...evidence,
          heading('Where it most likely differs from the trust policy, the likeliest first'),
          ...list(likelyMismatches(claims, providerArn, notAssumed.roleArn)),
        ],
        cure: trust(claims, providerArn, notAssumed.roleArn),
      }
    }
  }
}

function providerSettings({ issuer, audiences }: SafeClaims): Block[] {
  if (issuer === undefined || audiences.length === 0) return []
  return [
    heading('For this token the OIDC provider in RAM needs'),
    {
      kind: 'fields',
      fields: [
        ['Issuer URL', issuer],
        ['Client ID', audiences.join(', ')],
        [
          'Fingerprint',
          `that of the root CA of ${URL.canParse(issuer) ? new URL(issuer).host : 'the issuer'}`,
        ],
      ],
    },
  ]
}

function trust({ issuer, subject, audiences }: SafeClaims, providerArn: string, roleArn: string): Block[] {
  if (issuer === undefined || subject === undefined || audiences.length === 0) {
    return [
      paragraph(
        say`A trust policy needs \`iss\`, \`sub\` and \`aud\`, and the token does not have them all.`,
      ),
    ]
  }
  return [
    paragraph(
      say`This trust policy of ${roleArn} lets in exactly this subject. Where the role has one already, add the statement to it:`,
    ),
    json(trustOfOidcToken(providerArn, { issuer, audiences, subject })),
    paragraph(
      say`To let in more than this subject, move \`oidc:sub\` from \`StringEquals\` to a \`StringLike\` beside it, with a pattern:`,
    ),
    ...list(widenings(subject)),
  ]
}

function bothSides(
  error: StsError,
  { roleArn, roles, position, caller }: AssumeRoleError,
  { caller: identified, inputs }: Situation,
  newUser: boolean,
): Block[] {
  const arn = caller?.arn ?? identified?.arn
  const named = arn === undefined || newUser ? undefined : identityBehind(arn)
  const owner = error.accessDeniedDetail?.authPrincipalOwnerId
  const known =
    (arn === undefined ? undefined : parseArn(arn)?.accountId) ??
    (/^\d+$/.test(owner ?? '') ? owner : undefined)
  // A guess where nothing is known: most roles are assumed from within their account.
  const account = known ?? parseArn(roleArn)?.accountId ?? ''
  const terms = {
    setsSourceIdentity: error.accessDeniedDetail?.authAction === 'sts:SetSourceIdentity',
    externalId: position === roles ? inputs.session.externalId : undefined,
  }
  const subject = named ?? [newUser ? 'the new RAM user' : 'the RAM user or role whose key this is']
  const admitted = named ?? say`everyone in the account ${account} who has the first policy`
  return [
    paragraph(say`1. The caller's side. Attach this policy to ${subject}:`),
    json(permissionToAssume(roleArn, terms)),
    paragraph(
      say`2. The role's side. This trust policy of ${roleArn} lets in ${admitted}. Where the role has one already, add the statement to it:`,
    ),
    json(trustOfCaller(named ?? `acs:ram::${account}:root`, terms)),
  ]
}

/** With the account masked, a policy in the log cannot be pasted as it is. */
function hiddenAccounts(blocks: readonly Block[], { maskAccountId }: Inputs): Block[] {
  if (!maskAccountId || !blocks.some((block) => block.kind === 'code' && block.language === 'json')) return []
  return [paragraph(say`\`mask-account-id\` is on: where the policy shows \`***\`, write the account ID.`)]
}

/** The last line of defence. Nothing above prints a secret, but a message of an unknown error might. */
function clean(
  { message, summary }: Explanation,
  { inputs, oidcToken }: Situation,
  notAssumed: AssumeRoleError | undefined,
): Explanation {
  const keys = [notAssumed?.caller?.key, 'key' in inputs.source ? inputs.source.key : undefined]
  const secrets = [
    oidcToken,
    ...keys.flatMap((key) =>
      key === undefined ? [] : [key.accessKeyId, key.accessKeySecret, key.securityToken],
    ),
  ]
  return { message: withoutSecrets(message, secrets), summary: withoutSecrets(summary, secrets) as Markdown }
}

function messageOf(failure: unknown): string {
  if (failure instanceof Error) return failure.message
  // Whatever else was thrown is not opened: there is no telling what it holds.
  return typeof failure === 'string'
    ? failure
    : `an unexpected ${failure === null ? 'null' : typeof failure} was thrown`
}
