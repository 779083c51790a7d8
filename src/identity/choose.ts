/** Where the first identity can come from: the values of the input credential-source. */
export const CREDENTIAL_SOURCES = ['oidc', 'access-key', 'environment', 'ecs-ram-role'] as const
export type CredentialSource = (typeof CREDENTIAL_SOURCES)[number]

/** Which of the inputs that name a source were given. */
export interface SourceSigns {
  /** `credential-source`. */
  readonly explicit: CredentialSource | undefined
  /** `oidc-provider-arn`. */
  readonly provider: boolean
  /** `oidc-token-file`. */
  readonly tokenFile: boolean
  /** `access-key-id`, `access-key-secret` or `security-token`. */
  readonly key: boolean
  /** `role-chaining: true`. */
  readonly chaining: boolean
}

/** The source, or which input is wrong, why, and what is accepted. */
export type SourceChoice =
  | { readonly source: CredentialSource; readonly warning?: string }
  | { readonly input: string; readonly fault: string; readonly accepted: string }

const OIDC_INPUTS = 'oidc-provider-arn or oidc-token-file'
const KEY_INPUTS = 'access-key-id, access-key-secret or security-token'

/** Undefined if the row does not apply. */
type Row = (signs: SourceSigns) => SourceChoice | undefined

/**
 * Read from top to bottom: the first row that applies decides. Only the step's inputs count, never
 * the ambient environment.
 */
const TABLE: readonly Row[] = [
  // credential-source says it, unless another source's inputs are there as well. It wins over
  // role-chaining, its former name.
  ({ explicit, provider, tokenFile }) =>
    explicit !== undefined && explicit !== 'oidc' && (provider || tokenFile)
      ? contradiction(explicit, OIDC_INPUTS)
      : undefined,
  ({ explicit, key }) =>
    explicit !== undefined && explicit !== 'access-key' && key
      ? contradiction(explicit, KEY_INPUTS)
      : undefined,
  ({ explicit }) => (explicit === undefined ? undefined : { source: explicit }),

  // role-chaining says it. Beside oidc-provider-arn it meant the environment in the official action
  // too.
  ({ chaining, key }) => (chaining && key ? chainingBeside(KEY_INPUTS) : undefined),
  ({ chaining, tokenFile }) => (chaining && tokenFile ? chainingBeside('oidc-token-file') : undefined),
  ({ chaining, provider }) =>
    chaining && provider
      ? {
          source: 'environment',
          warning:
            'role-chaining: true takes the credentials of the environment; oidc-provider-arn is not used. To assume the role with OIDC, remove role-chaining; to keep this choice, replace both with credential-source: environment.',
        }
      : undefined,
  ({ chaining }) => (chaining ? { source: 'environment' } : undefined),

  // The inputs of the sources themselves say it.
  ({ provider, tokenFile, key }) =>
    (provider || tokenFile) && key
      ? {
          input: 'credential-source',
          fault: `two sources are given: ${OIDC_INPUTS}, and ${KEY_INPUTS}`,
          accepted: 'the inputs of one source',
        }
      : undefined,
  ({ provider, tokenFile }) => (provider || tokenFile ? { source: 'oidc' } : undefined),
  ({ key }) => (key ? { source: 'access-key' } : undefined),
]

const NO_SOURCE: SourceChoice = {
  input: 'credential-source',
  fault: 'no source is given',
  accepted:
    'oidc-provider-arn with role-to-assume (the job needs "permissions: id-token: write"), or access-key-id and access-key-secret with role-to-assume, or credential-source: environment or ecs-ram-role. A secret that does not exist arrives as an empty input',
}

function contradiction(explicit: CredentialSource, inputs: string): SourceChoice {
  return {
    input: 'credential-source',
    fault: `"${explicit}" contradicts ${inputs}, which is given too`,
    accepted: 'the inputs of one source',
  }
}

function chainingBeside(inputs: string): SourceChoice {
  return {
    input: 'role-chaining',
    fault: `true takes the key from the environment, and ${inputs} is given too`,
    accepted: 'the inputs of one source',
  }
}

/** The source that the inputs mean, or what is wrong with them. */
export function chooseSource(signs: SourceSigns): SourceChoice {
  for (const row of TABLE) {
    const choice = row(signs)
    if (choice !== undefined) return choice
  }
  return NO_SOURCE
}
