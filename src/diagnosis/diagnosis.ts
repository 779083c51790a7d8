/**
 * What is known about a failure, and what a person needs to know, in parts: explain.ts puts them in
 * their order.
 */
import type { Inputs } from '../inputs/inputs.js'
import type { RunContext } from '../runner/run-context.js'
import type { CallerIdentity } from '../sts/answers.js'
import type { Block, Field } from '../text/document.js'
import type { Prose } from '../text/prose.js'
import type { NodeSettings } from './node-settings.js'

/** What is known about the run that failed. */
export interface Situation {
  readonly inputs: Inputs
  readonly run: RunContext
  readonly node: NodeSettings
  /** The parsed JSON of GITHUB_EVENT_PATH. */
  readonly event: unknown
  /** The OIDC token last used, for its safe claims; undefined if there was none. */
  readonly oidcToken: string | undefined
  /** GetCallerIdentity of the refused key; undefined if STS was not asked or did not say. */
  readonly caller: CallerIdentity | undefined
}

/** The parts of an explanation. */
export interface Diagnosis {
  /**
   * The failure in a few words: completes "Could not assume ...: ", and heads the annotation if
   * there is no `code`.
   */
  readonly fault: Prose
  /** STS's code, which then heads the annotation. */
  readonly code?: string
  /** What STS, the issuer or the network said. */
  readonly said?: Prose
  readonly todo: readonly Block[]
  readonly means: readonly Block[]
  /** Who asked whom, and by which request. */
  readonly details?: readonly Field[]
  /**
   * Printed before the error, which has no room for it: claims, likely mismatches, policies and
   * commands to paste.
   */
  readonly attachments?: readonly Block[]
  /** The section of docs/troubleshooting.md. */
  readonly anchor: string
}
