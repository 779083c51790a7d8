import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, test } from '@jest/globals'
import { example, makeRepository } from './act.js'
import { PROGRAMS } from './programs.mjs'

const ROOT = resolve(import.meta.dirname, '../..')

/** What lies in a repository, by its name, from where it lies in this one. */
const REPOSITORIES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'of this project': filesOfThis('action.yml', 'node24/action.yml', '.github/dependabot.yml', '.github/workflows/ci.yml'),
  ...Object.fromEntries(
    readdirSync(join(ROOT, 'examples'))
      .filter((name) => name.endsWith('.yml'))
      .map((name) => [`of ${name}`, { [`.github/workflows/${name}`]: example(name) }]),
  ),
  'of composite/': {
    '.github/workflows/deploy.yml': example('composite/deploy.yml'),
    '.github/actions/alibaba-cloud/action.yml': example('composite/action.yml'),
  },
  'of reusable/': {
    '.github/workflows/deploy.yml': example('reusable/deploy.yml'),
    '.github/workflows/release.yml': example('reusable/release.yml'),
  },
}

function filesOfThis(...paths: string[]): Record<string, string> {
  return Object.fromEntries(paths.map((path) => [path, readFileSync(join(ROOT, path), 'utf8')]))
}

/** What a program says of a repository of these files. */
function lint(files: Readonly<Record<string, string>>, program: string, ...args: string[]): { status: number | null; output: string } {
  const folder = mkdtempSync(join(tmpdir(), 'lint-'))
  try {
    const repository = join(folder, 'repository')
    makeRepository(repository, files)
    const { status, stdout, stderr } = spawnSync(program, args, { cwd: repository, encoding: 'utf8' })
    return { status, output: stdout + stderr }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const { actionlint, zizmor } = PROGRAMS

;(existsSync(actionlint.path) ? test : test.skip).each(Object.entries(REPOSITORIES))('actionlint: the workflows %s', (_name, files) => {
  expect(lint(files, actionlint.path)).toEqual({ status: 0, output: '' })
})

;(existsSync(zizmor.path) ? test : test.skip).each(Object.entries(REPOSITORIES))('zizmor: the workflows %s', (_name, files) => {
  const config = join(import.meta.dirname, 'zizmor.yml')
  const { status, output } = lint(files, zizmor.path, '--offline', '--no-progress', '--config', config, '.')
  expect(output).toContain('No findings to report')
  expect(status).toBe(0)
})
