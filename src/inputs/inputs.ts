/** The step's inputs: what a workflow wrote, checked whole, as data. Pure; every fault is found in one pass. */
import { OIDC_PROVIDER_ARN, ROLE_ARN } from '../sts/arn.js'
import type { AccessKey } from '../identity/credentials.js'
import { ActionError } from '../errors/action-error.js'
import { sanitisedSessionName } from './role-session-name.js'
import { withoutSecrets } from '../secrecy/redact.js'
import { chooseSource, CREDENTIAL_SOURCES, type CredentialSource } from '../identity/choose.js'
import { endpointOf } from '../sts/endpoint.js'

export const INPUT_NAMES = [
  'role-to-assume',
  'oidc-provider-arn',
  'audience',
  'oidc-token-file',
  'access-key-id',
  'access-key-secret',
  'security-token',
  'credential-source',
  'role-duration-seconds',
  'role-session-name',
  'role-external-id',
  'source-identity',
  'inline-session-policy',
  'region',
  'sts-endpoint',
  'allowed-account-ids',
  'retry-max-attempts',
  'timeout-seconds',
  'export-environment-variables',
  'export-for',
  'output-credentials',
  'mask-account-id',
  'profile',
  'set-current-profile',
  'cleanup',
  'role-session-expiration',
  'role-chaining',
] as const

export type InputName = (typeof INPUT_NAMES)[number]

/** Inputs whose value no message may show. */
export const SECRET_INPUTS = [
  'access-key-id',
  'access-key-secret',
  'security-token',
] as const satisfies readonly InputName[]

/** Defaults that the manifest states too; in code as well, since a blank input takes its default. */
export const DEFAULTS = {
  audience: 'sts.aliyuncs.com',
  'retry-max-attempts': '5',
  'timeout-seconds': '60',
  'export-environment-variables': 'true',
  'output-credentials': 'false',
  'mask-account-id': 'false',
  'set-current-profile': 'true',
  cleanup: 'true',
} as const satisfies Partial<Record<InputName, string>>

/** Seconds; in code alone, since a deprecated alias may stand in for the input. */
export const DEFAULT_DURATION_SECONDS = 3600

export const EXPORT_TARGETS = ['oss', 'packer', 'serverless-devs'] as const
export type ExportTarget = (typeof EXPORT_TARGETS)[number]

export type Source =
  | {
      readonly kind: 'oidc'
      readonly providerArn: string
      readonly audience: string
      readonly tokenFile: string | undefined
    }
  | { readonly kind: 'access-key' | 'environment'; readonly key: AccessKey }
  | { readonly kind: 'ecs-ram-role' }

/** What the last role's session is asked to be. */
export interface SessionRequest {
  /** Seconds. */
  readonly durationSeconds: number
  readonly roleSessionName: string
  readonly externalId: string | undefined
  readonly sourceIdentity: string | undefined
  /** Minified JSON. */
  readonly policy: string | undefined
}

export interface Inputs {
  readonly source: Source
  /** Role ARNs in the order in which they are assumed; empty where a temporary key is handed on. */
  readonly roles: readonly string[]
  readonly session: SessionRequest
  readonly region: string | undefined
  readonly endpoint: URL
  readonly allowedAccountIds: readonly string[]
  readonly maxAttempts: number
  readonly timeoutSeconds: number
  readonly exportVariables: boolean
  readonly exportFor: readonly ExportTarget[]
  readonly outputCredentials: boolean
  readonly maskAccountId: boolean
  readonly profile: { readonly name: string; readonly setCurrent: boolean } | undefined
  readonly cleanup: boolean
  /** What the user should know though nothing is wrong. */
  readonly warnings: readonly string[]
}

/** What the inputs' meaning depends on beside the inputs. */
export interface InputContext {
  readonly defaultSessionName: string
  /** The key in the job's variables, for `credential-source: environment`. */
  readonly environmentKey: AccessKey | undefined
  /** Faults of the surroundings (proxy variables, a missing home) to be told together with the inputs'. */
  readonly otherFaults: readonly string[]
}

/** All that is wrong with the inputs, in one message. */
export class InputError extends ActionError {
  override readonly name = 'InputError'
  readonly code = 'input'
  readonly faults: readonly string[]

  constructor(faults: readonly string[]) {
    super([
      faults.length === 1
        ? (faults[0] ?? '')
        : `${faults.length} inputs need a change:\n${faults.map((fault) => `- ${fault}`).join('\n')}`,
    ])
    this.faults = faults
  }
}

type Given = (name: InputName) => string | undefined

/**
 * @param raw an input as the runner gives it; blank means absent
 * @throws InputError with every fault, each naming its input, what was given (never a secret) and what is accepted
 */
export function parseInputs(raw: Given, context: InputContext): Inputs {
  const faults: string[] = []
  const given: Given = (name) => raw(name)?.trim() || undefined
  const fault = (input: InputName, problem: string, accepted: string): undefined => {
    faults.push(`${input}: ${problem}. Accepted: ${accepted}.`)
    return undefined
  }
  const { quoted, got, list, flag, wholeNumber, matching } = readers(given, fault)

  // A label of a host name: the STS endpoint is made of it.
  const region = matching('region', /^(?=.{1,63}$)[a-z0-9]+(-[a-z0-9]+)*$/, 'a region ID such as cn-hangzhou')
  const roles = list('role-to-assume', ROLE_ARN, 'acs:ram::<account ID>:role/<role name>, one or several')

  const chaining = flag('role-chaining') ?? false
  const explicit = given('credential-source')
  const explicitSource = CREDENTIAL_SOURCES.find((name) => name === explicit)
  const choice =
    explicit !== undefined && explicitSource === undefined
      ? {
          input: 'credential-source',
          fault: got('credential-source'),
          accepted: CREDENTIAL_SOURCES.join(', '),
        }
      : chooseSource({
          explicit: explicitSource,
          provider: given('oidc-provider-arn') !== undefined,
          tokenFile: given('oidc-token-file') !== undefined,
          key: SECRET_INPUTS.some((name) => given(name) !== undefined),
          chaining,
        })
  const kind = 'source' in choice ? choice.source : undefined
  if ('fault' in choice) faults.push(`${choice.input}: ${choice.fault}. Accepted: ${choice.accepted}.`)
  const source = kind === undefined ? undefined : sourceOf(kind, given, context, fault, matching)

  const key = source !== undefined && 'key' in source ? source.key : undefined
  const keyInput = kind === 'environment' ? 'credential-source' : 'access-key-id'
  if (key?.accessKeyId.startsWith('STS.') === true && key.securityToken === undefined) {
    fault(
      keyInput,
      'a temporary key (its ID begins with "STS.") without its security token',
      'the three parts of the key together',
    )
  }
  const noRole = given('role-to-assume') === undefined
  if (noRole && kind === 'oidc')
    fault('role-to-assume', 'nothing given', 'the ARN of the role that the OIDC token is exchanged for')
  if (noRole && key !== undefined && key.securityToken === undefined && !key.accessKeyId.startsWith('STS.')) {
    fault(
      'role-to-assume',
      'nothing given beside a long-lived access key',
      'the ARN of the role to assume with that key: this step hands out temporary credentials only',
    )
  }

  const session = sessionRequest({ given, fault, matching, wholeNumber, got }, context, roles, kind)

  const exportVariables = flag('export-environment-variables') ?? true
  const exportNames = list(
    'export-for',
    new RegExp(`^(${EXPORT_TARGETS.join('|')})$`),
    `${EXPORT_TARGETS.join(', ')}, one or several`,
  )
  const exportFor = EXPORT_TARGETS.filter((target) => exportNames.includes(target))
  if (!exportVariables && given('export-for') !== undefined) {
    fault(
      'export-for',
      `${got('export-for')} while export-environment-variables is false`,
      'export-for only where variables are exported',
    )
  }

  const profileName = given('profile')
  if (profileName !== undefined && /\p{Cc}/u.test(profileName))
    fault('profile', got('profile'), 'a name without line breaks and control characters')
  if (profileName !== undefined && given('region') === undefined) {
    fault(
      'region',
      'nothing given',
      'a region ID such as cn-hangzhou: the aliyun CLI refuses a profile without a region',
    )
  }
  const setCurrent = flag('set-current-profile') ?? true

  const allowedAccountIds = list(
    'allowed-account-ids',
    /^\d+$/,
    'account IDs, digits only, separated by commas or white space',
  )

  const maxAttempts = wholeNumber('retry-max-attempts', 1, 20, 'attempts')
  const timeoutSeconds = wholeNumber('timeout-seconds', 1, 3600, 'seconds')
  const outputCredentials = flag('output-credentials') ?? false
  const maskAccountId = flag('mask-account-id') ?? false
  const cleanup = flag('cleanup') ?? true
  const endpoint =
    given('sts-endpoint') === undefined
      ? endpointOf(region)
      : stsEndpoint(given('sts-endpoint') ?? '', quoted, fault)

  faults.push(...context.otherFaults)
  if (
    faults.length > 0 ||
    source === undefined ||
    session === undefined ||
    endpoint === undefined ||
    maxAttempts === undefined ||
    timeoutSeconds === undefined
  ) {
    throw new InputError(faults)
  }
  return {
    source,
    roles,
    session,
    region,
    endpoint,
    allowedAccountIds,
    maxAttempts,
    timeoutSeconds,
    exportVariables,
    exportFor,
    outputCredentials,
    maskAccountId,
    profile: profileName === undefined ? undefined : { name: profileName, setCurrent },
    cleanup,
    warnings: 'source' in choice && choice.warning !== undefined ? [choice.warning] : [],
  }
}

type TellFault = (input: InputName, problem: string, accepted: string) => undefined
type Readers = ReturnType<typeof readers>

/** The shapes that several inputs share. Each reader tells its own faults and gives undefined for them. */
function readers(given: Given, fault: TellFault) {
  const secrets = SECRET_INPUTS.map(given)
  // Before it is cut: a part of a secret would not be recognised any more.
  const quoted = (text: string): string => {
    const shown = withoutSecrets(text, secrets)
    return `got ${JSON.stringify(shown.length > 120 ? `${shown.slice(0, 120)}...` : shown)}`
  }
  const got = (name: InputName): string => quoted(given(name) ?? '')
  return {
    quoted,
    got,
    /** Items between white space and commas. What holds none, such as two empty variables joined by a comma, is not an absent input. */
    list: (name: InputName, rule: RegExp, accepted: string): string[] => {
      const text = given(name)
      if (text === undefined) return []
      const items = text.split(/[\s,]+/).filter((item) => item !== '')
      if (items.length === 0) fault(name, got(name), accepted)
      for (const item of items.filter((each) => !rule.test(each))) fault(name, quoted(item), accepted)
      return items
    },
    /** A boolean of YAML 1.2's core schema. */
    flag: (name: InputName): boolean | undefined => {
      const value = given(name) ?? (name in DEFAULTS ? DEFAULTS[name as keyof typeof DEFAULTS] : undefined)
      if (value === undefined) return undefined
      return /^(true|True|TRUE)$/.test(value)
        ? true
        : /^(false|False|FALSE)$/.test(value)
          ? false
          : fault(name, got(name), 'true or false')
    },
    wholeNumber: (name: InputName, least: number, most: number, unit: string): number | undefined => {
      const value = given(name) ?? (name in DEFAULTS ? DEFAULTS[name as keyof typeof DEFAULTS] : undefined)
      if (value === undefined) return undefined
      const number = /^\d{1,9}$/.test(value) ? Number(value) : NaN
      return number >= least && number <= most
        ? number
        : fault(name, got(name), `a whole number of ${unit} from ${least} to ${most}`)
    },
    matching: (name: InputName, rule: RegExp, accepted: string): string | undefined => {
      const value = given(name)
      return value === undefined || rule.test(value) ? value : fault(name, got(name), accepted)
    },
  }
}

/** Keys and tokens are ASCII without white space; anything else was pasted wrongly, and could not travel in a header. */
const PLAIN = /^[\x21-\x7e]*$/
const NOT_PLAIN = 'white space or a character outside ASCII within the value (not shown, since it is secret)'

function sourceOf(
  kind: CredentialSource,
  given: Given,
  context: InputContext,
  fault: TellFault,
  matching: Readers['matching'],
): Source | undefined {
  switch (kind) {
    case 'oidc': {
      const accepted =
        'acs:ram::<account ID>:oidc-provider/<provider name>, the OIDC identity provider in RAM'
      if (given('oidc-provider-arn') === undefined)
        return fault('oidc-provider-arn', 'nothing given', accepted)
      const providerArn = matching('oidc-provider-arn', OIDC_PROVIDER_ARN, accepted)
      if (providerArn === undefined) return undefined
      return {
        kind,
        providerArn,
        audience: given('audience') ?? DEFAULTS.audience,
        tokenFile: given('oidc-token-file'),
      }
    }
    case 'access-key': {
      const part = (name: 'access-key-id' | 'access-key-secret'): string | undefined =>
        given(name) ??
        fault(
          name,
          'nothing given',
          'both access-key-id and access-key-secret. A secret that does not exist arrives as an empty input',
        )
      const [accessKeyId, accessKeySecret, securityToken] = [
        part('access-key-id'),
        part('access-key-secret'),
        given('security-token'),
      ]
      for (const name of SECRET_INPUTS) {
        if (!PLAIN.test(given(name) ?? '')) fault(name, NOT_PLAIN, 'the value as RAM or STS issued it')
      }
      return accessKeyId === undefined || accessKeySecret === undefined
        ? undefined
        : { kind, key: { accessKeyId, accessKeySecret, securityToken } }
    }
    case 'environment':
      if (context.environmentKey === undefined) {
        return fault(
          'credential-source',
          "the job's environment holds no key",
          'environment only where ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET (or the same as ALIBABACLOUD_*, ALICLOUD_*) are set',
        )
      }
      if (
        !Object.values(context.environmentKey).every((part: string | undefined) => PLAIN.test(part ?? ''))
      ) {
        return fault(
          'credential-source',
          `in the environment's key ${NOT_PLAIN}`,
          'the values as RAM or STS issued them',
        )
      }
      return { kind, key: context.environmentKey }
    case 'ecs-ram-role':
      return { kind }
  }
}

/** Inputs that ask something of a role's session, which a key handed on as it is has not. */
const ROLE_ONLY = [
  'role-duration-seconds',
  'role-session-expiration',
  'role-session-name',
  'role-external-id',
  'source-identity',
  'inline-session-policy',
] as const satisfies readonly InputName[]

function sessionRequest(
  {
    given,
    fault,
    matching,
    wholeNumber,
    got,
  }: Pick<Readers, 'matching' | 'wholeNumber' | 'got'> & { given: Given; fault: TellFault },
  context: InputContext,
  roles: readonly string[],
  kind: CredentialSource | undefined,
): SessionRequest | undefined {
  if (given('role-to-assume') === undefined && kind !== undefined && kind !== 'oidc') {
    for (const name of ROLE_ONLY) {
      if (given(name) !== undefined)
        fault(
          name,
          'given without role-to-assume',
          `${name} only where a role is assumed; credentials that are handed on stay as they are`,
        )
    }
  }
  const durationInput =
    given('role-duration-seconds') === undefined ? 'role-session-expiration' : 'role-duration-seconds'
  const duration =
    given(durationInput) === undefined
      ? DEFAULT_DURATION_SECONDS
      : wholeNumber(durationInput, 900, 43200, 'seconds')

  const nameGiven = given('role-session-name')
  const roleSessionName =
    nameGiven === undefined ? context.defaultSessionName : sanitisedSessionName(nameGiven)
  if (roleSessionName.length < 2)
    fault(
      'role-session-name',
      got('role-session-name'),
      '2 to 64 letters, digits and . @ _ - (any other character becomes a hyphen)',
    )

  // STS's rules: AssumeRole's ExternalId and SourceIdentity; AssumeRoleWithOIDC has neither.
  const onlyOidc = kind === 'oidc' && roles.length <= 1
  const externalId = matching(
    'role-external-id',
    /^[\w+=,.@:/-]{2,1224}$/,
    '2 to 1224 letters, digits and _ + = , . @ : / -',
  )
  if (onlyOidc && given('role-external-id') !== undefined) {
    fault(
      'role-external-id',
      'given for a role that is assumed by OIDC',
      'role-external-id only where the last role is assumed with a key or from another role',
    )
  }
  const sourceIdentity = matching(
    'source-identity',
    /^[\w+=,.@-]{2,64}$/,
    '2 to 64 letters, digits and _ + = , . @ -',
  )
  if (onlyOidc && given('source-identity') !== undefined) {
    fault(
      'source-identity',
      'given where the only role is assumed by OIDC',
      'source-identity only where a role is assumed with a key or from another role',
    )
  }
  const policy = sessionPolicy(given('inline-session-policy'), got('inline-session-policy'), fault)
  return duration === undefined
    ? undefined
    : { durationSeconds: duration, roleSessionName, externalId, sourceIdentity, policy }
}

/** Without white space; AssumeRole's Policy is 1 to 2048 characters of JSON in RAM's policy language, version 1. */
function sessionPolicy(text: string | undefined, got: string, fault: TellFault): string | undefined {
  if (text === undefined) return undefined
  const refuse = (problem: string): undefined =>
    fault('inline-session-policy', problem, 'a RAM policy: a JSON object with "Version": "1" and "Statement"')
  let policy: unknown
  try {
    policy = JSON.parse(text)
  } catch {
    return refuse(`${got}, which is not JSON`)
  }
  if (typeof policy !== 'object' || policy === null || Array.isArray(policy)) return refuse(got)
  if (!('Version' in policy) || policy.Version !== '1') return refuse(`${got}, whose Version is not "1"`)
  if (!('Statement' in policy)) return refuse(`${got}, without a Statement`)
  // Not JSON.stringify(policy): what RAM reads must be what was written, long numbers and repeated names too.
  const minified = text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, '$1')
  return minified.length <= 2048
    ? minified
    : fault(
        'inline-session-policy',
        `${minified.length} characters after white space is taken out`,
        'at most 2048 characters',
      )
}

const HOST = /^([a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:.]+\])$/
// Names in Punycode: Nodes disagree on which of them are valid, and no host of STS has one.
const PUNYCODE = /(^|\.)xn--/
const LOOPBACK = /^(127(\.\d+){3}|\[::1\]|localhost)$/

/** The URL of the STS host to call. */
function stsEndpoint(text: string, quoted: Readers['quoted'], fault: TellFault): URL | undefined {
  const [, scheme = 'https', host = '', port = ''] =
    /^(?:(https?):\/\/)?(\[[^\]]*\]|[^:/]*)(:\d+)?\/?$/i.exec(text) ?? []
  const name = host.toLowerCase()
  const written = `${scheme}://${name}${port}`
  const url = HOST.test(name) && !PUNYCODE.test(name) && URL.canParse(written) ? new URL(written) : undefined
  // URL makes 127.0.0.1 of 127.1 and 0x7f000001: what is called must be what is read.
  if (url?.hostname === name && (url.protocol === 'https:' || LOOPBACK.test(name))) return url
  return fault(
    'sts-endpoint',
    // A user and a password may stand before an @.
    quoted(text.replace(/^.*@/s, '***@')),
    'a host such as sts.cn-hangzhou.aliyuncs.com, or its https URL without path, query and user; http only for a loopback address',
  )
}
