/**
 * GitHub's runner as this step sees it: masks, log, file commands, state, summary. The only module
 * that knows @actions/core.
 */
import * as core from '@actions/core'
import { textOf } from '../errors/action-error.js'
import type { InputName } from '../inputs/table.js'
import { parseState, stateText, type StepState } from '../handover/state.js'
import { appendFileCommands, requireFileCommands } from './file-commands.js'
import { hiddenTexts, masksOf } from '../secrecy/masks.js'
import { createRedactor } from '../secrecy/redact.js'
import type { Markdown } from '../text/document.js'
import { fitted, mapText, MAX_VALUE_LENGTH, plain, say, type Prose } from '../text/prose.js'

const STATE = 'state'

/** UTF-16 units; GitHub cuts an error or a warning of more than 4,096, in the log too. */
const MAX_ANNOTATION_LENGTH = 4_095
const MAX_TITLE_LENGTH = 200
/** A job summary holds 1 MiB; less some room for what else the step may write. */
const MAX_SUMMARY_BYTES = 1_000_000
const TOO_LONG_FOR_A_SUMMARY = 'The message is too long for a job summary. It is in the log of the step.\n'
/** The account in an ARN, and anything else that has the form of an Alibaba Cloud account ID. */
const ACCOUNT_ID_LENGTH = 16
const ACCOUNT_ID = /(?<=\bacs:[a-z-]*:[a-z0-9-]*:)\d{5,}|(?<!\d)\d{16}(?!\d)/g

/** What the step can ask of the runner. */
export interface Runner {
  /** An input as the workflow gives it; undefined if it is empty. */
  readonly input: (name: InputName) => string | undefined
  /**
   * Masks a value in the job's log from now on, and keeps it out of everything that this object
   * prints, with or without masks.
   */
  readonly mask: (secret: string) => void
  readonly info: (line: Prose) => void
  readonly warning: (text: Prose) => void
  readonly debug: (text: Prose) => void
  /** Masks every account ID in what is printed from now on, before it is printed. */
  readonly maskAccountIds: () => void
  readonly group: (title: Prose, lines: readonly Prose[]) => void
  /**
   * Makes the step fail with an error. What GitHub would not keep of it is printed before it.
   *
   * @param title the annotation's head; the log does not show it
   */
  readonly fail: (title: Prose, text: Prose) => void
  readonly summary: (markdown: Markdown) => Promise<void>
  readonly saveState: (state: StepState) => void
  /** What main saved; undefined if it did not get that far. */
  readonly state: () => StepState | undefined
  /**
   * Exports all variables in one write, and sets all outputs in another: both or neither.
   *
   * @throws FileCommandError
   */
  readonly exportAll: (
    variables: Iterable<readonly [string, string]>,
    outputs: Iterable<readonly [string, string]>,
  ) => void
  /** @throws FileCommandError if the runner's file commands cannot be written */
  readonly requireFileCommands: () => void
}

/** @param env this process's environment: it names the files for commands */
export function createRunner(env: Readonly<NodeJS.ProcessEnv>): Runner {
  const masks = new Set<string>()
  const redactor = createRedactor()
  let accountsMasked = false
  const mask = (secret: string): void => {
    for (const text of hiddenTexts(secret)) redactor.add(text)
    for (const each of masksOf(secret).filter((line) => !masks.has(line))) {
      masks.add(each)
      core.setSecret(each)
    }
  }
  const maskAccountsIn = (text: string): void => {
    if (accountsMasked) for (const [id] of text.matchAll(ACCOUNT_ID)) mask(id)
  }
  const redactedPart = (part: string): string => {
    maskAccountsIn(part.slice(0, MAX_VALUE_LENGTH + ACCOUNT_ID_LENGTH))
    return redactor.redact(part)
  }
  // Each value before it is cut and spelled out, then the whole, since a secret may be spread over
  // several parts.
  const clean = (text: Prose, render: (text: Prose) => string = plain): string => {
    const rendered = render(mapText(text, redactedPart))
    maskAccountsIn(rendered)
    return redactor.redact(rendered)
  }
  const group = (title: Prose, lines: readonly Prose[]): void => {
    core.startGroup(clean(title))
    for (const line of lines) core.info(clean(line))
    core.endGroup()
  }
  const annotation = (text: Prose): string => {
    const whole = clean(text)
    if (whole.length <= MAX_ANNOTATION_LENGTH) return whole
    group(['The full text of the message below'], [text])
    return clean(text, (each) => fitted(each, MAX_ANNOTATION_LENGTH)).slice(0, MAX_ANNOTATION_LENGTH)
  }
  return {
    input: (name) => core.getInput(name) || undefined,
    mask,
    maskAccountIds: () => {
      accountsMasked = true
    },
    info: (line) => {
      core.info(clean(line))
    },
    warning: (text) => {
      core.warning(annotation(text))
    },
    debug: (text) => {
      // The runner would hide it, but it has to read it first.
      if (core.isDebug()) core.debug(clean(text))
    },
    group,
    fail: (title, text) => {
      process.exitCode = core.ExitCode.Failure
      core.error(annotation(text), { title: clean(title, (each) => fitted(each, MAX_TITLE_LENGTH)) })
    },
    summary: async (markdown) => {
      try {
        maskAccountsIn(markdown)
        const shown = redactor.redact(markdown)
        const fits = Buffer.byteLength(shown) <= MAX_SUMMARY_BYTES
        await core.summary.addRaw(fits ? shown : TOO_LONG_FOR_A_SUMMARY, true).write()
      } catch (failure) {
        core.debug(clean(say`The job summary could not be written: ${textOf(failure)}`))
      }
    },
    saveState: (state) => {
      core.saveState(STATE, stateText(state))
    },
    state: () => parseState(core.getState(STATE)),
    exportAll: (variables, outputs) => {
      const takeBack = appendFileCommands(env.GITHUB_ENV, variables)
      try {
        appendFileCommands(env.GITHUB_OUTPUT, outputs)
      } catch (failure) {
        takeBack()
        throw failure
      }
    },
    requireFileCommands: () => {
      requireFileCommands(env)
    },
  }
}
