/** What is wrong with inputs, and the one error that reports all of it. */
import { ActionError } from '../errors/action-error.js'
import { withoutIssuedSecrets } from '../secrecy/issued-secrets.js'
import type { Redactor } from '../secrecy/redact.js'
import { say, type Prose } from '../text/prose.js'

/** Why a text is refused. */
export interface Problem {
  /** The text, if it may be shown. */
  readonly got?: string
  readonly because?: Prose
  readonly accepted: Prose
}

/** A problem, and the input that has it. */
export interface InputFault extends Problem {
  readonly input: string
}

/** Characters of a given text that a fault shows: enough to recognise it. */
const LONGEST_GOT = 120

/** `input: got "text", because. Accepted: accepted.` */
export function faultText({ input, got, because = [], accepted }: InputFault, redactor: Redactor): Prose {
  const parts = [...(got === undefined ? [] : [say`got ${quoted(got, redactor)}`]), because]
  const problem = parts
    .filter((part) => part.length > 0)
    .flatMap((part, index) => (index === 0 ? part : [', ', ...part]))
  return say`${input}: ${redacted(problem, redactor)}. Accepted: ${accepted}.`
}

/** Redacted before it is cut: a part of a secret would not be recognised any more. */
function quoted(text: string, redactor: Redactor): string {
  const shown = withoutIssuedSecrets(redactor.redact(text))
  return JSON.stringify(shown.length > LONGEST_GOT ? `${shown.slice(0, LONGEST_GOT)}...` : shown)
}

function redacted(prose: Prose, redactor: Redactor): Prose {
  return prose.map((part) => (typeof part === 'string' ? part : { value: redactor.redact(part.value) }))
}

/** GitHub keeps 4,096 characters of an error. */
const LONGEST_LIST = 3500

/** All that is wrong with the inputs, in one message. */
export class InputError extends ActionError {
  override readonly name = 'InputError'
  readonly code = 'input'
  readonly faults: readonly Prose[]

  constructor(faults: readonly Prose[]) {
    super(faults.length === 1 ? (faults[0] ?? []) : listed(faults))
    this.faults = faults
  }
}

function listed(faults: readonly Prose[]): Prose {
  const shown: Prose[] = []
  let length = 0
  for (const fault of faults) {
    length += fault.reduce((sum, part) => sum + (typeof part === 'string' ? part : part.value).length, 0)
    if (length > LONGEST_LIST) break
    shown.push(fault)
  }
  const more = faults.length - shown.length
  return [
    `${faults.length} inputs need a change:`,
    ...shown.flatMap((fault) => ['\n- ', ...fault]),
    ...(more === 0 ? [] : [`\n- and ${more} more`]),
  ]
}
