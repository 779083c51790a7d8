/**
 * Turns a failure of the step into what a person needs: the error, what to do, what it means here,
 * and policies to paste if they help. Pure.
 */
import { textOf } from '../errors/action-error.js'
import { partsOf } from '../identity/credentials.js'
import { OidcTokenError } from '../identity/oidc-token.js'
import type { Inputs } from '../inputs/inputs.js'
import { inSeconds, RetriesExhaustedError } from '../net/retry.js'
import { TransportError } from '../net/transport-error.js'
import type { RunContext } from '../runner/run-context.js'
import { createRedactor } from '../secrecy/redact.js'
import { AssumeRoleError } from '../sts/role-chain.js'
import { StsError } from '../sts/sts-error.js'
import {
  fields,
  heading,
  logLines,
  logText,
  mapBlocks,
  markdown,
  paragraph,
  type Block,
  type Markdown,
} from '../text/document.js'
import { joined, mapText, say, type Prose } from '../text/prose.js'
import type { Diagnosis, Situation } from './diagnosis.js'
import { helpPage } from './help-page.js'
import { explainNoToken } from './no-token.js'
import { explainStsError } from './sts-denial.js'
import { explainTransport } from './transport-faults.js'

/** A failure as it is shown. */
export interface Explanation {
  /** The annotation's head. */
  readonly title: Prose
  /**
   * The step's error, several lines of which the first is the whole failure in one sentence. Short
   * enough for the 4,096 characters that GitHub keeps, as long as the runner shortens long values.
   */
  readonly message: Prose
  /**
   * Lines to be printed before the error: claims, likely mismatches, policies and commands to
   * paste.
   */
  readonly attachments: readonly Prose[]
  /** For the job summary: all of it, with policies in fenced blocks. */
  readonly summary: Markdown
}

/** @param failure whatever the step threw; what is not known here keeps its own message */
export function explain(failure: unknown, situation: Situation): Explanation {
  const notAssumed = failure instanceof AssumeRoleError ? failure : undefined
  const inner = notAssumed === undefined ? failure : notAssumed.cause
  const gaveUp = inner instanceof RetriesExhaustedError ? inner : undefined
  const cause = gaveUp === undefined ? inner : gaveUp.cause

  const known = diagnose(cause, notAssumed, situation)
  if (known === undefined && failure === cause)
    return explainByOwnMessage(failure, situation.run, secretsToHide(situation))
  const diagnosis = known ?? {
    fault: withoutFullStop(textOf(cause)),
    todo: [],
    means: [],
    anchor: BY_SYMPTOM,
  }
  const spent = gaveUp === undefined ? [] : say`, after ${attemptsMade(gaveUp)}`
  return composed(
    say`${opening(notAssumed)}${diagnosis.fault}${
      diagnosis.code === undefined ? [] : say` (${diagnosis.code})`
    }${spent}.`,
    gaveUp === undefined
      ? diagnosis
      : { ...diagnosis, means: [paragraph(retriesSpent(gaveUp, situation.inputs)), ...diagnosis.means] },
    situation.run,
    secretsToHide(situation, notAssumed),
  )
}

/** Whether asking GetCallerIdentity with the refused key would make the explanation better. */
export function wantsCaller(failure: unknown): boolean {
  if (!(failure instanceof AssumeRoleError)) return false
  const { caller, cause } = failure
  return (
    caller !== undefined &&
    caller.arn === undefined &&
    cause instanceof StsError &&
    cause.code === 'NoPermission'
  )
}

/** An error that explains itself. Also for what fails before there are inputs. */
export function explainByOwnMessage(
  failure: unknown,
  run: RunContext,
  secrets: readonly (string | undefined)[] = [],
  more: Partial<Pick<Diagnosis, 'todo' | 'attachments'>> = {},
): Explanation {
  const fault = textOf(failure)
  const diagnosis = { fault, todo: [], means: [], anchor: BY_SYMPTOM, ...more }
  return { ...composed(fault, diagnosis, run, secrets), title: ['No Alibaba Cloud credentials'] }
}

const BY_SYMPTOM = 'by-symptom'

/** Undefined if nothing is known about such a cause. */
function diagnose(
  cause: unknown,
  notAssumed: AssumeRoleError | undefined,
  situation: Situation,
): Diagnosis | undefined {
  if (cause instanceof StsError) return explainStsError(cause, notAssumed, situation)
  if (cause instanceof OidcTokenError) return explainNoToken(cause, situation.run, situation.event)
  if (cause instanceof TransportError) return explainTransport(cause, situation.inputs, situation.node)
  return undefined
}

/** The parts in their order, in the log and in the summary. */
function composed(
  first: Prose,
  diagnosis: Diagnosis,
  run: RunContext,
  secrets: readonly (string | undefined)[],
): Explanation {
  const { redact } = createRedactor(secrets)
  const clean = (blocks: readonly Block[]): Block[] => mapBlocks(blocks, redact)
  const { said, todo, means, details = [], anchor } = diagnosis
  const attachments = clean(diagnosis.attachments ?? [])
  const start = said === undefined ? [] : clean([paragraph(said)])
  const whatToDo = clean(todo)
  const meaning = under('What it means', clean(means))
  const end = [...clean(fields(details)), helpPage(run, anchor)]
  const above = attachments.length === 0 ? [] : [paragraph(ABOVE)]
  const head = mapText(first, redact)
  return {
    title: mapText(titleOf(diagnosis), redact),
    message: joined(
      [head, logText([...start, ...under('What to do', [...whatToDo, ...above]), ...meaning, ...end])],
      '\n\n',
    ),
    attachments: logLines(attachments),
    summary: markdown(head, [...start, ...under('What to do', whatToDo), ...meaning, ...attachments, ...end]),
  }
}

const ABOVE: Prose = [
  'The details to compare or to paste are printed above this error, and in the job summary.',
]

function under(title: string, blocks: readonly Block[]): Block[] {
  return blocks.length === 0 ? [] : [heading(title), ...blocks]
}

function titleOf({ code, fault }: Diagnosis): Prose {
  return say`No Alibaba Cloud credentials: ${code ?? fault}`
}

function opening(notAssumed: AssumeRoleError | undefined): Prose {
  if (notAssumed === undefined) return ['Could not get credentials: ']
  const { roleArn, position, roles } = notAssumed
  return roles === 1
    ? say`Could not assume ${roleArn}: `
    : say`Could not assume role ${position} of ${roles}, ${roleArn}: `
}

function attemptsMade({ attempts, elapsedMs }: RetriesExhaustedError): Prose {
  return [`${attempts} ${attempts === 1 ? 'attempt' : 'attempts'} in ${inSeconds(elapsedMs)}`]
}

function retriesSpent({ call, because }: RetriesExhaustedError, inputs: Inputs): Prose {
  return because === 'attempts'
    ? say`${call} was tried as often as \`retry-max-attempts\` allows (${inputs.maxAttempts}). This is about the last attempt.`
    : say`\`timeout-seconds\` (${inputs.timeoutSeconds} for the whole step) left no time for another attempt at ${call}. This is about the last one.`
}

/** Other people's sentences may end with one, and ours adds its own. */
function withoutFullStop(text: Prose): Prose {
  const last = text.at(-1)
  if (last === undefined) return text
  return [
    ...text.slice(0, -1),
    typeof last === 'string' ? last.replace(/\.$/, '') : { value: last.value.replace(/\.$/, '') },
  ]
}

/**
 * The last line of defence. Nothing above shows a secret, but the message of an unknown error
 * might.
 */
function secretsToHide(
  { inputs, oidcToken }: Situation,
  notAssumed?: AssumeRoleError,
): (string | undefined)[] {
  const key = 'key' in inputs.source ? inputs.source.key : undefined
  return [oidcToken, ...partsOf(notAssumed?.caller?.key), ...partsOf(key)]
}
