/**
 * What the programs did, from the tests that ran them to the table that docs/programs.md must agree
 * with.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CACHE } from './install.js'
import { PROGRAMS, type ProgramName } from './programs.js'

/** A program's row. */
export interface Result {
  readonly version: string
  readonly variables: string
  readonly profile: string
  /** What a user of the program sees once the session has expired. */
  readonly expired: string
}

const FOLDER = join(CACHE, 'results')

const HEADER = [
  'Program',
  'Version',
  'From the variables',
  'From the profile',
  'Once the session has expired',
]

export function forgetResults(): void {
  rmSync(FOLDER, { recursive: true, force: true })
}

export function keepResult(program: ProgramName, result: Result): void {
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(join(FOLDER, `${program}.json`), JSON.stringify(result))
}

export function readResults(): ReadonlyMap<ProgramName, Result> {
  const files = new Set(existsSync(FOLDER) ? readdirSync(FOLDER) : [])
  const names = (Object.keys(PROGRAMS) as ProgramName[]).filter((name) => files.has(`${name}.json`))
  return new Map(
    names.map((name) => [name, JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8')) as Result]),
  )
}

export function tableOf(results: ReadonlyMap<ProgramName, Result>): string {
  const rows = [...results].map(([name, { version, variables, profile, expired }]) => [
    PROGRAMS[name].name,
    version,
    variables,
    profile,
    expired,
  ])
  return [HEADER, HEADER.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

/**
 * What in a page disagrees with what was run; empty if it agrees. Each row that was run must be
 * there; a further row must belong to a program that this machine does not have, or say that
 * nothing ran it. The version of a program that is not installed here, but found on PATH, may be
 * another.
 */
export function disagreements(page: string, results: ReadonlyMap<ProgramName, Result>): string[] {
  const lines = page.split('\n')
  const start = lines.findIndex((line) => line.startsWith(`| ${HEADER.slice(0, 2).join(' | ')} |`))
  if (start < 0) return [`There is no table of programs. It would be:\n${tableOf(results)}`]
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('|'))
  const stated = lines.slice(start + 2, end < 0 ? undefined : end)
  const ran = tableOf(results).split('\n').slice(2)
  const comparable = (row: string): string =>
    ON_PATH.has(cells(row)[0] ?? '') ? row.replace(cells(row)[1] ?? '', '') : row
  const faults = ran.flatMap((row) =>
    stated.some((other) => comparable(other) === comparable(row))
      ? []
      : [`This was run, and is not there: ${row}`],
  )
  const ranNames = new Set(ran.map((row) => cells(row)[0]))
  const names = new Set(Object.values(PROGRAMS).map(({ name }) => name))
  for (const row of stated) {
    const [name = '', version] = cells(row)
    if (ranNames.has(name) || version === 'from source, not run') continue
    if (!names.has(name)) faults.push(`No test runs this: ${row}`)
  }
  return faults
}

const ON_PATH: ReadonlySet<string> = new Set(
  [PROGRAMS.cli, PROGRAMS.terraform, PROGRAMS.tofu].map(({ name }) => name),
)

function cells(row: string): string[] {
  return row
    .slice(1, -1)
    .split('|')
    .map((cell) => cell.trim())
}
