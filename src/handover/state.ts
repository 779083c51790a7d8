/**
 * What main leaves for post, and all that post goes by. Written before the effects that it
 * describes.
 */
import { createHash } from 'node:crypto'
import { isJsonObject, jsonObject } from '../net/json.js'
import type { RecordedKeeper } from '../refresh/stop-keeper.js'
import type { InstalledProfile } from './profile-target.js'

/** What main saves in the step's state. It holds no secret. */
export interface StepState {
  /** False if the user keeps everything: then post has nothing to do. */
  readonly cleanup: boolean
  /** The exported variables by name. */
  readonly variables: Readonly<Record<string, ExportedVariable>>
  readonly profile: InstalledProfile | undefined
  /** The keeper, if the step refreshes: where it can be stopped, never where it can be read. */
  readonly keeper?: RecordedKeeper | undefined
}

/** One variable that main exported. */
export interface ExportedVariable {
  /** What the variable held before; '' if it was not set. */
  readonly before: string
  /** SHA-256 of what main exported: post restores only what nobody has changed since. */
  readonly exported: string
}

const VERSION = 2

/** SHA-256 in hexadecimal: the state must not hold what main exported. */
export function hashOf(value: string): string {
  return createHash('sha256').update(value).digest('hex')
}

/** The state as `parseState` reads it. */
export function stateText(state: StepState): string {
  return JSON.stringify({ version: VERSION, ...state })
}

/** The state in a text; undefined if it is not one of this version. */
export function parseState(text: string): StepState | undefined {
  const object = jsonObject(text)
  if (object?.version !== VERSION) return undefined
  const { cleanup, variables, profile, keeper } = object
  if (typeof cleanup !== 'boolean' || !isJsonObject(variables)) return undefined
  const exported: [string, ExportedVariable][] = []
  for (const [name, variable] of Object.entries(variables)) {
    if (!isStrings(variable)) return undefined
    const { before, exported: hash } = variable
    if (before === undefined || hash === undefined) return undefined
    exported.push([name, { before, exported: hash }])
  }
  const known = { cleanup, variables: Object.fromEntries(exported), keeper: parseKeeper(keeper) }
  if (keeper !== undefined && known.keeper === undefined) return undefined
  if (profile === undefined) return { ...known, profile }
  if (!isStrings(profile)) return undefined
  const { path, target, name, id } = profile
  return path === undefined || name === undefined || id === undefined
    ? undefined
    : { ...known, profile: { path, target, name, id } }
}

function parseKeeper(keeper: unknown): RecordedKeeper | undefined {
  if (!isStrings(keeper)) return undefined
  const { folder, stopUrl } = keeper
  return folder === undefined ? undefined : { folder, stopUrl }
}

function isStrings(value: unknown): value is Readonly<Record<string, string>> {
  return isJsonObject(value) && Object.values(value).every((entry) => typeof entry === 'string')
}
