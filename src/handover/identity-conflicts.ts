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
  assumesAnotherRole,
  namesAnotherProfile,
  REMOVE_VARIABLE,
  REMOVE_VARIABLES,
} from './conflict-texts.js'
import {
  IGNORING_VARIABLES,
  KEY_VARIABLES,
  OIDC_VARIABLES,
  PROFILE_VARIABLES,
  ROLE_VARIABLES,
  TOOLS,
  type Tool,
} from './program-variables.js'

/** What this step passes on. */
export interface PassedOn {
  /** Whether the key's variables are exported. */
  readonly variables: boolean
  readonly targets: readonly ExportTarget[]
  readonly profile: string | undefined
  readonly region: string | undefined
  /**
   * A temporary key that is passed on as it is: a variable that already holds it is not a conflict.
   */
  readonly key?: AccessKey | undefined
}

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
  const passedOn: PassedOn = {
    variables: exportVariables,
    targets: inputs.exportFor,
    profile: profile?.name,
    region: inputs.region,
    key: 'key' in source && roles.length === 0 ? source.key : undefined,
  }
  const path = job.configFile
  if (typeof path !== 'string' || profile !== undefined)
    return findIdentityConflicts(job.variables, passedOn, undefined)
  try {
    const current = await readCurrentProfile(path)
    return findIdentityConflicts(job.variables, passedOn, current, filesOfPythonCli(path))
  } catch (failure) {
    // A step that writes no profile does not refuse a broken config.json.
    const broken = say`The aliyun CLI may fail in this job. ${textOf(failure)}`
    return [
      ...(exportVariables ? [broken] : []),
      ...findIdentityConflicts(job.variables, passedOn, undefined),
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
interface Machine extends PassedOn {
  readonly env: Readonly<NodeJS.ProcessEnv>
  readonly current: CurrentProfile | undefined
  readonly pythonCli: string | undefined
  /** Which of these variables hold something that is not this step's own. */
  readonly holders: (names: readonly string[]) => readonly string[]
}

interface Rule {
  readonly applies: (machine: Machine) => boolean
  /** Which program would use another identity, why, and what to do; no value of a credential. */
  readonly text: (machine: Machine) => Prose
}

const SERVERLESS_DEVS_VARIABLES = ['AccountID', 'AccessKeyID', 'AccessKeySecret']

/** The only region that the CLI knows if it ignores its profiles. */
const REGION_WITHOUT_PROFILE = 'cn-hangzhou'

const OR_EXPORT: Prose = ['or let this step export its variables.']

const CLI_RULES: readonly Rule[] = [
  ...PROFILE_VARIABLES.map((name): Rule => ({
    applies: (machine) => followersOf(name, machine).length > 0,
    text: (machine) => namesAnotherProfile(name, machine.env[name], preferring(followersOf(name, machine))),
  })),
  {
    applies: (machine) => ignoresProfiles(machine) && !machine.variables,
    text: (machine) =>
      say`${ignoringVariable(machine)}=TRUE makes the aliyun CLI ignore the profile that this step writes. ${REMOVE_VARIABLE}, ${OR_EXPORT}`,
  },
  {
    applies: (machine) =>
      ignoresProfiles(machine) &&
      machine.variables &&
      machine.region !== undefined &&
      machine.region !== REGION_WITHOUT_PROFILE,
    text: (machine) =>
      say`${ignoringVariable(machine)}=TRUE makes the aliyun CLI use the region ${REGION_WITHOUT_PROFILE} instead of ${machine.region ?? ''}. Give the CLI --region, or remove the variable from this job and write this step's own profile (input profile).`,
  },
  {
    applies: (machine) => goesByCurrentProfile(machine) && machine.current?.authenticates === true,
    text: ({ current }) =>
      say`The aliyun CLI's current profile ${quoted(current?.name)} (mode ${current?.mode || 'not given'}) takes precedence over the variables: the CLI will not use this step's identity, but SDKs and Terraform will. Write this step's own profile (inputs profile and region), or set ALIBABA_CLOUD_IGNORE_PROFILE=TRUE and give the CLI --region.`,
  },
  {
    applies: (machine) => goesByCurrentProfile(machine) && machine.pythonCli !== undefined,
    text: ({ pythonCli }) =>
      say`${pythonCli ?? ''} holds a key of the earlier CLI: the aliyun CLI copies it into a profile at its first call, and prefers that to this step's identity from then on. Remove the file, or write this step's own profile (inputs profile and region).`,
  },
  {
    applies: (machine) =>
      goesByCurrentProfile(machine) &&
      machine.current?.authenticates !== true &&
      (machine.current?.mode ?? '') === '' &&
      machine.env.ALIBABA_CLOUD_PROFILE_MODE?.toLowerCase() === 'anonymous',
    text: ({ env }) =>
      say`ALIBABA_CLOUD_PROFILE_MODE=${env.ALIBABA_CLOUD_PROFILE_MODE ?? ''} makes the aliyun CLI send its requests unsigned. ${REMOVE_VARIABLE}, or write this step's own profile (input profile).`,
  },
  {
    applies: (machine) =>
      goesByCurrentProfile(machine) &&
      machine.current?.authenticates === false &&
      machine.region !== undefined &&
      machine.current.regionId !== undefined &&
      machine.current.regionId !== machine.region,
    text: ({ current, region }) =>
      say`The aliyun CLI's current profile ${quoted(current?.name)} has the region ${current?.regionId ?? ''}, and the CLI prefers it to the variables' ${region ?? ''}. Write this step's own profile (input profile), or give the CLI --region.`,
  },
]

const ROLE_RULES: readonly Rule[] = [
  ...ROLE_VARIABLES.map((name): Rule => ({
    applies: ({ holders }) => holders([name]).length > 0,
    text: () => assumesAnotherRole(name),
  })),
  {
    applies: ({ holders, variables }) => !variables && holdsAll(OIDC_VARIABLES, holders),
    text: () =>
      say`${OIDC_VARIABLES.join(', ')}: SDKs assume that role by themselves before they read the profile that this step writes. ${REMOVE_VARIABLES}, ${OR_EXPORT}`,
  },
  {
    applies: ({ holders, variables }) => variables && holdsAll(OIDC_VARIABLES, holders),
    text: () =>
      say`${OIDC_VARIABLES.join(', ')}: SDKs and tools that look for an OIDC token first assume that role instead of using this step's identity. ${REMOVE_VARIABLES}.`,
  },
]

/**
 * What is preferred to a profile, or leads away from it, if this step exports no key of its own.
 */
const PROFILE_RULES: readonly Rule[] = [
  {
    applies: ({ holders }) => holders(KEY_VARIABLES).length > 0,
    text: ({ holders }) =>
      say`${holders(KEY_VARIABLES)[0] ?? ''} holds a key: SDKs and Terraform prefer variables to the profile that this step writes. ${REMOVE_VARIABLE}, ${OR_EXPORT}`,
  },
  {
    applies: ({ holders }) =>
      holders(KEY_VARIABLES).length === 0 && holders(['ALICLOUD_SECURITY_TOKEN']).length > 0,
    text: () =>
      say`ALICLOUD_SECURITY_TOKEN holds an earlier token: Terraform sends it with the key of this step's profile. ${REMOVE_VARIABLE}, ${OR_EXPORT}`,
  },
  {
    applies: ({ env }) => env.ALIBABA_CLOUD_CLI_PROFILE_DISABLED?.toLowerCase() === 'true',
    text: () =>
      say`ALIBABA_CLOUD_CLI_PROFILE_DISABLED makes SDKs ignore the profile that this step writes. ${REMOVE_VARIABLE}, ${OR_EXPORT}`,
  },
  ...(
    [
      ['ALIBABA_CLOUD_CONFIG_FILE', 'the SDK for Go'],
      ['ALICLOUD_SHARED_CREDENTIALS_FILE', 'Terraform'],
      ['ALIBABA_CLOUD_CREDENTIALS_FILE', 'Terraform'],
    ] as const
  ).map(([name, program]): Rule => ({
    applies: ({ holders }) => holders([name]).length > 0,
    text: () =>
      say`${name} names a file that ${[program]} reads instead of the one that this step writes. ${REMOVE_VARIABLE}, ${OR_EXPORT}`,
  })),
]

/** Variables of single tools that an earlier identity left behind. */
const TOOL_RULES: readonly Rule[] = [
  ...TOOLS.map((tool): Rule => ({
    applies: (machine) => leftFor(tool, machine).length > 0,
    text: (machine) =>
      say`${leftFor(tool, machine).join(', ')}: ${[tool.programs]} will use what an earlier identity left there. ${addTarget(tool.target, machine)}`,
  })),
  {
    // It asks whether these are present, not whether they are empty.
    applies: ({ env }) => SERVERLESS_DEVS_VARIABLES.every((name) => env[name] !== undefined),
    text: () =>
      say`${SERVERLESS_DEVS_VARIABLES.join(', ')}: Serverless Devs prefers these to any other key and sends no security token with them. ${REMOVE_VARIABLES}.`,
  },
]

/**
 * @param pythonCli the Python CLI's credentials, if the aliyun CLI would migrate them
 * @returns one or two sentences for each rule that applies; none if all programs end with this
 * step's identity
 */
export function findIdentityConflicts(
  env: Readonly<NodeJS.ProcessEnv>,
  passedOn: PassedOn,
  current: CurrentProfile | undefined,
  pythonCli?: string,
): Prose[] {
  if (!passedOn.variables && passedOn.profile === undefined) return []
  const own = Object.values(passedOn.key ?? {})
  const holders = (names: readonly string[]): string[] =>
    names.filter((name) => (env[name] ?? '') !== '' && !own.includes(env[name]))
  const machine: Machine = { ...passedOn, env, current, pythonCli, holders }
  const rules = [...CLI_RULES, ...ROLE_RULES, ...(passedOn.variables ? [] : PROFILE_RULES), ...TOOL_RULES]
  return rules.filter(({ applies }) => applies(machine)).map(({ text }) => text(machine))
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

/** The tool's variables that this step does not replace. */
function leftFor({ target, variables }: Tool, machine: Machine): readonly string[] {
  const replaced = machine.variables && machine.targets.includes(target)
  return replaced ? [] : machine.holders(variables)
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
