/** Where the base identity comes from. */
export type CredentialSource = 'oidc' | 'access-key' | 'environment' | 'ecs-ram-role'

export const CREDENTIAL_SOURCES: readonly CredentialSource[] = ['oidc', 'access-key', 'environment', 'ecs-ram-role']

/** Which of the inputs that name a source were given. */
export interface SourceSigns {
  /** `credential-source`. */
  readonly explicit: CredentialSource | undefined
  /** `oidc-provider-arn` or `oidc-token-file`. */
  readonly oidc: boolean
  /** `access-key-id`, `access-key-secret` or `security-token`. */
  readonly key: boolean
  /** `role-chaining: true`. */
  readonly chaining: boolean
}

export type SourceChoice =
  | { readonly source: CredentialSource; readonly warning?: string }
  | { readonly input: string; readonly fault: string; readonly accepted: string }

interface Row {
  readonly when: (signs: SourceSigns) => boolean
  readonly then: (signs: SourceSigns) => SourceChoice
}

const OIDC_INPUTS = 'oidc-provider-arn or oidc-token-file'
const KEY_INPUTS = 'access-key-id, access-key-secret or security-token'

/** Read from top to bottom: the first row that applies decides. Nothing but the step's inputs is asked, never the ambient environment. */
const TABLE: readonly Row[] = [
  {
    when: ({ explicit, oidc }) => explicit !== undefined && explicit !== 'oidc' && oidc,
    then: ({ explicit }) => contradiction(explicit, OIDC_INPUTS),
  },
  {
    when: ({ explicit, key }) => explicit !== undefined && explicit !== 'access-key' && key,
    then: ({ explicit }) => contradiction(explicit, KEY_INPUTS),
  },
  { when: ({ explicit }) => explicit !== undefined, then: ({ explicit = 'oidc' }) => ({ source: explicit }) },
  {
    when: ({ chaining, key }) => chaining && key,
    then: () => ({
      input: 'role-chaining',
      fault: `true takes the key from the environment, and ${KEY_INPUTS} gives another one`,
      accepted: 'one source: the key inputs, or credential-source: environment',
    }),
  },
  {
    when: ({ chaining, oidc }) => chaining && oidc,
    then: () => ({
      source: 'environment',
      warning:
        'role-chaining: true takes the credentials of the environment; oidc-provider-arn is not used. To assume the role by OIDC remove role-chaining; to make this choice plain replace both by credential-source: environment.',
    }),
  },
  { when: ({ chaining }) => chaining, then: () => ({ source: 'environment' }) },
  {
    when: ({ oidc, key }) => oidc && key,
    then: () => ({
      input: 'credential-source',
      fault: `two sources are given: ${OIDC_INPUTS}, and ${KEY_INPUTS}`,
      accepted: 'the inputs of one source',
    }),
  },
  { when: ({ oidc }) => oidc, then: () => ({ source: 'oidc' }) },
  { when: ({ key }) => key, then: () => ({ source: 'access-key' }) },
  {
    when: () => true,
    then: () => ({
      input: 'credential-source',
      fault: 'no source is given',
      accepted:
        'oidc-provider-arn with role-to-assume (the job needs "permissions: id-token: write"), or access-key-id and access-key-secret with role-to-assume, or credential-source: environment or ecs-ram-role. A secret that does not exist arrives as an empty input',
    }),
  },
]

function contradiction(explicit: CredentialSource | undefined, inputs: string): SourceChoice {
  return {
    input: 'credential-source',
    fault: `"${explicit ?? ''}" contradicts ${inputs}, which is given too`,
    accepted: 'the inputs of one source',
  }
}

/** The source that the inputs mean, or what is wrong with them. */
export function chooseSource(signs: SourceSigns): SourceChoice {
  for (const row of TABLE) if (row.when(signs)) return row.then(signs)
  throw new Error('the last row of the table applies always')
}
