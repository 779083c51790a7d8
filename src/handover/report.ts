/** The group in the log that says what later steps have. */
import type { Inputs } from '../inputs/inputs.js'
import type { Session } from '../sts/role-chain.js'
import { say, type Prose } from '../text/prose.js'
import type { ProfileTarget } from './hand-over.js'

const SOURCE_NAMES = {
  oidc: 'the OIDC token of this job',
  'access-key': 'the access key of the inputs',
  environment: "the key in the job's environment",
  'ecs-ram-role': "the instance's RAM role",
} as const

/** @param now the current time, to say in how many minutes the session expires */
export function successReport(
  inputs: Inputs,
  session: Session,
  profile: ProfileTarget | undefined,
  now: Date,
): { title: Prose; lines: readonly Prose[] } {
  const { source } = inputs
  const from =
    source.kind === 'oidc' && source.tokenFile !== undefined
      ? say`the OIDC token in ${source.tokenFile}`
      : [SOURCE_NAMES[source.kind]]
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
      say`Source:    ${from}${through}`,
      say`Expires:   ${expiry(session.expiration, now)}`,
      ...(session.requestId === undefined ? [] : [say`RequestId: ${session.requestId}`]),
      ...(inputs.exportVariables
        ? [say`Exported:  the ALIBABA_CLOUD_*, ALIBABACLOUD_* and ALICLOUD_* variables${targets}`]
        : []),
      ...(profile === undefined ? [] : [say`Profile:   ${JSON.stringify(profile.name)} in ${profile.path}`]),
      inputs.cleanup
        ? ['When the job ends: variables and profile are restored.']
        : ['When the job ends: everything stays (cleanup: false).'],
    ],
  }
}

function expiry(expiration: string | undefined, now: Date): Prose {
  if (expiration === undefined) return ['unknown (the source does not report it)']
  const minutes = Math.round((Date.parse(expiration) - now.getTime()) / 60_000)
  return say`${expiration} (in ${minutes} minutes)`
}
