/** What is known when STS refuses, and sentences that say it. */
import { sourceLabel } from '../identity/labels.js'
import type { Inputs } from '../inputs/inputs.js'
import type { StsError } from '../sts/sts-error.js'
import { say, type Prose } from '../text/prose.js'

/** A refusal by STS, and what the step knows about it. */
export interface Facts {
  readonly error: StsError
  readonly inputs: Inputs
  /** The role that was asked for; undefined if none was. */
  readonly roleArn: string | undefined
  /**
   * Seconds that role-duration-seconds asks for; undefined for the earlier roles of a chain, which
   * it does not concern.
   */
  readonly durationSeconds: number | undefined
  /** Who called STS: the OIDC token, the key of the source, or the session of the role before. */
  readonly caller: 'oidc-token' | 'key' | 'session'
}

/** Where the refused key came from. */
export function refusedKey({ inputs: { source }, caller }: Facts): Prose[] {
  if (caller !== 'key' || source.kind === 'oidc') return []
  const origin: Prose =
    source.kind === 'environment'
      ? [
          ', which an earlier step or the settings of the runner put there (`ALIBABA_CLOUD_ACCESS_KEY_ID` or the like)',
        ]
      : []
  return [say`The refused key is ${sourceLabel(source)}${origin}.`]
}

/** The same, with what the key's form reveals; the key itself is never shown. */
export function keyShape(facts: Facts): Prose[] {
  const { source } = facts.inputs
  if (facts.caller !== 'key' || !('key' in source)) return refusedKey(facts)
  const shape = shapeOf(source.key.accessKeyId, source.key.accessKeySecret)
  return [...refusedKey(facts), ...(shape === undefined ? [] : [shape])]
}

function shapeOf(accessKeyId: string, accessKeySecret: string): Prose | undefined {
  const likeAnId = /^(LTAI|STS\.)/
  if (likeAnId.test(accessKeySecret))
    return likeAnId.test(accessKeyId)
      ? ['The secret looks like an access key ID.']
      : ['The secret looks like an access key ID: the two look swapped.']
  return likeAnId.test(accessKeyId)
    ? undefined
    : [
        "The ID does not look like one of Alibaba Cloud's, which begin with `LTAI` (or `STS.` for a temporary key).",
      ]
}

/** Which host was called, and which region chose it. */
export function endpointUsed({ error: { host }, inputs: { region } }: Facts): Prose[] {
  return [say`The endpoint is ${host}${region === undefined ? [] : say`, and \`region\` is ${region}`}.`]
}

/** "17 min 3 s behind", from the server's clock less ours in milliseconds. */
export function clockOff(skewMs: number): Prose {
  const seconds = Math.round(Math.abs(skewMs) / 1000)
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const
  const shown = parts.filter(([amount]) => amount > 0).map(([amount, unit]) => `${amount} ${unit}`)
  return [shown.length === 0 ? 'right' : `${shown.join(' ')} ${skewMs > 0 ? 'behind' : 'ahead'}`]
}
