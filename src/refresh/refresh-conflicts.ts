/**
 * What makes a program use another identity than the one that this step keeps fresh, or keeps it
 * from asking for it. Apart from keys in variables these are other things than without `refresh`:
 * programs try a credentials URI last. What each program reads, and in which order, was
 * read in its source (aliyun CLI 3.4, Terraform provider 1.289, the SDKs of 2026).
 */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  assumesAnotherRole,
  namesAnotherProfile,
  REMOVE_VARIABLE,
  REMOVE_VARIABLES,
} from '../handover/conflict-texts.js'
import {
  IGNORING_VARIABLES,
  KEY_VARIABLES,
  OIDC_VARIABLES,
  PROFILE_VARIABLES,
  ROLE_VARIABLES,
  TOOLS,
} from '../handover/program-variables.js'
import type { Inputs } from '../inputs/inputs.js'
import { readCurrentProfile, type CurrentProfile } from '../profile/config-file.js'
import type { JobEnvironment } from '../runner/job-environment.js'
import { say, type Prose } from '../text/prose.js'

/** What the step serves, and what it finds on the machine. */
export interface RefreshSurroundings {
  readonly variables: Readonly<NodeJS.ProcessEnv>
  readonly profileName: string
  readonly setCurrent: boolean
  /** False if the profile alone is served. */
  readonly exports: boolean
  /** The CLI's current profile, if this step does not change it. */
  readonly current: CurrentProfile | undefined
  /** The SDKs' own credentials file, if there is one. */
  readonly sdkFile: string | undefined
}

/** What main warns of. */
export async function refreshConflicts(inputs: Inputs, job: JobEnvironment): Promise<Prose[]> {
  const { profile, exportVariables } = inputs
  const { configFile } = job
  if (profile === undefined || typeof configFile !== 'string') return []
  const { ALIBABA_CLOUD_CREDENTIALS_FILE: named = '' } = job.variables
  // Python and Java have the second name.
  const sdkFiles = named
    ? [named]
    : ['credentials', 'credentials.ini'].map((name) =>
        join(dirname(dirname(configFile)), '.alibabacloud', name),
      )
  return findRefreshConflicts({
    variables: job.variables,
    profileName: profile.name,
    setCurrent: profile.setCurrent,
    exports: exportVariables,
    current: profile.setCurrent ? undefined : await readCurrentProfile(configFile),
    sdkFile: sdkFiles.find((file) => existsSync(file)),
  })
}

/**
 * The warnings: each names the program and the fix. Empty if every program gets this step's
 * identity.
 */
export function findRefreshConflicts(surroundings: RefreshSurroundings): Prose[] {
  const cli = cliConflicts(surroundings)
  if (!surroundings.exports) return cli
  return [
    ...keyConflicts(surroundings),
    ...cli,
    ...sdkConflicts(surroundings),
    ...terraformConflicts(surroundings),
    ...toolConflicts(surroundings),
  ]
}

function keyConflicts({ variables }: RefreshSurroundings): Prose[] {
  const keys = held(variables, KEY_VARIABLES)
  return keys.length === 0
    ? []
    : [
        say`${keys.join(', ')}: SDKs and Terraform prefer a key in a variable to the credentials that this step keeps fresh. ${REMOVE_VARIABLES}. If an earlier step of this action exports them, give that step export-environment-variables: false.`,
      ]
}

function cliConflicts({ variables, profileName, setCurrent, exports }: RefreshSurroundings): Prose[] {
  const ours = exports && setCurrent ? ['ALICLOUD_PROFILE'] : []
  const [naming] = held(variables, PROFILE_VARIABLES).filter((name) => !ours.includes(name))
  const disabled = variables.ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS ?? ''
  const [ignoring] = IGNORING_VARIABLES.filter((name) => variables[name] === 'TRUE')
  return [
    ...(/^(1|true)$/i.test(disabled)
      ? [
          say`ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS=${disabled}: the aliyun CLI from 3.4.3 then refuses the profile that this step writes. ${REMOVE_VARIABLE}.`,
        ]
      : []),
    ...(ignoring === undefined
      ? []
      : [
          say`${ignoring}=TRUE: the aliyun CLI ignores the profile that this step writes. ${REMOVE_VARIABLE}.`,
        ]),
    ...(naming === undefined || ignoring !== undefined || variables[naming] === profileName
      ? []
      : [namesAnotherProfile(naming, variables[naming], 'the aliyun CLI prefers')]),
  ]
}

function sdkConflicts({ variables, profileName, current, sdkFile }: RefreshSurroundings): Prose[] {
  const oidc = held(variables, OIDC_VARIABLES)
  const named = variables.ALIBABA_CLOUD_PROFILE ?? ''
  const [proxy] = held(variables, ['HTTP_PROXY', 'http_proxy'])
  return [
    ...(oidc.length < OIDC_VARIABLES.length
      ? []
      : [
          say`${oidc.join(', ')}: SDKs assume that role by themselves and never ask for the credentials of this step. ${REMOVE_VARIABLES}.`,
        ]),
    ...(named === '' || named === profileName
      ? []
      : [
          say`ALIBABA_CLOUD_PROFILE names the profile ${JSON.stringify(named)}: SDKs prefer it to the credentials of this step. ${REMOVE_VARIABLE}.`,
        ]),
    ...(named === '' && current?.authenticates === true && current.name !== profileName
      ? [
          say`The aliyun CLI's current profile ${JSON.stringify(current.name)} stays the current one (set-current-profile is false): SDKs prefer it to the credentials of this step. Set ALIBABA_CLOUD_CLI_PROFILE_DISABLED=true for them.`,
        ]
      : []),
    ...held(variables, ['ALIBABA_CLOUD_CONFIG_FILE']).map(
      (name) =>
        say`${name} names a file whose current profile the SDK for Go prefers to the credentials of this step. ${REMOVE_VARIABLE}.`,
    ),
    ...(sdkFile === undefined
      ? []
      : [
          say`${sdkFile} exists: SDKs prefer it to the credentials of this step. Remove the file, or give the SDK a credentials-URI client.`,
        ]),
    ...(proxy === undefined
      ? []
      : [
          say`${proxy} is set: the SDK for Python asks that proxy for the credentials of this step, whatever NO_PROXY says, and gets none. Unset the variable for Python; HTTPS_PROXY does no harm.`,
        ]),
  ]
}

function terraformConflicts({ variables }: RefreshSurroundings): Prose[] {
  const token = held(variables, KEY_VARIABLES).length > 0 ? [] : held(variables, ['ALICLOUD_SECURITY_TOKEN'])
  return [
    ...held(variables, ROLE_VARIABLES).map(assumesAnotherRole),
    ...token.map(
      (name) =>
        say`${name} holds an earlier token: Terraform sends it with the key of this step. ${REMOVE_VARIABLE}.`,
    ),
  ]
}

function toolConflicts({ variables }: RefreshSurroundings): Prose[] {
  return TOOLS.flatMap(({ programs, variables: names }) => {
    const found = held(variables, names)
    return found.length === 0
      ? []
      : [
          say`${found.join(', ')}: ${[programs]} will use what an earlier identity left there, and refresh does not serve this tool. ${REMOVE_VARIABLES}.`,
        ]
  })
}

function held(variables: Readonly<NodeJS.ProcessEnv>, names: readonly string[]): string[] {
  return names.filter((name) => (variables[name] ?? '') !== '')
}
