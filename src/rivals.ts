/**
 * One job, one identity: what on this machine would make a program use another one than this step's. Each finding names the program and the
 * cure. What each program reads, and in which order, was read in its source (aliyun CLI 3.4, Terraform provider 1.289, the SDKs).
 */
import type { ExportTarget } from './inputs.js'
import type { CurrentProfile } from './profile/config-file.js'

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
const KEY_VARIABLES = ['ALIBABA_CLOUD_ACCESS_KEY_ID', 'ALIBABACLOUD_ACCESS_KEY_ID', 'ALICLOUD_ACCESS_KEY', 'ALICLOUD_ACCESS_KEY_ID']

/** One sentence or two for each rival; empty on a machine where all programs end with this step's identity. */
export function findRivals(env: Environment, handedOn: HandedOn, current: CurrentProfile | undefined): string[] {
  if (!handedOn.variables && handedOn.profile === undefined) return []
  const isSet = (name: string): boolean => (env[name] ?? '') !== ''
  const cliIgnoresProfiles = env.ALIBABA_CLOUD_IGNORE_PROFILE === 'TRUE'
  const rivals: string[] = []

  const naming = cliIgnoresProfiles ? undefined : PROFILE_VARIABLES.find((name) => isSet(name) && env[name] !== handedOn.profile)
  if (naming !== undefined) {
    rivals.push(
      `${naming} names the profile ${JSON.stringify(env[naming])}: the aliyun CLI will use that profile rather than this step's identity. Unset it, or give this step's profile that name (input profile).`,
    )
  } else if (handedOn.profile === undefined && current !== undefined && !cliIgnoresProfiles) {
    if (current.authenticates) {
      rivals.push(
        `The aliyun CLI's current profile ${JSON.stringify(current.name)} (mode ${current.mode}) comes before the variables there: the CLI will not use this step's identity, while SDKs and Terraform will. Write this step's own profile (inputs profile and region), or set ALIBABA_CLOUD_IGNORE_PROFILE=TRUE.`,
      )
    } else if (handedOn.region !== undefined && current.regionId !== undefined && current.regionId !== handedOn.region) {
      rivals.push(
        `The aliyun CLI's current profile ${JSON.stringify(current.name)} has the region ${current.regionId}, and the CLI prefers it to the variables' ${handedOn.region}. Write this step's own profile (input profile), or pass --region.`,
      )
    }
  }
  if (cliIgnoresProfiles && !handedOn.variables) {
    rivals.push(
      'ALIBABA_CLOUD_IGNORE_PROFILE=TRUE makes the aliyun CLI ignore the profile that this step writes. Unset it, or let this step export its variables.',
    )
  }

  const assumingAgain = ['ALIBABA_CLOUD_ROLE_ARN', 'ALICLOUD_ASSUME_ROLE_ARN'].filter(isSet)
  if (assumingAgain.length > 0) {
    rivals.push(`${assumingAgain.join(' and ')}: Terraform assumes that role once more, on top of this step's identity. Unset it.`)
  }

  if (!handedOn.variables) {
    const key = KEY_VARIABLES.find(isSet)
    if (key !== undefined) {
      rivals.push(
        `${key} holds a key: SDKs and Terraform prefer variables to the profile that this step writes. Unset it, or let this step export its variables.`,
      )
    }
    return rivals
  }

  const has = (target: ExportTarget): boolean => handedOn.targets.includes(target)
  const oss = ['OSS_ACCESS_KEY_ID', 'OSS_ACCESS_KEY_SECRET', 'OSS_SESSION_TOKEN'].filter(isSet)
  if (oss.length > 0 && !has('oss')) {
    rivals.push(
      `${oss.join(', ')}: ossutil and the OSS SDKs will use that earlier key. Add oss to export-for, or unset ${oss.length === 1 ? 'it' : 'them'}.`,
    )
  }
  if (isSet('SECURITY_TOKEN') && !has('packer')) {
    rivals.push('SECURITY_TOKEN holds the token of an earlier identity, and Packer reads it. Add packer to export-for, or unset it.')
  }
  // Serverless Devs asks whether these are present, not whether they are empty, and drops the token then.
  const keyVariables = ['AccountID', 'AccessKeyID', 'AccessKeySecret']
  if (keyVariables.every((name) => env[name] !== undefined)) {
    rivals.push(
      `${keyVariables.join(', ')}: Serverless Devs prefers these to any other key and sends no security token with them. Remove them from the job.`,
    )
  }
  if (isSet('default_serverless_devs_key') && !has('serverless-devs')) {
    rivals.push(
      'default_serverless_devs_key holds an earlier key, and Serverless Devs will use it. Add serverless-devs to export-for, or unset it.',
    )
  }
  return rivals
}
