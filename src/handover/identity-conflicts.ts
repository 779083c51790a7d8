/**
 * One job, one identity: what on this machine would make a program use another one than this step's. Each finding names the program and the
 * cure. What each program reads, and in which order, was read in its source (aliyun CLI 3.4, Terraform provider 1.289, the SDKs).
 */
import type { Inputs } from '../inputs/inputs.js'
import type { ExportTarget } from '../inputs/table.js'
import { readCurrentProfile, type CurrentProfile } from '../profile/config-file.js'
import type { JobEnvironment } from '../runner/job-environment.js'

/** What this step hands on. */
export interface HandedOn {
  readonly variables: boolean
  readonly targets: readonly ExportTarget[]
  readonly profile: string | undefined
  readonly region: string | undefined
}

type Environment = Readonly<Record<string, string | undefined>>

/** In the CLI's order. */
const PROFILE_VARIABLES = ['ALIBABACLOUD_PROFILE', 'ALIBABA_CLOUD_PROFILE', 'ALICLOUD_PROFILE']
const IGNORING_VARIABLES = ['ALIBABA_CLOUD_IGNORE_PROFILE', 'ALIBABACLOUD_IGNORE_PROFILE']
const OIDC_VARIABLES = [
  'ALIBABA_CLOUD_ROLE_ARN',
  'ALIBABA_CLOUD_OIDC_PROVIDER_ARN',
  'ALIBABA_CLOUD_OIDC_TOKEN_FILE',
]
const KEY_VARIABLES = [
  'ALIBABA_CLOUD_ACCESS_KEY_ID',
  'ALIBABACLOUD_ACCESS_KEY_ID',
  'ALICLOUD_ACCESS_KEY',
  'ALICLOUD_ACCESS_KEY_ID',
]
const OSS_VARIABLES = ['OSS_ACCESS_KEY_ID', 'OSS_ACCESS_KEY_SECRET', 'OSS_SESSION_TOKEN']
const SERVERLESS_DEVS_VARIABLES = ['AccountID', 'AccessKeyID', 'AccessKeySecret']

/** What main warns of: identities that would win over this step's, or a step that passes nothing on. */
export async function identityConflicts(inputs: Inputs, job: JobEnvironment): Promise<string[]> {
  const env = job.variables
  const handedOn = {
    variables: inputs.exportVariables,
    targets: inputs.exportFor,
    profile: inputs.profile?.name,
    region: inputs.region,
  }
  if (!inputs.exportVariables && inputs.profile === undefined && !inputs.outputCredentials) {
    return [
      'This step passes no credentials on: export-environment-variables is false, no profile is written and output-credentials is false. Later steps will not see its credentials.',
    ]
  }
  if (typeof job.configFile !== 'string') return findIdentityConflicts(env, handedOn, undefined)
  try {
    const current = inputs.profile === undefined ? await readCurrentProfile(job.configFile) : undefined
    return findIdentityConflicts(env, handedOn, current)
  } catch (failure) {
    // A step that writes no profile does not refuse a broken config.json.
    const broken = inputs.exportVariables
      ? [`The aliyun CLI may fail in this job. ${(failure as Error).message}`]
      : []
    return [...broken, ...findIdentityConflicts(env, handedOn, undefined)]
  }
}

/** One sentence or two for each rival; empty on a machine where all programs end with this step's identity. */
export function findIdentityConflicts(
  env: Environment,
  handedOn: HandedOn,
  current: CurrentProfile | undefined,
): string[] {
  if (!handedOn.variables && handedOn.profile === undefined) return []
  const holders = (names: readonly string[]): string[] => names.filter((name) => (env[name] ?? '') !== '')
  return [
    ...profileConflicts(env, handedOn, current, holders),
    ...holders(['ALIBABA_CLOUD_ROLE_ARN', 'ALICLOUD_ASSUME_ROLE_ARN']).map(
      (name) =>
        `${name} names a role: Terraform assumes it once more, on top of this step's identity. Remove the variable from this job.`,
    ),
    ...(handedOn.variables ? [] : profileAlone(env, holders)),
    ...toolConflicts(env, handedOn, holders),
  ]
}

type Holders = (names: readonly string[]) => string[]

/** Profiles that programs prefer to what this step hands on. */
function profileConflicts(
  env: Environment,
  handedOn: HandedOn,
  current: CurrentProfile | undefined,
  holders: Holders,
): string[] {
  const [ignoring] = holders(IGNORING_VARIABLES)
  const ignored = ignoring !== undefined && env[ignoring] === 'TRUE'
  const named = namedProfileConflicts(env, handedOn, ignored, holders)
  if (ignored) {
    return handedOn.variables
      ? named
      : [
          ...named,
          `${ignoring}=TRUE makes the aliyun CLI ignore the profile that this step writes. Remove the variable from this job, or let this step export its variables.`,
        ]
  }
  if (named.length > 0 || handedOn.profile !== undefined) return named
  if (current?.authenticates === true) {
    return [
      `The aliyun CLI's current profile ${JSON.stringify(current.name)} (mode ${current.mode === '' ? 'not given' : current.mode}) comes before the variables there: the CLI will not use this step's identity, while SDKs and Terraform will. Write this step's own profile (inputs profile and region), or set ALIBABA_CLOUD_IGNORE_PROFILE=TRUE and give the CLI --region.`,
    ]
  }
  const { ALIBABA_CLOUD_PROFILE_MODE: mode = '' } = env
  return [
    ...((current?.mode ?? '') === '' && mode.toLowerCase() === 'anonymous'
      ? [
          `ALIBABA_CLOUD_PROFILE_MODE=${mode} makes the aliyun CLI send its requests unsigned. Remove the variable from this job, or write this step's own profile (input profile).`,
        ]
      : []),
    ...(handedOn.region !== undefined &&
    current?.regionId !== undefined &&
    current.regionId !== handedOn.region
      ? [
          `The aliyun CLI's current profile ${JSON.stringify(current.name)} has the region ${current.regionId}, and the CLI prefers it to the variables' ${handedOn.region}. Write this step's own profile (input profile), or give the CLI --region.`,
        ]
      : []),
  ]
}

/** Variables that name another profile, each with the programs that go by it. */
function namedProfileConflicts(
  env: Environment,
  handedOn: HandedOn,
  ignored: boolean,
  holders: Holders,
): string[] {
  const naming = holders(PROFILE_VARIABLES)
  return naming
    .filter((name) => env[name] !== handedOn.profile)
    .flatMap((name) => {
      const programs = [
        ...(name === naming[0] && !ignored ? ['the aliyun CLI'] : []),
        ...(name === 'ALIBABA_CLOUD_PROFILE' && !handedOn.variables ? ['the SDKs'] : []),
        // Beside variables it takes from a profile what they do not say: a role to assume.
        ...(name === 'ALICLOUD_PROFILE' || (name === 'ALIBABA_CLOUD_PROFILE' && !handedOn.variables)
          ? ['Terraform']
          : []),
      ]
      return programs.length === 0
        ? []
        : [
            `${name} names the profile ${JSON.stringify(env[name])}, and ${listed(programs)} that to this step's identity. Remove the variable from this job, or give this step's profile that name (input profile).`,
          ]
    })
}

/** "the aliyun CLI prefers", "the aliyun CLI and Terraform prefer" */
function listed(programs: readonly string[]): string {
  const last = programs.at(-1) ?? ''
  return programs.length === 1 ? `${last} prefers` : `${programs.slice(0, -1).join(', ')} and ${last} prefer`
}

/** What is preferred to a profile, or leads away from it, where this step exports no variables of its own. */
function profileAlone(env: Environment, holders: Holders): string[] {
  const cure = 'from this job, or let this step export its variables.'
  const [key] = holders(KEY_VARIABLES)
  const token = key === undefined ? holders(['ALICLOUD_SECURITY_TOKEN']) : []
  const oidc = holders(OIDC_VARIABLES)
  const elsewhere = holders(['ALICLOUD_SHARED_CREDENTIALS_FILE', 'ALIBABA_CLOUD_CREDENTIALS_FILE'])
  return [
    ...(key === undefined
      ? []
      : [
          `${key} holds a key: SDKs and Terraform prefer variables to the profile that this step writes. Remove the variable ${cure}`,
        ]),
    ...token.map(
      (name) =>
        `${name} holds an earlier token: Terraform sends it with the key of this step's profile. Remove the variable ${cure}`,
    ),
    ...(oidc.length < OIDC_VARIABLES.length
      ? []
      : [
          `${oidc.join(', ')}: SDKs assume that role by themselves before they read the profile that this step writes. Remove them ${cure}`,
        ]),
    ...(env.ALIBABA_CLOUD_CLI_PROFILE_DISABLED?.toLowerCase() === 'true'
      ? [
          `ALIBABA_CLOUD_CLI_PROFILE_DISABLED makes SDKs ignore the profile that this step writes. Remove the variable ${cure}`,
        ]
      : []),
    ...holders(['ALIBABA_CLOUD_CONFIG_FILE']).map(
      (name) =>
        `${name} names a file that the SDK for Go reads in place of the one that this step writes. Remove the variable ${cure}`,
    ),
    ...elsewhere.map(
      (name) =>
        `${name} names a file that Terraform reads in place of the one that this step writes. Remove the variable ${cure}`,
    ),
  ]
}

/** Variables of single tools that an earlier identity left behind. */
function toolConflicts(env: Environment, handedOn: HandedOn, holders: Holders): string[] {
  const replaced = (target: ExportTarget): boolean => handedOn.variables && handedOn.targets.includes(target)
  const cure = (target: ExportTarget): string =>
    `${handedOn.variables ? `Add ${target} to export-for` : `Let this step export its variables, with ${target} in export-for`}, or remove what is there from this job.`
  const oss = replaced('oss') ? [] : holders(OSS_VARIABLES)
  const packer = replaced('packer') ? [] : holders(['SECURITY_TOKEN'])
  const serverlessDevs = replaced('serverless-devs') ? [] : holders(['default_serverless_devs_key'])
  return [
    ...(oss.length === 0
      ? []
      : [
          `${oss.join(', ')}: ossutil and the OSS SDKs will use this key of an earlier identity. ${cure('oss')}`,
        ]),
    ...packer.map(
      (name) => `${name} holds the token of an earlier identity, and Packer will use it. ${cure('packer')}`,
    ),
    ...serverlessDevs.map(
      (name) => `${name} holds an earlier key, and Serverless Devs will use it. ${cure('serverless-devs')}`,
    ),
    // It asks whether these are present, not whether they are empty.
    ...(SERVERLESS_DEVS_VARIABLES.every((name) => env[name] !== undefined)
      ? [
          `${SERVERLESS_DEVS_VARIABLES.join(', ')}: Serverless Devs prefers these to any other key and sends no security token with them. Remove them from this job.`,
        ]
      : []),
  ]
}
