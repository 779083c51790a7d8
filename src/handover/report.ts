/** The group in the log that says what later steps have. */
import { sourceLabel } from '../identity/labels.js'
import type { Inputs } from '../inputs/inputs.js'
import type { Session } from '../sts/role-chain.js'
import { say, type Prose } from '../text/prose.js'
import type { ProfileTarget } from './profile-target.js'

/** @param now the current time, to say in how many minutes the session expires */
export function successReport(
  inputs: Inputs,
  session: Session,
  profile: ProfileTarget | undefined,
  now: Date,
): { title: Prose; lines: readonly Prose[] } {
  const through = inputs.roles.length > 1 ? say`, through ${inputs.roles.length} roles` : []
  const renewed = inputs.refresh ? ['; renewed until the job ends'] : []
  return {
    title: say`Alibaba Cloud identity: ${session.arn}`,
    lines: [
      say`Account:   ${session.accountId}`,
      inputs.region === undefined
        ? [
            'Region:    none. The aliyun CLI requires --region, and Terraform uses cn-beijing unless it is told otherwise.',
          ]
        : say`Region:    ${inputs.region}`,
      say`Source:    ${sourceLabel(inputs.source)}${through}`,
      say`Expires:   ${expiry(session.expiration, now)}${renewed}`,
      ...(session.requestId === undefined ? [] : [say`RequestId: ${session.requestId}`]),
      exported(inputs),
      ...(profile === undefined ? [] : [say`Profile:   ${JSON.stringify(profile.name)} in ${profile.path}`]),
      whenTheJobEnds(inputs, profile),
    ],
  }
}

function expiry(expiration: string | undefined, now: Date): Prose {
  if (expiration === undefined) return ['unknown (the source does not report it)']
  const minutes = Math.round((Date.parse(expiration) - now.getTime()) / 60_000)
  if (!(minutes >= 1)) return say`${expiration} (in less than a minute)`
  return say`${expiration} (in ${minutes} ${minutes === 1 ? ['minute'] : ['minutes']})`
}

function exported({ exportVariables, exportFor, refresh }: Inputs): Prose {
  if (!exportVariables) return ['Exported:  nothing (export-environment-variables: false)']
  if (refresh) {
    return [
      'Exported:  ALIBABA_CLOUD_CREDENTIALS_URI for SDKs, ALICLOUD_SHARED_CREDENTIALS_FILE for Terraform. No variable holds a key.',
    ]
  }
  const targets = exportFor.length > 0 ? say`, and those of ${exportFor.join(', ')}` : []
  return say`Exported:  the ALIBABA_CLOUD_*, ALIBABACLOUD_* and ALICLOUD_* variables${targets}`
}

/** What the post step will do. */
function whenTheJobEnds(
  { cleanup, exportVariables, refresh }: Inputs,
  profile: ProfileTarget | undefined,
): Prose {
  if (!cleanup) return ['When the job ends: everything stays (cleanup: false).']
  if (refresh) {
    return [
      exportVariables
        ? 'When the job ends: the renewals stop, and variables and profile are restored.'
        : 'When the job ends: the renewals stop, and the profile is restored.',
    ]
  }
  if (exportVariables)
    return [
      profile === undefined
        ? 'When the job ends: the variables are restored.'
        : 'When the job ends: variables and profile are restored.',
    ]
  return [
    profile === undefined
      ? 'When the job ends: there is nothing to restore.'
      : 'When the job ends: the profile is restored.',
  ]
}
