/**
 * A key that signs requests: long-lived if `securityToken` is undefined, a session of STS
 * otherwise.
 */
export interface AccessKey {
  readonly accessKeyId: string
  readonly accessKeySecret: string
  readonly securityToken: string | undefined
}

/** An access key that STS issued, and that every consumer must present with its token. */
export interface TemporaryKey extends AccessKey {
  readonly securityToken: string
}

/** The parts of a key that there are; each of them is secret. */
export function partsOf(key: AccessKey | undefined): string[] {
  const { accessKeyId, accessKeySecret, securityToken } = key ?? {}
  return [accessKeyId, accessKeySecret, securityToken].filter((part) => part !== undefined)
}
