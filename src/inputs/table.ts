/**
 * The inputs: one table. action.yml has the same names in the same order, with the same defaults,
 * and says what each means.
 */
import { CREDENTIAL_SOURCES } from '../identity/choose.js'
import { OIDC_PROVIDER_ARN, ROLE_ARN } from '../sts/arn.js'
import {
  anyText,
  listOf,
  matching,
  oneOf,
  oneOrSeveral,
  withAccountId,
  withUnroundedName,
  wholeNumber,
  yamlBoolean,
  type Parsed,
} from './parsers.js'
import { region } from './region.js'
import { roleSessionName } from './role-session-name.js'
import { keyPart, path } from './secret-texts.js'
import { sessionPolicy } from './session-policy.js'
import { stsEndpoint } from './sts-endpoint.js'

/** The tools of export-for. */
export const EXPORT_TARGETS = ['oss', 'packer', 'serverless-devs'] as const
export type ExportTarget = (typeof EXPORT_TARGETS)[number]

/**
 * Seconds. Not in the manifest: with a default there, an omitted input could not be recognised, for
 * which the deprecated alias may stand.
 */
export const DEFAULT_DURATION_SECONDS = 3600

const durationSeconds = wholeNumber(900, 43200, 'seconds')

/** RAM's rule for the names of roles. */
const ROLE_NAME = '[\\w.-]{1,64}'

/** What is wrong with an input, apart from the others: their relations are in checks.ts. */
export interface InputRow {
  readonly parse: (text: string) => Parsed<unknown>
  /** As action.yml has it; in code as well, since a blank input takes its default. */
  readonly default?: string
  /** No message may show the value. */
  readonly secret?: true
  /** The new name of a deprecated input: if that one is given, this one is not looked at. */
  readonly replacedBy?: string
}

/** In the order of action.yml. */
export const INPUTS = {
  // ARNs, and names of roles whose account is oidc-provider-arn's.
  'role-to-assume': {
    parse: listOf(
      withAccountId(
        matching(
          new RegExp(`${ROLE_ARN.source}|^${ROLE_NAME}$`),
          'acs:ram::<account ID>:role/<role name>, one or more',
        ),
      ),
    ),
  },
  'oidc-provider-arn': {
    parse: withAccountId(
      matching(
        OIDC_PROVIDER_ARN,
        'acs:ram::<account ID>:oidc-provider/<provider name>, the OIDC identity provider in RAM',
      ),
    ),
  },
  audience: { parse: anyText, default: 'sts.aliyuncs.com' },
  'oidc-token-file': { parse: path },
  'access-key-id': { parse: keyPart, secret: true },
  'access-key-secret': { parse: keyPart, secret: true },
  'security-token': { parse: keyPart, secret: true },
  'credential-source': { parse: oneOf(CREDENTIAL_SOURCES) },
  'role-duration-seconds': { parse: durationSeconds },
  'role-session-name': { parse: withUnroundedName(roleSessionName) },
  // STS's rules for AssumeRole's ExternalId and SourceIdentity. A source identity that begins with
  // acs:, aliyun: or alibabacloud: is reserved: no colon is accepted.
  'role-external-id': {
    parse: withUnroundedName(
      matching(/^[\w+=,.@:/-]{2,1224}$/, '2 to 1224 letters, digits and _ + = , . @ : / -'),
    ),
  },
  'source-identity': {
    parse: withUnroundedName(matching(/^[\w+=,.@-]{2,64}$/, '2 to 64 letters, digits and _ + = , . @ -')),
  },
  'inline-session-policy': { parse: sessionPolicy },
  region: { parse: region },
  'sts-endpoint': { parse: stsEndpoint },
  'allowed-account-ids': {
    parse: listOf(
      withAccountId(matching(/^\d+$/, 'account IDs, digits only, separated by commas or white space')),
    ),
  },
  'retry-max-attempts': { parse: wholeNumber(1, 20, 'attempts'), default: '5' },
  'timeout-seconds': { parse: wholeNumber(1, 3600, 'seconds'), default: '60' },
  'export-environment-variables': { parse: yamlBoolean, default: 'true' },
  'export-for': { parse: oneOrSeveral(EXPORT_TARGETS) },
  'output-credentials': { parse: yamlBoolean, default: 'false' },
  'mask-account-id': { parse: yamlBoolean, default: 'false' },
  profile: {
    parse: withUnroundedName(matching(/^\P{Cc}*$/u, 'a name without line breaks or control characters')),
  },
  'set-current-profile': { parse: yamlBoolean, default: 'true' },
  cleanup: { parse: yamlBoolean, default: 'true' },
  refresh: { parse: yamlBoolean, default: 'false' },
  'role-session-expiration': { parse: durationSeconds, replacedBy: 'role-duration-seconds' },
  'role-chaining': { parse: yamlBoolean },
} as const satisfies Readonly<Record<string, InputRow>>

type Table = typeof INPUTS
export type InputName = keyof Table

export const INPUT_NAMES = Object.keys(INPUTS) as readonly InputName[]

const ROWS: Readonly<Record<InputName, InputRow>> = INPUTS

export const SECRET_INPUTS = INPUT_NAMES.filter((name) => ROWS[name].secret)

/** The manifest's defaults. */
export const DEFAULTS: Readonly<Partial<Record<InputName, string>>> = Object.fromEntries(
  INPUT_NAMES.flatMap((name) => {
    const value = ROWS[name].default
    return value === undefined ? [] : [[name, value]]
  }),
)

type ValueOf<Row> = Row extends { readonly parse: (text: string) => Parsed<infer T> } ? T : never

/** What the inputs say, each by itself. Undefined if an input was omitted and has no default. */
export type InputValues = {
  readonly [Name in InputName]: Table[Name] extends { readonly default: string }
    ? ValueOf<Table[Name]>
    : ValueOf<Table[Name]> | undefined
}
