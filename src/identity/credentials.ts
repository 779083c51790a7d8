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
