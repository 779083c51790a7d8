/**
 * The step's inputs: what a workflow wrote, checked whole, as data. Pure; all faults are found in
 * one pass.
 */
import { chooseSource, type CredentialSource } from '../identity/choose.js'
import { partsOf, type AccessKey } from '../identity/credentials.js'
import { hiddenTexts } from '../secrecy/masks.js'
import { createRedactor } from '../secrecy/redact.js'
import { endpointOf } from '../sts/endpoint.js'
import type { Prose } from '../text/prose.js'
import { crossChecks, roleArns, type CheckedInputs } from './checks.js'
import { faultText, InputError, type InputFault } from './fault.js'
import { nearMisses } from './near-misses.js'
import { isSecretInPlaceOfPath } from './secret-texts.js'
import {
  DEFAULT_DURATION_SECONDS,
  INPUT_NAMES,
  INPUTS,
  SECRET_INPUTS,
  type ExportTarget,
  type InputName,
  type InputRow,
  type InputValues,
} from './table.js'

/** Where the first identity comes from, with its inputs. */
export type Source =
  | {
      readonly kind: 'oidc'
      readonly providerArn: string
      readonly audience: string
      readonly tokenFile: string | undefined
    }
  | { readonly kind: 'access-key' | 'environment'; readonly key: AccessKey }
  | { readonly kind: 'ecs-ram-role' }

/** What the last role's session is asked to be. */
export interface SessionRequest {
  /** Seconds. */
  readonly durationSeconds: number
  readonly roleSessionName: string
  readonly externalId: string | undefined
  readonly sourceIdentity: string | undefined
  /** Minified JSON. */
  readonly policy: string | undefined
}

/** The checked inputs. Undefined is what was omitted and has no default. */
export interface Inputs {
  readonly source: Source
  /** Role ARNs in the order in which they are assumed; empty if a temporary key is passed on. */
  readonly roles: readonly string[]
  readonly session: SessionRequest
  readonly region: string | undefined
  readonly endpoint: URL
  readonly allowedAccountIds: readonly string[]
  readonly maxAttempts: number
  readonly timeoutSeconds: number
  readonly exportVariables: boolean
  readonly exportFor: readonly ExportTarget[]
  readonly outputCredentials: boolean
  readonly maskAccountId: boolean
  readonly profile: { readonly name: string; readonly setCurrent: boolean } | undefined
  readonly cleanup: boolean
  /**
   * Whether the credentials are kept fresh until the job ends. If so there are a profile and a
   * region.
   */
  readonly refresh: boolean
  /** What the user should know though nothing is wrong. */
  readonly warnings: readonly Prose[]
}

/** What the inputs' meaning depends on besides the inputs. */
export interface InputContext {
  readonly defaultSessionName: string
  /** The key in the job's variables, for `credential-source: environment`. */
  readonly environmentKey: AccessKey | undefined
  /**
   * Faults of the environment, such as a missing home, to be reported together with the inputs'.
   */
  readonly otherFaults: readonly Prose[]
  /**
   * Names of all inputs that the runner passes on, in lower case, whether or not this action has
   * them.
   */
  readonly namesGiven: readonly string[]
  /** Secrets of the environment: no fault may show them. */
  readonly secrets: readonly string[]
}

type Raw = (name: InputName) => string | undefined

/**
 * @param raw an input as the runner gives it; blank means omitted
 * @throws InputError with every fault, each naming its input, what was given (never a secret) and
 * what is accepted
 */
export function parseInputs(raw: Raw, context: InputContext): Inputs {
  const given = givenInputs(raw)
  const { values, faults } = parseEach(given)
  const { source, warning, fault } = sourceOf(values, given)
  const inputs: CheckedInputs = {
    values,
    given: new Set(given.keys()),
    source,
    environmentKey: context.environmentKey,
  }
  const all = [
    ...faults,
    ...(fault === undefined ? [] : [fault]),
    ...crossChecks(inputs),
    ...nearMisses(context.namesGiven, INPUT_NAMES),
  ]
  const parsedSource = toSource(inputs)
  if (all.length > 0 || context.otherFaults.length > 0 || parsedSource === undefined) {
    const secrets = [...secretsOf(raw), ...partsOf(context.environmentKey), ...context.secrets]
    const redactor = createRedactor(secrets.flatMap(hiddenTexts))
    throw new InputError([
      ...all.sort(byInput).map((each) => faultText(each, redactor)),
      ...context.otherFaults,
    ])
  }
  return {
    ...settingsOf(inputs, context),
    source: parsedSource,
    warnings: warning === undefined ? [] : [warning],
  }
}

/** All but the source, from inputs in which nothing is wrong. */
function settingsOf(
  inputs: CheckedInputs,
  { defaultSessionName }: InputContext,
): Omit<Inputs, 'source' | 'warnings'> {
  const { values } = inputs
  const { profile } = values
  return {
    roles: roleArns(inputs),
    session: {
      durationSeconds:
        values['role-duration-seconds'] ?? values['role-session-expiration'] ?? DEFAULT_DURATION_SECONDS,
      roleSessionName: values['role-session-name'] ?? defaultSessionName,
      externalId: values['role-external-id'],
      sourceIdentity: values['source-identity'],
      policy: values['inline-session-policy'],
    },
    region: values.region,
    endpoint: values['sts-endpoint'] ?? endpointOf(values.region),
    allowedAccountIds: values['allowed-account-ids'] ?? [],
    maxAttempts: values['retry-max-attempts'],
    timeoutSeconds: values['timeout-seconds'],
    exportVariables: values['export-environment-variables'],
    exportFor: values['export-for'] ?? [],
    outputCredentials: values['output-credentials'],
    maskAccountId: values['mask-account-id'],
    profile: profile === undefined ? undefined : { name: profile, setCurrent: values['set-current-profile'] },
    cleanup: values.cleanup,
    refresh: values.refresh,
  }
}

/**
 * What is secret among the inputs, in an input that should hold none too. To be masked before
 * anything is printed.
 */
export function secretsOf(raw: Raw): string[] {
  const inPlaceOfPath = raw('oidc-token-file')?.trim() ?? ''
  return [
    ...SECRET_INPUTS.map((name) => raw(name)?.trim() ?? ''),
    ...(isSecretInPlaceOfPath(inPlaceOfPath) ? [inPlaceOfPath] : []),
  ].filter((secret) => secret !== '')
}

/**
 * Trimmed, since pasted keys carry newlines; without blank ones, and without old names if the new
 * one is there.
 */
function givenInputs(raw: Raw): ReadonlyMap<InputName, string> {
  const texts = new Map<InputName, string>()
  for (const name of INPUT_NAMES) {
    const text = raw(name)?.trim() ?? ''
    if (text !== '') texts.set(name, text)
  }
  for (const name of INPUT_NAMES) {
    const row: InputRow = INPUTS[name]
    if (texts.has(row.replacedBy as InputName)) texts.delete(name)
  }
  return texts
}

/** A wrong input counts as omitted here, so that one mistake is reported once. */
function parseEach(given: ReadonlyMap<InputName, string>): { values: InputValues; faults: InputFault[] } {
  const values: Partial<Record<InputName, unknown>> = {}
  const faults: InputFault[] = []
  for (const name of INPUT_NAMES) {
    const row: InputRow = INPUTS[name]
    const texts = [given.get(name), row.default].filter((text) => text !== undefined)
    for (const parsed of texts.map(row.parse)) {
      if ('problems' in parsed)
        faults.push(...parsed.problems.map((problem) => ({ input: name, ...problem })))
      else values[name] ??= parsed.value
    }
  }
  return { values: values as InputValues, faults }
}

interface ChosenSource {
  readonly source?: CredentialSource
  readonly warning?: Prose
  readonly fault?: InputFault
}

function sourceOf(values: InputValues, given: ReadonlyMap<InputName, string>): ChosenSource {
  const explicit = values['credential-source']
  if (given.has('credential-source') && explicit === undefined) return {}
  const choice = chooseSource({
    explicit,
    provider: given.has('oidc-provider-arn'),
    tokenFile: given.has('oidc-token-file'),
    key: SECRET_INPUTS.some((name) => given.has(name)),
    chaining: values['role-chaining'] ?? false,
  })
  if ('fault' in choice)
    return { fault: { input: choice.input, because: [choice.fault], accepted: [choice.accepted] } }
  return {
    source: choice.source,
    ...(choice.warning === undefined ? {} : { warning: [choice.warning] }),
  }
}

/** Undefined if a part of the source is missing or wrong; then there is a fault. */
function toSource({ source, values, environmentKey }: CheckedInputs): Source | undefined {
  switch (source) {
    case 'oidc': {
      const providerArn = values['oidc-provider-arn']
      return providerArn === undefined
        ? undefined
        : { kind: source, providerArn, audience: values.audience, tokenFile: values['oidc-token-file'] }
    }
    case 'access-key': {
      const accessKeyId = values['access-key-id']
      const accessKeySecret = values['access-key-secret']
      return accessKeyId === undefined || accessKeySecret === undefined
        ? undefined
        : { kind: source, key: { accessKeyId, accessKeySecret, securityToken: values['security-token'] } }
    }
    case 'environment':
      return environmentKey === undefined ? undefined : { kind: source, key: environmentKey }
    case 'ecs-ram-role':
      return { kind: source }
    case undefined:
      return undefined
  }
}

/** In the order of the table; names that it does not have come last. */
function byInput(a: InputFault, b: InputFault): number {
  const place = ({ input }: InputFault): number => {
    const index = INPUT_NAMES.indexOf(input as InputName)
    return index === -1 ? INPUT_NAMES.length : index
  }
  return place(a) - place(b)
}
