/** What the keeper tells the post step when it is stopped. */
import { jsonObject } from '../net/json.js'
import type { RenewalFailure } from './renewal.js'

/** What the keeper did, and what went wrong. */
export interface KeeperReport {
  /** New sessions after the first. */
  readonly renewals: number
  /** Why the last renewal failed; undefined if it succeeded. */
  readonly failure: Omit<RenewalFailure, 'transient'> | undefined
  /** What else went wrong, each in one sentence without secrets. */
  readonly troubles: readonly string[]
}

/** The report in a text; undefined if it is none. */
export function parseKeeperReport(text: string): KeeperReport | undefined {
  const report = jsonObject(text)
  const { renewals, failure, troubles } = report ?? {}
  if (typeof renewals !== 'number' || !Array.isArray(troubles)) return undefined
  if (!troubles.every((trouble) => typeof trouble === 'string')) return undefined
  if (failure === undefined) return { renewals, failure, troubles }
  const { code, message, requestId } = jsonObject(JSON.stringify(failure)) ?? {}
  if (typeof code !== 'string' || typeof message !== 'string') return undefined
  return {
    renewals,
    failure: { code, message, requestId: typeof requestId === 'string' ? requestId : undefined },
    troubles,
  }
}
