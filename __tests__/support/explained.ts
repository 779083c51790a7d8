/** An explanation as the runner prints it. */
import type { Situation } from '../../src/diagnosis/diagnosis.js'
import { explain } from '../../src/diagnosis/explain.js'
import type { NodeSettings } from '../../src/diagnosis/node-settings.js'
import { plain } from '../../src/text/prose.js'

export interface Explained {
  readonly title: string
  readonly message: string
  /** What is printed before the error. */
  readonly attachments: string
  /** Both, in the order of the log. */
  readonly log: string
  readonly summary: string
}

export const NODE_20: NodeSettings = { extraCas: undefined, knowsSystemCas: false, usesSystemCas: false }

export function explained(failure: unknown, situation: Situation): Explained {
  const { title, message, attachments, summary } = explain(failure, situation)
  const before = attachments.map((line) => plain(line)).join('\n')
  return {
    title: plain(title),
    message: plain(message),
    attachments: before,
    log: [...(before === '' ? [] : [before]), plain(message)].join('\n\n----\n'),
    summary,
  }
}
