import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parse } from 'yaml'

/** A JavaScript action as the runner finds it: what to run, and which inputs there are. */
export interface Action {
  readonly name: string
  /** Absolute. */
  readonly folder: string
  /** Absolute paths of the scripts. */
  readonly main: string
  readonly post: string
  /** Names of all inputs; the default of each, where it has one. */
  readonly inputs: ReadonlyMap<string, string | undefined>
}

/**
 * Reads `folder`/action.yml.
 *
 * @param name what the report calls it
 * @throws Error where there is no manifest, or it has no main or post to measure
 */
export function readAction(name: string, folder: string): Action {
  const path = join(resolve(folder), 'action.yml')
  const manifest: unknown = parse(readFileSync(path, 'utf8'))
  const { runs, inputs } = fields(manifest)
  const { main, post } = fields(runs)
  if (typeof main !== 'string' || typeof post !== 'string')
    throw new Error(`${path}: runs.main and runs.post must name scripts`)
  return {
    name,
    folder: resolve(folder),
    main: resolve(folder, main),
    post: resolve(folder, post),
    inputs: new Map(
      Object.entries(fields(inputs)).map(([input, description]) => [input, defaultOf(description)]),
    ),
  }
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

function defaultOf(description: unknown): string | undefined {
  const given = fields(description).default
  return typeof given === 'string' || typeof given === 'number' || typeof given === 'boolean'
    ? String(given)
    : undefined
}
