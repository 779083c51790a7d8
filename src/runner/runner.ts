/** GitHub's runner as this step sees it: masks, log, file commands, state, summary. The only module beside the entries that knows @actions/core. */
import { accessSync, constants, statSync, truncateSync } from 'node:fs'
import * as core from '@actions/core'
import type { InputName } from '../inputs/inputs.js'
import { parseState, stateText, type StepState } from '../handover/state.js'
import { withoutSecrets } from '../secrecy/redact.js'

const STATE = 'record'

/** What core writes into files where the runner names them, and prints to the log where it does not: secrets, in the end. */
const FILE_COMMANDS = ['GITHUB_ENV', 'GITHUB_OUTPUT', 'GITHUB_STATE'] as const

export interface Runner {
  readonly input: (name: InputName) => string | undefined
  /** Masks a value in the job's log from now on, and keeps it out of everything that this object prints, with or without masks. */
  readonly mask: (secret: string) => void
  readonly info: (line: string) => void
  readonly warning: (text: string) => void
  readonly debug: (text: string) => void
  readonly group: (title: string, lines: readonly string[]) => void
  readonly fail: (text: string) => void
  readonly summary: (markdown: string) => Promise<void>
  readonly saveRecord: (record: StepState) => void
  /** What main recorded; undefined where it did not get that far. */
  readonly record: () => StepState | undefined
  readonly exportVariables: (variables: Iterable<readonly [string, string]>) => void
  readonly setOutputs: (outputs: Iterable<readonly [string, string]>) => void
  /** @throws Error where the runner's file commands cannot be written */
  readonly requireFileCommands: () => void
  /** Does what `effects` does, or, where it throws, takes back what was written into the variables' and outputs' files. */
  readonly allOrNothing: (effects: () => Promise<void>) => Promise<void>
}

export function createRunner(env: Readonly<Record<string, string | undefined>>): Runner {
  const secrets = new Set<string>()
  const clean = (text: string): string => withoutSecrets(text, secrets)
  return {
    input: (name) => core.getInput(name) || undefined,
    mask: (secret) => {
      if (secret.trim() === '' || secrets.has(secret)) return
      secrets.add(secret)
      core.setSecret(secret)
    },
    info: (line) => {
      core.info(clean(line))
    },
    warning: (text) => {
      core.warning(clean(text))
    },
    debug: (text) => {
      core.debug(clean(text))
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
        await core.summary.addRaw(clean(markdown), true).write()
      } catch (failure) {
        core.debug(`The job summary could not be written: ${clean(String(failure))}`)
      }
    },
    saveRecord: (record) => {
      core.saveState(STATE, stateText(record))
    },
    record: () => parseState(core.getState(STATE)),
    exportVariables: (variables) => {
      for (const [name, value] of variables) core.exportVariable(name, value)
    },
    setOutputs: (outputs) => {
      for (const [name, value] of outputs) core.setOutput(name, value)
    },
    requireFileCommands: () => {
      for (const name of FILE_COMMANDS) {
        try {
          accessSync(env[name] ?? '', constants.W_OK)
        } catch (cause) {
          throw new Error(
            `${name} names no file that can be written. This step must be run by a GitHub Actions runner, or by one that speaks its protocol.`,
            {
              cause,
            },
          )
        }
      }
    },
    allOrNothing: async (effects) => {
      const before = [env.GITHUB_ENV ?? '', env.GITHUB_OUTPUT ?? ''].map((file) => ({
        file,
        size: statSync(file).size,
      }))
      try {
        await effects()
      } catch (failure) {
        for (const { file, size } of before) {
          // A device that stands in for a file keeps nothing, and cannot be cut.
          if (statSync(file).size > size) truncateSync(file, size)
        }
        throw failure
      }
    },
  }
}
