/** The group in the log that says what later steps have. */
import { sourceLabel } from '../identity/labels.js'
import type { Inputs } from '../inputs/inputs.js'
import type { Session } from '../sts/role-chain.js'
import { say, type Prose } from '../text/prose.js'
import type { ProfileTarget } from './hand-over.js'

/** @param now the current time, to say in how many minutes the session expires */
export function successReport(
  inputs: Inputs,
  session: Session,
  profile: ProfileTarget | undefined,
  now: Date,
): { title: Prose; lines: readonly Prose[] } {
  const through = inputs.roles.length > 1 ? say`, through ${inputs.roles.length} roles` : []
  const targets = inputs.exportFor.length > 0 ? say`, and those of ${inputs.exportFor.join(', ')}` : []
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
      say`Expires:   ${expiry(session.expiration, now)}`,
      ...(session.requestId === undefined ? [] : [say`RequestId: ${session.requestId}`]),
      inputs.exportVariables
        ? say`Exported:  the ALIBABA_CLOUD_*, ALIBABACLOUD_* and ALICLOUD_* variables${targets}`
        : ['Exported:  nothing (export-environment-variables: false)'],
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

/** What the post step will do. */
function whenTheJobEnds({ cleanup, exportVariables }: Inputs, profile: ProfileTarget | undefined): Prose {
  if (!cleanup) return ['When the job ends: everything stays (cleanup: false).']
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
