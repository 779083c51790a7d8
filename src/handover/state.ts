/** What main leaves for post, and all that post goes by. Written before the effects that it describes. */
import { jsonObject } from '../net/json.js'

export interface StepState {
  /** False where the user keeps everything: then post has nothing to do. */
  readonly cleanup: boolean
  /** The exported variables with what they held before; '' where there was nothing. */
  readonly variables: Readonly<Record<string, string>>
  readonly profile: UndoLog | undefined
}

export interface UndoLog {
  /** config.json's path when main wrote it; HOME may be another one by now. */
  readonly path: string
  readonly name: string
  /** Names this run's entry among the other runs'. */
  readonly id: string
}

const VERSION = 1

export function stateText(record: StepState): string {
  return JSON.stringify({ version: VERSION, ...record })
}

/** The record in a text; undefined where it is not one of this version. */
export function parseState(text: string): StepState | undefined {
  const object = jsonObject(text)
  if (object?.version !== VERSION) return undefined
  const { cleanup, variables, profile } = object
  if (typeof cleanup !== 'boolean' || !isStrings(variables)) return undefined
  if (profile === undefined) return { cleanup, variables, profile }
  if (!isStrings(profile)) return undefined
  const { path, name, id } = profile
  return path === undefined || name === undefined || id === undefined
    ? undefined
    : { cleanup, variables, profile: { path, name, id } }
}

function isStrings(value: unknown): value is Readonly<Record<string, string>> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((entry) => typeof entry === 'string')
  )
}
