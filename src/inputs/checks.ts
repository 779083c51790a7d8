/** How the inputs must fit together: one table. Each input by itself has been checked already. */
import type { CredentialSource } from '../identity/choose.js'
import { partsOf, type AccessKey } from '../identity/credentials.js'
import { parseArn } from '../sts/arn.js'
import { say, type Prose } from '../text/prose.js'
import type { InputFault } from './fault.js'
import { isPlainKey, NOT_PLAIN } from './secret-texts.js'
import type { InputName, InputValues } from './table.js'

/** The inputs, each parsed by itself. */
export interface CheckedInputs {
  readonly values: InputValues
  /** The inputs that are not omitted, wrong ones too. */
  readonly given: ReadonlySet<InputName>
  /** Undefined if the inputs do not say. */
  readonly source: CredentialSource | undefined
  /** The key in the job's variables. */
  readonly environmentKey: AccessKey | undefined
}

interface Check {
  readonly input: InputName
  readonly isWrong: (inputs: CheckedInputs) => boolean
  readonly because: Prose
  readonly accepted: Prose
}

const NOTHING_GIVEN: Prose = ['nothing given']

/**
 * Inputs that ask something of a role's session; a key that is passed on as it is has no such
 * session.
 */
const ROLE_ONLY = [
  'role-duration-seconds',
  'role-session-expiration',
  'role-session-name',
  'role-external-id',
  'source-identity',
  'inline-session-policy',
] as const satisfies readonly InputName[]

const CHECKS: readonly Check[] = [
  // Each source with what belongs to it.
  {
    input: 'oidc-provider-arn',
    isWrong: ({ source, given }) => source === 'oidc' && !given.has('oidc-provider-arn'),
    because: NOTHING_GIVEN,
    accepted: ['acs:ram::<account ID>:oidc-provider/<provider name>, the OIDC identity provider in RAM'],
  },
  ...(['access-key-id', 'access-key-secret'] as const).map((input) => ({
    input,
    isWrong: ({ source, given }: CheckedInputs) => source === 'access-key' && !given.has(input),
    because: NOTHING_GIVEN,
    accepted: [
      'both access-key-id and access-key-secret. A secret that does not exist arrives as an empty input',
    ],
  })),
  {
    input: 'credential-source',
    isWrong: ({ source, environmentKey }) => source === 'environment' && environmentKey === undefined,
    because: ["the job's environment holds no key"],
    accepted: [
      'environment only if ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET (or the same as ALIBABACLOUD_*, ALICLOUD_*) are set',
    ],
  },
  {
    input: 'credential-source',
    isWrong: ({ source, environmentKey }) =>
      source === 'environment' && !partsOf(environmentKey).every(isPlainKey),
    because: [`the environment's key has ${NOT_PLAIN}`],
    accepted: ['the values as RAM or STS issued them'],
  },
  ...(['access-key', 'environment'] as const).map((source) => ({
    input: source === 'access-key' ? ('access-key-id' as const) : ('credential-source' as const),
    isWrong: (inputs: CheckedInputs) =>
      inputs.source === source && keyIdOf(inputs)?.startsWith('STS.') === true && !hasToken(inputs),
    because: ['a temporary key (its ID begins with "STS.") without its security token'],
    accepted: ['the three parts of the key together'],
  })),

  // With a role, and without.
  {
    input: 'role-to-assume',
    isWrong: ({ source, given }) => source === 'oidc' && !given.has('role-to-assume'),
    because: NOTHING_GIVEN,
    accepted: ['the ARN of the role that the OIDC token is exchanged for'],
  },
  {
    input: 'role-to-assume',
    isWrong: (inputs) =>
      !inputs.given.has('role-to-assume') && keyIdOf(inputs) !== undefined && !isTemporary(inputs),
    because: ['nothing given with a long-lived access key'],
    accepted: ['the ARN of the role to assume with that key: this step hands out temporary credentials only'],
  },
  ...ROLE_ONLY.map((input) => ({
    input,
    isWrong: ({ source, given }: CheckedInputs) =>
      given.has(input) && !given.has('role-to-assume') && source !== undefined && source !== 'oidc',
    because: ['given without role-to-assume'],
    accepted: [`${input} only if a role is assumed; credentials that are passed on stay as they are`],
  })),
  {
    input: 'role-external-id',
    isWrong: ({ given, ...inputs }) => given.has('role-external-id') && assumesOnlyByOidc(inputs),
    because: ['given for a role that is assumed with an OIDC token'],
    accepted: ['role-external-id only if the last role is assumed with a key or from another role'],
  },
  {
    input: 'source-identity',
    isWrong: ({ given, ...inputs }) => given.has('source-identity') && assumesOnlyByOidc(inputs),
    because: ['given although the only role is assumed with an OIDC token'],
    accepted: ['source-identity only if a role is assumed with a key or from another role'],
  },

  // What later steps get.
  {
    input: 'export-for',
    isWrong: ({ values, given }) => given.has('export-for') && !values['export-environment-variables'],
    because: ['given although export-environment-variables is false'],
    accepted: ['export-for only if variables are exported'],
  },
  {
    input: 'region',
    isWrong: ({ values, given }) => (given.has('profile') || values.refresh) && !given.has('region'),
    because: NOTHING_GIVEN,
    accepted: ['a region ID such as cn-hangzhou: the aliyun CLI refuses a profile without a region'],
  },
  {
    input: 'profile',
    isWrong: ({ values, given }) => values.refresh && !given.has('profile'),
    because: NOTHING_GIVEN,
    accepted: ['the name of the profile that refresh keeps fresh'],
  },
  {
    input: 'cleanup',
    isWrong: ({ values }) => values.refresh && !values.cleanup,
    because: ['false although refresh is true'],
    accepted: ['true: what is refreshed ends with the job'],
  },
  {
    input: 'export-for',
    isWrong: ({ values, given }) => values.refresh && given.has('export-for'),
    because: ['given although refresh is true'],
    accepted: ['export-for only without refresh: these tools read variables, which nothing can refresh'],
  },
  {
    input: 'refresh',
    isWrong: (inputs) => inputs.values.refresh && isTemporary(inputs),
    because: ['true although the base key is itself temporary'],
    accepted: ['refresh only with an OIDC token, a long-lived key or ecs-ram-role, which outlive a session'],
  },
]

/** All contradictions among the inputs. */
export function crossChecks(inputs: CheckedInputs): InputFault[] {
  return [
    ...CHECKS.filter(({ isWrong }) => isWrong(inputs)),
    ...rolesWithoutAccount(inputs),
    ...accountsNotAllowed(inputs),
  ]
}

/**
 * The ARNs of the roles to assume, in order. The name of a role alone takes the account of
 * oidc-provider-arn.
 */
export function roleArns({ values }: Pick<CheckedInputs, 'values'>): readonly string[] {
  const account = parseArn(values['oidc-provider-arn'] ?? '')?.accountId
  return (values['role-to-assume'] ?? []).map((role) =>
    account === undefined || isArn(role) ? role : `acs:ram::${account}:role/${role}`,
  )
}

function rolesWithoutAccount({ values, given }: CheckedInputs): InputFault[] {
  const names = (values['role-to-assume'] ?? []).filter((role) => !isArn(role))
  if (given.has('oidc-provider-arn')) return []
  return names.map((name) => ({
    input: 'role-to-assume',
    got: name,
    because: ['the name of a role without its account'],
    accepted: [
      'acs:ram::<account ID>:role/<role name>; the name alone only with oidc-provider-arn, which gives the account',
    ],
  }))
}

/** The session's account is the last role's: no need to ask STS first. */
function accountsNotAllowed(inputs: CheckedInputs): InputFault[] {
  const allowed = inputs.values['allowed-account-ids'] ?? []
  const account = parseArn(roleArns(inputs).at(-1) ?? '')?.accountId
  if (allowed.length === 0 || account === undefined || allowed.includes(account)) return []
  return [
    {
      input: 'allowed-account-ids',
      because: say`the last role of role-to-assume belongs to account ${account}, which is not among ${allowed.join(', ')}`,
      accepted: ["a list with that account's ID, or a role of an account in the list"],
    },
  ]
}

function isArn(role: string): boolean {
  return role.startsWith('acs:')
}

function keyIdOf({ source, values, environmentKey }: CheckedInputs): string | undefined {
  if (source === 'environment') return environmentKey?.accessKeyId
  const complete = source === 'access-key' && values['access-key-secret'] !== undefined
  return complete ? values['access-key-id'] : undefined
}

function hasToken({ source, given, environmentKey }: CheckedInputs): boolean {
  return source === 'environment'
    ? environmentKey?.securityToken !== undefined
    : source === 'access-key' && given.has('security-token')
}

function isTemporary(inputs: CheckedInputs): boolean {
  return hasToken(inputs) || keyIdOf(inputs)?.startsWith('STS.') === true
}

function assumesOnlyByOidc({ source, values }: Pick<CheckedInputs, 'source' | 'values'>): boolean {
  return source === 'oidc' && (values['role-to-assume']?.length ?? 0) <= 1
}
