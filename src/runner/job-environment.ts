/**
 * What the job's environment says, read once. Later rooms get these values and never look into
 * `process.env` themselves.
 */
import type { AccessKey } from '../identity/credentials.js'
import { environmentKey } from '../identity/environment.js'
import type { Issuer } from '../identity/oidc-issuer.js'
import { proxyPasswords } from '../net/proxy.js'
import { configFileOf } from '../profile/home.js'
import type { ProfileError } from '../profile/profile-error.js'
import { readRunContext, type RunContext } from './run-context.js'

/** What this step reads of the job's environment. */
export interface JobEnvironment {
  /** Every variable by its name: for what earlier steps set, and for programs that read them. */
  readonly variables: Readonly<NodeJS.ProcessEnv>
  readonly platform: NodeJS.Platform
  readonly run: RunContext
  /** The path of the aliyun CLI's config.json, or why this job has none. */
  readonly configFile: string | ProfileError
  readonly issuer: Issuer
  /** The key that the job's variables already hold. */
  readonly environmentKey: AccessKey | undefined
  /** ALIBABA_CLOUD_IMDSV1_DISABLED: never ask the metadata service without a token. */
  readonly onlyHardenedMetadata: boolean
  /** To be masked. */
  readonly proxyPasswords: readonly string[]
  /** The names of all inputs that the runner passes on, in lower case, known or not. */
  readonly inputNames: readonly string[]
  /** What the variables hold that no message may show. */
  readonly secrets: readonly string[]
}

/** Variables that hold a secret, by their names; not those that say where one is. */
const SECRET_NAME = /KEY|SECRET|TOKEN|PASSWORD|CREDENTIAL/i
const PLACE_NAME = /(FILE|PATH|URL|URI)$/i

const INPUT_PREFIX = /^INPUT_/i

/** Reads no file and changes nothing. */
export function readJobEnvironment(
  variables: Readonly<NodeJS.ProcessEnv>,
  platform: NodeJS.Platform,
): JobEnvironment {
  const passwords = proxyPasswords(variables)
  return {
    variables,
    platform,
    run: readRunContext(variables),
    configFile: configFileOf(variables, platform),
    issuer: {
      requestUrl: variables.ACTIONS_ID_TOKEN_REQUEST_URL || undefined,
      requestToken: variables.ACTIONS_ID_TOKEN_REQUEST_TOKEN || undefined,
    },
    environmentKey: environmentKey(variables),
    onlyHardenedMetadata: variables.ALIBABA_CLOUD_IMDSV1_DISABLED?.toLowerCase() === 'true',
    proxyPasswords: passwords,
    inputNames: Object.keys(variables)
      .filter((name) => INPUT_PREFIX.test(name))
      .map((name) => name.replace(INPUT_PREFIX, '').toLowerCase()),
    secrets: [...passwords, ...secretsIn(variables)],
  }
}

function secretsIn(variables: JobEnvironment['variables']): string[] {
  return Object.entries(variables).flatMap(([name, value]) =>
    SECRET_NAME.test(name) && !PLACE_NAME.test(name) && !INPUT_PREFIX.test(name) && value ? [value] : [],
  )
}
