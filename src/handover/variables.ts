/** The variables that later steps find in their environment: one table. */
import type { ExportTarget } from '../inputs/table.js'
import type { Session } from '../sts/role-chain.js'

/** What the variables' values are made of. */
export interface ExportedSession extends Pick<Session, 'key' | 'accountId'> {
  /** Where the newest session is served, if the step refreshes: then no variable holds a key. */
  readonly served?: ServedSession | undefined
}

/** Where the keeper serves its sessions. */
export interface ServedSession {
  /** The keeper's credentials URI. */
  readonly uri: string
  /** The keeper's file of one StsToken profile. */
  readonly file: string
  /** The profile's name in that file, if programs should use it by default. */
  readonly profileName: string | undefined
}

interface Variable {
  readonly name: string
  /** What the variable holds is masked, and so is what it held before. */
  readonly secret: boolean
  /** Exported always, or only for this target. */
  readonly target?: ExportTarget
  /** Undefined if there is nothing to export, as with a region that was not given. */
  readonly value: (session: ExportedSession, region: string | undefined) => string | undefined
}

type Reader = (session: ExportedSession) => string | undefined
const accessKeyId: Reader = ({ key, served }) => (served === undefined ? key.accessKeyId : undefined)
const accessKeySecret: Reader = ({ key, served }) => (served === undefined ? key.accessKeySecret : undefined)
const securityToken: Reader = ({ key, served }) => (served === undefined ? key.securityToken : undefined)
const regionId = (_session: ExportedSession, region: string | undefined): string | undefined => region

/** Serverless Devs' own name; it holds one JSON value with the whole key. */
const SERVERLESS_DEVS_KEY = 'default_serverless_devs_key'

/** In the order in which they are written. What each program reads: docs/programs.md. */
const VARIABLES: readonly Variable[] = [
  // The aliyun CLI and the SDKs.
  { name: 'ALIBABA_CLOUD_ACCESS_KEY_ID', secret: true, value: accessKeyId },
  { name: 'ALIBABA_CLOUD_ACCESS_KEY_SECRET', secret: true, value: accessKeySecret },
  { name: 'ALIBABA_CLOUD_SECURITY_TOKEN', secret: true, value: securityToken },
  // The aliyun CLI up to 3.0.212.
  { name: 'ALIBABACLOUD_ACCESS_KEY_ID', secret: true, value: accessKeyId },
  { name: 'ALIBABACLOUD_ACCESS_KEY_SECRET', secret: true, value: accessKeySecret },
  { name: 'ALIBABACLOUD_SECURITY_TOKEN', secret: true, value: securityToken },
  // Terraform, Pulumi, Packer.
  { name: 'ALICLOUD_ACCESS_KEY', secret: true, value: accessKeyId },
  { name: 'ALICLOUD_SECRET_KEY', secret: true, value: accessKeySecret },
  { name: 'ALICLOUD_SECURITY_TOKEN', secret: true, value: securityToken },
  // With refresh, in place of all of the above: the SDKs.
  { name: 'ALIBABA_CLOUD_CREDENTIALS_URI', secret: true, value: ({ served }) => served?.uri },
  // They ask the metadata service of an ECS instance before the URI.
  {
    name: 'ALIBABA_CLOUD_ECS_METADATA_DISABLED',
    secret: false,
    value: ({ served }) => (served === undefined ? undefined : 'true'),
  },
  // Terraform, OpenTofu, Pulumi, Packer.
  { name: 'ALICLOUD_SHARED_CREDENTIALS_FILE', secret: false, value: ({ served }) => served?.file },
  { name: 'ALICLOUD_PROFILE', secret: false, value: ({ served }) => served?.profileName },
  { name: 'ALIBABA_CLOUD_REGION_ID', secret: false, value: regionId },
  { name: 'ALIBABA_CLOUD_REGION', secret: false, value: regionId },
  { name: 'ALICLOUD_REGION', secret: false, value: regionId },
  { name: 'ALIBABACLOUD_REGION_ID', secret: false, value: regionId },
  // ossutil 2 and the OSS SDKs.
  { name: 'OSS_ACCESS_KEY_ID', secret: true, target: 'oss', value: accessKeyId },
  { name: 'OSS_ACCESS_KEY_SECRET', secret: true, target: 'oss', value: accessKeySecret },
  { name: 'OSS_SESSION_TOKEN', secret: true, target: 'oss', value: securityToken },
  { name: 'OSS_REGION', secret: false, target: 'oss', value: regionId },
  { name: 'SECURITY_TOKEN', secret: true, target: 'packer', value: securityToken },
  {
    name: SERVERLESS_DEVS_KEY,
    secret: true,
    target: 'serverless-devs',
    value: (session) =>
      JSON.stringify({
        AccountID: session.accountId,
        AccessKeyID: accessKeyId(session),
        AccessKeySecret: accessKeySecret(session),
        SecurityToken: securityToken(session),
      }),
  },
  {
    name: 'serverless_devs_access_cicd_alias_name',
    secret: false,
    target: 'serverless-devs',
    value: () => SERVERLESS_DEVS_KEY,
  },
]

const BY_NAME: ReadonlyMap<string, Variable> = new Map(VARIABLES.map((variable) => [variable.name, variable]))

/**
 * Whether main can export a variable of this name: post restores no other, whatever its state says.
 */
export function isExportable(name: string): boolean {
  return BY_NAME.has(name)
}

/** Whether what a variable of this name held before is a credential, and so has to be masked. */
export function holdsCredential(name: string): boolean {
  return BY_NAME.get(name)?.secret ?? true
}

/** The variables for a session, in the order in which they are written. No value is empty. */
export function variablesFor(
  session: ExportedSession,
  region: string | undefined,
  targets: readonly ExportTarget[],
): ReadonlyMap<string, string> {
  const variables = new Map<string, string>()
  for (const { name, target, value } of VARIABLES) {
    const held = target === undefined || targets.includes(target) ? value(session, region) : undefined
    if (held !== undefined && held !== '') variables.set(name, held)
  }
  return variables
}
