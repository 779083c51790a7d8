/**
 * One job, one identity: what on this machine would make a program use another identity than this
 * step's. One table of rules; what each program reads, and in which order, was read in its source
 * (aliyun CLI 3.4, Terraform provider 1.289, the SDKs) and measured
 * (consumers/identity-conflicts.test.ts).
 */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { textOf } from '../errors/action-error.js'
import type { AccessKey } from '../identity/credentials.js'
import type { Inputs } from '../inputs/inputs.js'
import type { ExportTarget } from '../inputs/table.js'
import { readCurrentProfile, type CurrentProfile } from '../profile/config-file.js'
import type { JobEnvironment } from '../runner/job-environment.js'
import { say, type Prose } from '../text/prose.js'
import {
  IGNORING_VARIABLES,
  KEY_VARIABLES,
  OIDC_VARIABLES,
  OSS_VARIABLES,
  PROFILE_VARIABLES,
  ROLE_VARIABLES,
} from './program-variables.js'

/** What this step passes on. */
export interface HandedOn {
  /** Whether the key's variables are exported. */
  readonly variables: boolean
  readonly targets: readonly ExportTarget[]
  readonly profile: string | undefined
  readonly region: string | undefined
  /**
   * A temporary key that is passed on as it is: a variable that holds it already is no conflict.
   */
  readonly key?: AccessKey | undefined
}

type Variables = Readonly<Record<string, string | undefined>>

/**
 * For a step that does not refresh; see refresh/refresh-conflicts.ts for the other.
 *
 * @returns what main warns of: identities that would win over this step's, or that nothing is
 * passed on
 */
export async function identityConflicts(inputs: Inputs, job: JobEnvironment): Promise<Prose[]> {
  const { exportVariables, profile, outputCredentials, source, roles } = inputs
  if (!exportVariables && profile === undefined && !outputCredentials) {
    return [
      [
        'This step passes no credentials on: export-environment-variables is false, no profile is written and output-credentials is false. Later steps will not see its credentials.',
      ],
    ]
  }
  const handedOn: HandedOn = {
    variables: exportVariables,
    targets: inputs.exportFor,
    profile: profile?.name,
    region: inputs.region,
    key: 'key' in source && roles.length === 0 ? source.key : undefined,
  }
  const path = job.configFile
  if (typeof path !== 'string' || profile !== undefined)
    return findIdentityConflicts(job.variables, handedOn, undefined)
  try {
    const current = await readCurrentProfile(path)
    return findIdentityConflicts(job.variables, handedOn, current, filesOfPythonCli(path))
  } catch (failure) {
    // A step that writes no profile does not refuse a broken config.json.
    const broken = say`The aliyun CLI may fail in this job. ${textOf(failure)}`
    return [
      ...(exportVariables ? [broken] : []),
      ...findIdentityConflicts(job.variables, handedOn, undefined),
    ]
  }
}

/**
 * The credentials of the CLI written in Python, if the aliyun CLI would migrate them; undefined if
 * not.
 */
function filesOfPythonCli(configFile: string): string | undefined {
  const credentials = join(dirname(dirname(configFile)), '.aliyuncli', 'credentials')
  return !existsSync(configFile) && existsSync(credentials) ? credentials : undefined
}

/** What the rules look at. */
interface Machine extends HandedOn {
  readonly env: Variables
  readonly current: CurrentProfile | undefined
  readonly pythonCli: string | undefined
  /** Which of these variables hold something that is not this step's own. */
  readonly holders: (names: readonly string[]) => readonly string[]
}

interface Rule {
  readonly applies: (machine: Machine) => boolean
  /** Who would use another identity. */
  readonly programs: string | ((machine: Machine) => string)
  /** What is wrong and what to do; no value of a credential. */
  readonly text: (machine: Machine, programs: Prose) => Prose
}

const SERVERLESS_DEVS_VARIABLES = ['AccountID', 'AccessKeyID', 'AccessKeySecret']

/** The only region that the CLI knows if it ignores its profiles. */
const REGION_WITHOUT_PROFILE = 'cn-hangzhou'

const REMOVE: Prose = ['Remove the variable from this job']
const OR_EXPORT: Prose = ['or let this step export its variables.']

const CLI_RULES: readonly Rule[] = [
  ...PROFILE_VARIABLES.map((name): Rule => ({
    applies: (machine) => followersOf(name, machine).length > 0,
    programs: (machine) => preferring(followersOf(name, machine)),
    text: ({ env }, programs) =>
      say`${name} names the profile ${quoted(env[name])}, and ${programs} that to this step's identity. ${REMOVE}, or give this step's profile that name (input profile).`,
  })),
  {
    applies: (machine) => ignoresProfiles(machine) && !machine.variables,
    programs: 'the aliyun CLI',
    text: (machine, programs) =>
      say`${ignoringVariable(machine)}=TRUE makes ${programs} ignore the profile that this step writes. ${REMOVE}, ${OR_EXPORT}`,
  },
  {
    applies: (machine) =>
      ignoresProfiles(machine) &&
      machine.variables &&
      machine.region !== undefined &&
      machine.region !== REGION_WITHOUT_PROFILE,
    programs: 'the aliyun CLI',
    text: (machine, programs) =>
      say`${ignoringVariable(machine)}=TRUE makes ${programs} use the region ${REGION_WITHOUT_PROFILE} instead of ${machine.region ?? ''}. Give the CLI --region, or remove the variable from this job and write this step's own profile (input profile).`,
  },
  {
    applies: (machine) => goesByCurrentProfile(machine) && machine.current?.authenticates === true,
    programs: 'The aliyun CLI',
    text: ({ current }, programs) =>
      say`${programs}'s current profile ${quoted(current?.name)} (mode ${current?.mode || 'not given'}) comes before the variables there: the CLI will not use this step's identity, while SDKs and Terraform will. Write this step's own profile (inputs profile and region), or set ALIBABA_CLOUD_IGNORE_PROFILE=TRUE and give the CLI --region.`,
  },
  {
    applies: (machine) => goesByCurrentProfile(machine) && machine.pythonCli !== undefined,
    programs: 'the aliyun CLI',
    text: ({ pythonCli }, programs) =>
      say`${pythonCli ?? ''} holds a key of the earlier CLI: ${programs} copies it into a profile at its first call, and prefers that to this step's identity from then on. Remove the file, or write this step's own profile (inputs profile and region).`,
  },
  {
    applies: (machine) =>
      goesByCurrentProfile(machine) &&
      machine.current?.authenticates !== true &&
      (machine.current?.mode ?? '') === '' &&
      machine.env.ALIBABA_CLOUD_PROFILE_MODE?.toLowerCase() === 'anonymous',
    programs: 'the aliyun CLI',
    text: ({ env }, programs) =>
      say`ALIBABA_CLOUD_PROFILE_MODE=${env.ALIBABA_CLOUD_PROFILE_MODE ?? ''} makes ${programs} send its requests unsigned. ${REMOVE}, or write this step's own profile (input profile).`,
  },
  {
    applies: (machine) =>
      goesByCurrentProfile(machine) &&
      machine.current?.authenticates === false &&
      machine.region !== undefined &&
      machine.current.regionId !== undefined &&
      machine.current.regionId !== machine.region,
    programs: 'The aliyun CLI',
    text: ({ current, region }, programs) =>
      say`${programs}'s current profile ${quoted(current?.name)} has the region ${current?.regionId ?? ''}, and the CLI prefers it to the variables' ${region ?? ''}. Write this step's own profile (input profile), or give the CLI --region.`,
  },
]

const ROLE_RULES: readonly Rule[] = [
  ...ROLE_VARIABLES.map((name): Rule => ({
    applies: ({ holders }) => holders([name]).length > 0,
    programs: 'Terraform',
    text: (_machine, programs) =>
      say`${name} names a role: ${programs} assumes it once more, on top of this step's identity. ${REMOVE}.`,
  })),
  {
    applies: ({ holders, variables }) => !variables && holdsAll(OIDC_VARIABLES, holders),
    programs: 'SDKs',
    text: (_machine, programs) =>
      say`${OIDC_VARIABLES.join(', ')}: ${programs} assume that role by themselves before they read the profile that this step writes. Remove them from this job, ${OR_EXPORT}`,
  },
  {
    applies: ({ holders, variables }) => variables && holdsAll(OIDC_VARIABLES, holders),
    programs: 'SDKs and tools',
    text: (_machine, programs) =>
      say`${OIDC_VARIABLES.join(', ')}: ${programs} that look for an OIDC token first assume that role instead of using this step's identity. Remove them from this job.`,
  },
]

/**
 * What is preferred to a profile, or leads away from it, if this step exports no key of its own.
 */
const PROFILE_RULES: readonly Rule[] = [
  {
    applies: ({ holders }) => holders(KEY_VARIABLES).length > 0,
    programs: 'SDKs and Terraform',
    text: ({ holders }, programs) =>
      say`${holders(KEY_VARIABLES)[0] ?? ''} holds a key: ${programs} prefer variables to the profile that this step writes. ${REMOVE}, ${OR_EXPORT}`,
  },
  {
    applies: ({ holders }) =>
      holders(KEY_VARIABLES).length === 0 && holders(['ALICLOUD_SECURITY_TOKEN']).length > 0,
    programs: 'Terraform',
    text: (_machine, programs) =>
      say`ALICLOUD_SECURITY_TOKEN holds an earlier token: ${programs} sends it with the key of this step's profile. ${REMOVE}, ${OR_EXPORT}`,
  },
  {
    applies: ({ env }) => env.ALIBABA_CLOUD_CLI_PROFILE_DISABLED?.toLowerCase() === 'true',
    programs: 'SDKs',
    text: (_machine, programs) =>
      say`ALIBABA_CLOUD_CLI_PROFILE_DISABLED makes ${programs} ignore the profile that this step writes. ${REMOVE}, ${OR_EXPORT}`,
  },
  ...(
    [
      ['ALIBABA_CLOUD_CONFIG_FILE', 'the SDK for Go'],
      ['ALICLOUD_SHARED_CREDENTIALS_FILE', 'Terraform'],
      ['ALIBABA_CLOUD_CREDENTIALS_FILE', 'Terraform'],
    ] as const
  ).map(([name, program]): Rule => ({
    applies: ({ holders }) => holders([name]).length > 0,
    programs: program,
    text: (_machine, programs) =>
      say`${name} names a file that ${programs} reads instead of the one that this step writes. ${REMOVE}, ${OR_EXPORT}`,
  })),
]

/** Variables of single tools that an earlier identity left behind. */
const TOOL_RULES: readonly Rule[] = [
  {
    applies: (machine) => left(OSS_VARIABLES, 'oss', machine).length > 0,
    programs: 'ossutil and the OSS SDKs',
    text: (machine, programs) =>
      say`${left(OSS_VARIABLES, 'oss', machine).join(', ')}: ${programs} will use this key of an earlier identity. ${addTarget('oss', machine)}`,
  },
  {
    applies: (machine) => left(['SECURITY_TOKEN'], 'packer', machine).length > 0,
    programs: 'Packer',
    text: (machine, programs) =>
      say`SECURITY_TOKEN holds the token of an earlier identity, and ${programs} will use it. ${addTarget('packer', machine)}`,
  },
  {
    applies: (machine) => left(['default_serverless_devs_key'], 'serverless-devs', machine).length > 0,
    programs: 'Serverless Devs',
    text: (machine, programs) =>
      say`default_serverless_devs_key holds an earlier key, and ${programs} will use it. ${addTarget('serverless-devs', machine)}`,
  },
  {
    // It asks whether these are present, not whether they are empty.
    applies: ({ env }) => SERVERLESS_DEVS_VARIABLES.every((name) => env[name] !== undefined),
    programs: 'Serverless Devs',
    text: (_machine, programs) =>
      say`${SERVERLESS_DEVS_VARIABLES.join(', ')}: ${programs} prefers these to any other key and sends no security token with them. Remove them from this job.`,
  },
]

/**
 * @param pythonCli the Python CLI's credentials, if the aliyun CLI would migrate them
 * @returns one or two sentences for each rule that applies; none if all programs end with this
 * step's identity
 */
export function findIdentityConflicts(
  env: Variables,
  handedOn: HandedOn,
  current: CurrentProfile | undefined,
  pythonCli?: string,
): Prose[] {
  if (!handedOn.variables && handedOn.profile === undefined) return []
  const own = Object.values(handedOn.key ?? {})
  const holders = (names: readonly string[]): string[] =>
    names.filter((name) => (env[name] ?? '') !== '' && !own.includes(env[name]))
  const machine: Machine = { ...handedOn, env, current, pythonCli, holders }
  const rules = [...CLI_RULES, ...ROLE_RULES, ...(handedOn.variables ? [] : PROFILE_RULES), ...TOOL_RULES]
  return rules
    .filter(({ applies }) => applies(machine))
    .map(({ programs, text }) => text(machine, [typeof programs === 'string' ? programs : programs(machine)]))
}

/** The programs that go by a variable that names another profile than this step's. */
function followersOf(name: string, machine: Machine): string[] {
  const { env, variables } = machine
  const naming = machine.holders(PROFILE_VARIABLES)
  if (!naming.includes(name) || env[name] === machine.profile) return []
  return [
    ...(name === naming[0] && !ignoresProfiles(machine) ? ['the aliyun CLI'] : []),
    ...(name === 'ALIBABA_CLOUD_PROFILE' && !variables ? ['the SDKs'] : []),
    // Next to variables it takes from a profile what they do not say: a role to assume.
    ...(name === 'ALICLOUD_PROFILE' || (name === 'ALIBABA_CLOUD_PROFILE' && !variables) ? ['Terraform'] : []),
  ]
}

/** "the aliyun CLI prefers", "the aliyun CLI and Terraform prefer" */
function preferring(programs: readonly string[]): string {
  const last = programs.at(-1) ?? ''
  return programs.length === 1 ? `${last} prefers` : `${programs.slice(0, -1).join(', ')} and ${last} prefer`
}

function ignoringVariable({ holders }: Machine): string {
  return holders(IGNORING_VARIABLES)[0] ?? ''
}

function ignoresProfiles(machine: Machine): boolean {
  return machine.env[ignoringVariable(machine)] === 'TRUE'
}

/** Whether the CLI would use the current profile of a file in which this step has none. */
function goesByCurrentProfile(machine: Machine): boolean {
  const namesAnother = PROFILE_VARIABLES.some((name) => followersOf(name, machine).length > 0)
  return machine.profile === undefined && !ignoresProfiles(machine) && !namesAnother
}

function holdsAll(names: readonly string[], holders: Machine['holders']): boolean {
  return holders(names).length === names.length
}

/** The variables that this step does not replace. */
function left(names: readonly string[], target: ExportTarget, machine: Machine): readonly string[] {
  const replaced = machine.variables && machine.targets.includes(target)
  return replaced ? [] : machine.holders(names)
}

function addTarget(target: ExportTarget, { variables }: Machine): Prose {
  const cure = variables
    ? `Add ${target} to export-for`
    : `Let this step export its variables, with ${target} in export-for`
  return [`${cure}, or remove what is there from this job.`]
}

function quoted(name: string | undefined): string {
  return JSON.stringify(name ?? '')
}
