import type { AccessKey } from './credentials.js'

/** The variables of a key, in the order in which the aliyun CLI (3.4) asks for them. */
const FAMILIES = [
  ['ALIBABA_CLOUD_ACCESS_KEY_ID', 'ALIBABA_CLOUD_ACCESS_KEY_SECRET', 'ALIBABA_CLOUD_SECURITY_TOKEN'],
  ['ALIBABACLOUD_ACCESS_KEY_ID', 'ALIBABACLOUD_ACCESS_KEY_SECRET', 'ALIBABACLOUD_SECURITY_TOKEN'],
  ['ALICLOUD_ACCESS_KEY_ID', 'ALICLOUD_ACCESS_KEY_SECRET', 'ALICLOUD_SECURITY_TOKEN'],
  // Terraform's and Packer's names, which this action exports too.
  ['ALICLOUD_ACCESS_KEY', 'ALICLOUD_SECRET_KEY', 'ALICLOUD_SECURITY_TOKEN'],
  ['ACCESS_KEY_ID', 'ACCESS_KEY_SECRET', 'SECURITY_TOKEN'],
] as const

/**
 * The key that the job's environment already holds: of the first family that names both an ID and a
 * secret, with that family's own token. (The CLI asks for each field by itself, and would join one
 * key's ID with another's token.) Undefined if no family is complete.
 */
export function environmentKey(env: Readonly<NodeJS.ProcessEnv>): AccessKey | undefined {
  const value = (name: string): string | undefined => env[name]?.trim() || undefined
  for (const [id, secret, token] of FAMILIES) {
    const [accessKeyId, accessKeySecret] = [value(id), value(secret)]
    if (accessKeyId !== undefined && accessKeySecret !== undefined)
      return { accessKeyId, accessKeySecret, securityToken: value(token) }
  }
  return undefined
}
