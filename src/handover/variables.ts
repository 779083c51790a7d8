/** What later steps find in their environment. */
import type { ExportTarget } from '../inputs/inputs.js'
import type { Session } from '../sts/role-chain.js'

/** Holds one JSON value with the whole key; the name is Serverless Devs' own. */
const SERVERLESS_DEVS_KEY = 'default_serverless_devs_key'

/** Variables without anything secret in them; what the others held before is somebody's credential. */
const PLAIN_VARIABLES: ReadonlySet<string> = new Set([
  'ALIBABA_CLOUD_REGION_ID',
  'ALIBABA_CLOUD_REGION',
  'ALICLOUD_REGION',
  'ALIBABACLOUD_REGION_ID',
  'OSS_REGION',
  'serverless_devs_access_cicd_alias_name',
])

export function holdsCredential(variable: string): boolean {
  return !PLAIN_VARIABLES.has(variable)
}

/**
 * The variables for a session, in the order in which they are written: for the aliyun CLI and the SDKs (`ALIBABA_CLOUD_*`), older CLIs
 * (`ALIBABACLOUD_*`), Terraform, Pulumi and Packer (`ALICLOUD_*`), and the tools asked for. No value is empty.
 */
export function variablesFor(
  session: Pick<Session, 'key' | 'accountId'>,
  region: string | undefined,
  targets: readonly ExportTarget[],
): ReadonlyMap<string, string> {
  const { accessKeyId, accessKeySecret, securityToken } = session.key
  const variables = new Map([
    ['ALIBABA_CLOUD_ACCESS_KEY_ID', accessKeyId],
    ['ALIBABA_CLOUD_ACCESS_KEY_SECRET', accessKeySecret],
    ['ALIBABA_CLOUD_SECURITY_TOKEN', securityToken],
    ['ALIBABACLOUD_ACCESS_KEY_ID', accessKeyId],
    ['ALIBABACLOUD_ACCESS_KEY_SECRET', accessKeySecret],
    ['ALIBABACLOUD_SECURITY_TOKEN', securityToken],
    ['ALICLOUD_ACCESS_KEY', accessKeyId],
    ['ALICLOUD_SECRET_KEY', accessKeySecret],
    ['ALICLOUD_SECURITY_TOKEN', securityToken],
  ])
  if (region !== undefined) {
    for (const name of [
      'ALIBABA_CLOUD_REGION_ID',
      'ALIBABA_CLOUD_REGION',
      'ALICLOUD_REGION',
      'ALIBABACLOUD_REGION_ID',
    ]) {
      variables.set(name, region)
    }
  }
  for (const target of targets) {
    switch (target) {
      case 'oss':
        variables.set('OSS_ACCESS_KEY_ID', accessKeyId)
        variables.set('OSS_ACCESS_KEY_SECRET', accessKeySecret)
        variables.set('OSS_SESSION_TOKEN', securityToken)
        if (region !== undefined) variables.set('OSS_REGION', region)
        break
      case 'packer':
        variables.set('SECURITY_TOKEN', securityToken)
        break
      case 'serverless-devs':
        variables.set(
          SERVERLESS_DEVS_KEY,
          JSON.stringify({
            AccountID: session.accountId,
            AccessKeyID: accessKeyId,
            AccessKeySecret: accessKeySecret,
            SecurityToken: securityToken,
          }),
        )
        variables.set('serverless_devs_access_cicd_alias_name', SERVERLESS_DEVS_KEY)
        break
    }
  }
  return variables
}
