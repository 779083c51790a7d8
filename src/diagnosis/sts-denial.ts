/** What an answer of STS that says no means here, and what would change it. */
import { sourceLabel } from '../identity/labels.js'
import { identityBehind, parseArn } from '../sts/arn.js'
import type { AssumeRoleError } from '../sts/role-chain.js'
import type { AccessDeniedDetail, StsError } from '../sts/sts-error.js'
import { commands, fields, heading, json, list, paragraph, type Block, type Field } from '../text/document.js'
import { say, type Prose } from '../text/prose.js'
import type { Diagnosis, Situation } from './diagnosis.js'
import type { Facts } from './facts.js'
import { fingerprintCommands } from './fingerprint.js'
import { claimFields, likelyMismatches, safeClaims, widenings, type SafeClaims } from './oidc-subject.js'
import { permissionToAssume, trustOfCaller, trustOfOidcToken } from './policies.js'
import { anchorOf, stsAnswer } from './sts-answer.js'
import type { Attachment } from './sts-codes.js'

/** @param notAssumed which role of the chain was refused; undefined if no role was asked for */
export function explainStsError(
  error: StsError,
  notAssumed: AssumeRoleError | undefined,
  situation: Situation,
): Diagnosis {
  const callerArn = notAssumed?.caller?.arn ?? situation.caller?.arn
  const answer = stsAnswer(error, callerArn !== undefined && parseArn(callerArn)?.type === 'root')
  const facts = factsOf(error, notAssumed, situation)
  const detail = error.accessDeniedDetail
  const common = {
    code: error.code,
    said: say`STS said: ${error.reason === '' ? ['nothing more'] : error.reason}`,
    details: details(facts, notAssumed, callerArn),
  }
  const attachments = [
    ...attachmentsFor(answer?.attachment, error, notAssumed, situation),
    ...decodingCommand(detail),
  ]
  if (answer === undefined) {
    return {
      ...common,
      fault: ['STS refused'],
      todo: [],
      means: [
        paragraph(["This step does not know the code; STS's own words are all there is."]),
        ...accessDenied(detail),
      ],
      attachments,
      anchor: 'the-codes-of-sts',
    }
  }
  return {
    ...common,
    fault: [answer.fault],
    todo: list(answer.fix.map((sentence) => [sentence])),
    means: [...[[answer.cause], ...(answer.here?.(facts) ?? [])].map(paragraph), ...accessDenied(detail)],
    attachments,
    anchor: anchorOf(error.code, answer),
  }
}

function factsOf(error: StsError, notAssumed: AssumeRoleError | undefined, { inputs }: Situation): Facts {
  const isLast = notAssumed?.position === notAssumed?.roles
  return {
    error,
    inputs,
    roleArn: notAssumed?.roleArn,
    durationSeconds: isLast ? inputs.session.durationSeconds : undefined,
    caller:
      error.call === 'AssumeRoleWithOIDC'
        ? 'oidc-token'
        : (notAssumed?.position ?? 1) > 1
          ? 'session'
          : 'key',
  }
}

/** Who called, what, the RequestId, and Alibaba Cloud's page about this very error. */
function details(
  { caller, inputs, error: { call, host, status, requestId, recommend } }: Facts,
  notAssumed: AssumeRoleError | undefined,
  callerArn: string | undefined,
): Field[] {
  const whose =
    caller === 'session'
      ? say`the session of role ${(notAssumed?.position ?? 2) - 1}`
      : sourceLabel(inputs.source)
  return [
    ['Caller', callerArn === undefined ? whose : say`${callerArn} (${whose})`],
    ['Call', say`${call} at ${host}, status ${status}`],
    ...(requestId === undefined ? [] : [['RequestId', say`${requestId}`] satisfies Field]),
    ...(recommend === undefined ? [] : [['Help', say`${recommend}`] satisfies Field]),
  ]
}

/**
 * RAM's policy types and principal types in words (RAM's documentation, "Troubleshoot access denied
 * errors").
 */
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

/** What STS writes, in our words if we have some. */
function inWords(table: Readonly<Record<string, string>>, key: string): Prose {
  const words = Object.hasOwn(table, key) ? table[key] : undefined
  return words === undefined ? say`${key}` : [words]
}

function accessDenied(detail: AccessDeniedDetail | undefined): Block[] {
  if (detail === undefined) return []
  const {
    authAction,
    authPrincipalType: type,
    authPrincipalOwnerId: owner,
    authPrincipalDisplayName: name,
    noPermissionType,
    policyType,
  } = detail
  const who = [
    ...(type === undefined ? [] : say` to ${inWords(PRINCIPAL_TYPES, type)}`),
    ...(name === undefined ? [] : say` ${name}`),
    ...(owner === undefined ? [] : say` of the account ${owner}`),
  ]
  const place = policyType === undefined ? undefined : inWords(POLICY_TYPES, policyType)
  const inPlace = place === undefined ? [] : say` in ${place}`
  const why =
    noPermissionType === 'ExplicitDeny'
      ? say`: a \`Deny\` statement forbids it${inPlace}. No \`Allow\` overrides it; remove or narrow the \`Deny\`.`
      : noPermissionType === 'ImplicitDeny'
        ? say`: nothing allows it${inPlace}.`
        : say`${place === undefined ? [] : say` by ${place}`}.`
  return [paragraph(say`RAM adds: ${authAction ?? ['the action']} was denied${who}${why}`)]
}

/** Base64, and no longer than what is shown of any value: a part of it cannot be decoded. */
const ENCODED = /^[A-Za-z0-9+/=_-]{1,2048}$/

function decodingCommand(detail: AccessDeniedDetail | undefined): Block[] {
  const encoded = detail?.encodedDiagnosticMessage
  if (encoded === undefined || !ENCODED.test(encoded)) return []
  return [
    paragraph(['To see which policy denied it, someone allowed to call `ram:DecodeDiagnosticMessage` runs:']),
    commands(`aliyun ram DecodeDiagnosticMessage --EncodedDiagnosticMessage '${encoded}'`),
  ]
}

function attachmentsFor(
  kind: Attachment | undefined,
  error: StsError,
  notAssumed: AssumeRoleError | undefined,
  situation: Situation,
): Block[] {
  const { inputs, oidcToken } = situation
  switch (kind) {
    case undefined:
      return []
    case 'both-sides':
    case 'new-user':
      return notAssumed === undefined ? [] : bothSides(error, notAssumed, situation, kind === 'new-user')
    case 'trust':
    case 'provider':
    case 'fingerprint': {
      const claims = oidcToken === undefined ? undefined : safeClaims(oidcToken)
      if (claims === undefined)
        return [paragraph(['The token cannot be read, so its claims cannot be shown.'])]
      const providerArn = inputs.source.kind === 'oidc' ? inputs.source.providerArn : undefined
      return [
        heading('The token says'),
        ...fields(claimFields(claims)),
        ...(kind === 'trust'
          ? trustPolicyFor(claims, providerArn, notAssumed?.roleArn, inputs.maskAccountId)
          : providerSettings(claims)),
        ...(kind === 'fingerprint' ? fingerprintCommands(claims.issuer, providerArn) : []),
      ]
    }
  }
}

function providerSettings({ issuer, audiences }: SafeClaims): Block[] {
  if (issuer === undefined || audiences.length === 0) return []
  const host = URL.canParse(issuer) ? say`${new URL(issuer).host}` : ['the issuer']
  return [
    heading('To accept this token, the OIDC provider in RAM needs'),
    ...fields([
      ['Issuer URL', say`${issuer}`],
      ['Client ID', say`${audiences.join(', ')}`],
      ['Fingerprint', say`that of the root CA of ${host}`],
    ]),
  ]
}

function trustPolicyFor(
  claims: SafeClaims,
  providerArn: string | undefined,
  roleArn: string | undefined,
  accountMasked: boolean,
): Block[] {
  if (providerArn === undefined || roleArn === undefined) return []
  const { issuer, subject, audiences } = claims
  const differences = [
    heading('Where it probably differs from the trust policy, the likeliest first'),
    ...list(likelyMismatches(claims, providerArn, roleArn)),
  ]
  if (issuer === undefined || subject === undefined || audiences.length === 0) {
    return [
      ...differences,
      paragraph(['A trust policy needs `iss`, `sub` and `aud`, and the token does not have them all.']),
    ]
  }
  return [
    ...differences,
    paragraph(
      say`This trust policy of ${roleArn} accepts exactly this subject. If the role already has one, add the statement to it:`,
    ),
    json(trustOfOidcToken(providerArn, { issuer, audiences, subject })),
    ...maskNote(accountMasked),
    paragraph([
      'To accept more than this subject, move `oidc:sub` from `StringEquals` to a `StringLike` beside it, with a pattern:',
    ]),
    ...list(widenings(subject, claims.repository)),
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
  // A guess if nothing is known: most roles are assumed from within their account.
  const account = known ?? parseArn(roleArn)?.accountId ?? ''
  const terms = {
    setsSourceIdentity: error.accessDeniedDetail?.authAction === 'sts:SetSourceIdentity',
    externalId: position === roles ? inputs.session.externalId : undefined,
  }
  const subject = named ?? [newUser ? 'the new RAM user' : 'the RAM user or role whose key this is']
  const accepted = named ?? say`everyone in the account ${account} who has the first policy`
  return [
    paragraph(say`1. The caller's side. Attach this policy to ${subject}:`),
    json(permissionToAssume(roleArn, terms)),
    paragraph(
      say`2. The role's side. This trust policy of ${roleArn} accepts ${accepted}. If the role already has one, add the statement to it:`,
    ),
    json(trustOfCaller(named ?? `acs:ram::${account}:root`, terms)),
    ...maskNote(inputs.maskAccountId),
  ]
}

/** With the account masked, a policy in the log cannot be pasted as it is. */
function maskNote(accountMasked: boolean): Block[] {
  return accountMasked
    ? [paragraph(['`mask-account-id` is on: replace `***` in the policy with the account ID.'])]
    : []
}
