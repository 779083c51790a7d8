/** Variables by which programs find an identity of their own, in the order in which they ask. */
import type { ExportTarget } from '../inputs/table.js'

/** The aliyun CLI goes by the first. */
export const PROFILE_VARIABLES = ['ALIBABACLOUD_PROFILE', 'ALIBABA_CLOUD_PROFILE', 'ALICLOUD_PROFILE']

/** With the value TRUE. */
export const IGNORING_VARIABLES = ['ALIBABA_CLOUD_IGNORE_PROFILE', 'ALIBABACLOUD_IGNORE_PROFILE']

/** All three together, as ACK's RRSA sets them. */
export const OIDC_VARIABLES = [
  'ALIBABA_CLOUD_ROLE_ARN',
  'ALIBABA_CLOUD_OIDC_PROVIDER_ARN',
  'ALIBABA_CLOUD_OIDC_TOKEN_FILE',
]

/** The ID of an access key, by any of its names. */
export const KEY_VARIABLES = [
  'ALIBABA_CLOUD_ACCESS_KEY_ID',
  'ALIBABACLOUD_ACCESS_KEY_ID',
  'ALICLOUD_ACCESS_KEY',
  'ALICLOUD_ACCESS_KEY_ID',
]

/** Each names a role that Terraform assumes on top of the identity that it has. */
export const ROLE_VARIABLES = ['ALIBABA_CLOUD_ROLE_ARN', 'ALICLOUD_ASSUME_ROLE_ARN']

/** A tool, or several that read the same, that finds a key in variables of its own. */
export interface Tool {
  /** Its name in `export-for`. */
  readonly target: ExportTarget
  readonly programs: string
  readonly variables: readonly string[]
}

export const TOOLS: readonly Tool[] = [
  {
    target: 'oss',
    programs: 'ossutil and the OSS SDKs',
    variables: ['OSS_ACCESS_KEY_ID', 'OSS_ACCESS_KEY_SECRET', 'OSS_SESSION_TOKEN'],
  },
  { target: 'packer', programs: 'Packer', variables: ['SECURITY_TOKEN'] },
  { target: 'serverless-devs', programs: 'Serverless Devs', variables: ['default_serverless_devs_key'] },
]
