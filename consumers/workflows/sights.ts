import type { Sight } from './act.js'

const SESSION_NAME = 'GitHubActions-octo-org-octo-repo-1'
const CREDENTIALS = /^(ALIBABA_CLOUD|ALIBABACLOUD|ALICLOUD)_/

/** As GetCallerIdentity names a session of the role `deploy`. */
export function deployIn(account: string): string {
  return `acs:ram::${account}:assumed-role/deploy/${SESSION_NAME}`
}

/** A session of that role, as AssumeRole names it. */
export function arnIn(account: string): string {
  return `acs:ram::${account}:role/deploy/${SESSION_NAME}`
}

export function credentialVariables({ env }: Sight): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => CREDENTIALS.test(name)))
}

/** The variables of one session and region. */
function variables(id: unknown, secret: unknown, token: unknown, region: string): Record<string, unknown> {
  return {
    ALIBABA_CLOUD_ACCESS_KEY_ID: id,
    ALIBABA_CLOUD_ACCESS_KEY_SECRET: secret,
    ALIBABA_CLOUD_SECURITY_TOKEN: token,
    ALIBABACLOUD_ACCESS_KEY_ID: id,
    ALIBABACLOUD_ACCESS_KEY_SECRET: secret,
    ALIBABACLOUD_SECURITY_TOKEN: token,
    ALICLOUD_ACCESS_KEY: id,
    ALICLOUD_SECRET_KEY: secret,
    ALICLOUD_SECURITY_TOKEN: token,
    ALIBABA_CLOUD_REGION_ID: region,
    ALIBABA_CLOUD_REGION: region,
    ALICLOUD_REGION: region,
    ALIBABACLOUD_REGION_ID: region,
  }
}

/** What is left of them after the post of a job that had none of them before. */
export const EMPTIED = variables('', '', '', '')

/** The variables that a sight must have had, given that its own client was let in by them. */
export function variablesOf({ env }: Sight, region: string): Record<string, unknown> {
  return variables(
    env.ALIBABA_CLOUD_ACCESS_KEY_ID,
    env.ALIBABA_CLOUD_ACCESS_KEY_SECRET,
    env.ALIBABA_CLOUD_SECURITY_TOKEN,
    region,
  )
}

/** A CLI's file as a machine's owner has it, in an indentation of its own. */
export function ownerConfig(key: { accessKeyId: string; accessKeySecret: string }): string {
  const profile = {
    name: 'owner',
    mode: 'AK',
    access_key_id: key.accessKeyId,
    access_key_secret: key.accessKeySecret,
    region_id: 'cn-beijing',
  }
  return `${JSON.stringify({ current: 'owner', profiles: [profile], meta_path: '' }, null, '  ')}\n`
}

export interface Config {
  readonly current: string
  readonly profiles: readonly {
    readonly name: string
    readonly mode: string
    readonly access_key_id: string
    readonly region_id: string
    readonly credentials_uri?: string
  }[]
}

export function configOf(text: string | undefined): Config {
  return JSON.parse(text ?? '') as Config
}
