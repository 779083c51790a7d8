/**
 * GitHub's runner as this step sees it: masks, log, file commands, state, summary. The only module
 * beside the entries that knows @actions/core.
 */
import * as core from '@actions/core'
import { textOf } from '../errors/action-error.js'
import type { InputName } from '../inputs/table.js'
import { parseState, stateText, type StepState } from '../handover/state.js'
import { appendFileCommands, requireFileCommands } from './file-commands.js'
import { hiddenTexts, masksOf } from '../secrecy/masks.js'
import { createRedactor } from '../secrecy/redact.js'
import type { Markdown } from '../text/document.js'
import { plain, say, type Prose } from '../text/prose.js'

const STATE = 'state'

export interface Runner {
  readonly input: (name: InputName) => string | undefined
  /**
   * Masks a value in the job's log from now on, and keeps it out of everything that this object
   * prints, with or without masks.
   */
  readonly mask: (secret: string) => void
  readonly info: (line: Prose) => void
  readonly warning: (text: Prose) => void
  readonly debug: (text: Prose) => void
  readonly group: (title: Prose, lines: readonly Prose[]) => void
  readonly fail: (text: Prose) => void
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

export function createRunner(env: Readonly<Record<string, string | undefined>>): Runner {
  const masks = new Set<string>()
  const redactor = createRedactor()
  // Each value before it is cut and spelled out, then the whole, since a secret may stand across
  // parts.
  const clean = (text: Prose): string =>
    redactor.redact(
      plain(text.map((part) => (typeof part === 'string' ? part : { value: redactor.redact(part.value) }))),
    )
  return {
    input: (name) => core.getInput(name) || undefined,
    mask: (secret) => {
      for (const text of hiddenTexts(secret)) redactor.add(text)
      for (const mask of masksOf(secret).filter((each) => !masks.has(each))) {
        masks.add(mask)
        core.setSecret(mask)
      }
    },
    info: (line) => {
      core.info(clean(line))
    },
    warning: (text) => {
      core.warning(clean(text))
    },
    debug: (text) => {
      // The runner would hide it, but it has to read it first.
      if (core.isDebug()) core.debug(clean(text))
    },
    group: (title, lines) => {
      core.startGroup(clean(title))
      for (const line of lines) core.info(clean(line))
      core.endGroup()
    },
    fail: (text) => {
      core.setFailed(clean(text))
    },
    summary: async (markdown) => {
      try {
        await core.summary.addRaw(redactor.redact(markdown), true).write()
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
