import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parse } from 'yaml'
import { asRunnerGives } from './with-values.js'

/** A JavaScript action as the runner finds it: what to run, and which inputs there are. */
export interface Action {
  /** What reports call it. */
  readonly name: string
  /** Absolute. */
  readonly folder: string
  /** Absolute paths of the scripts. */
  readonly main: string
  readonly post: string
  /** Every input with its default; undefined without one. */
  readonly inputs: ReadonlyMap<string, string | undefined>
  /** What the runner says to whoever uses a deprecated input. */
  readonly deprecations: ReadonlyMap<string, string>
}

/**
 * Reads `folder`/action.yml.
 *
 * @throws Error if there is no manifest, or it names no main or no post
 */
export function readAction(name: string, folder: string): Action {
  const path = join(resolve(folder), 'action.yml')
  const manifest: unknown = parse(readFileSync(path, 'utf8'))
  const { runs, inputs } = fields(manifest)
  const { main, post } = fields(runs)
  if (typeof main !== 'string' || typeof post !== 'string')
    throw new Error(`${path}: runs.main and runs.post must name scripts`)
  const declared = Object.entries(fields(inputs)).map(([input, value]) => [input, fields(value)] as const)
  return {
    name,
    folder: resolve(folder),
    main: resolve(folder, main),
    post: resolve(folder, post),
    inputs: new Map(
      declared.map(([input, { default: value }]) => [
        input,
        value === undefined || value === null ? undefined : asRunnerGives(value),
      ]),
    ),
    deprecations: new Map(
      declared.flatMap(([input, { deprecationMessage: message }]) =>
        typeof message === 'string' ? [[input, message]] : [],
      ),
    ),
  }
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}
