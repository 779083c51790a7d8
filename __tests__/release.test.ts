/** Holds what is published beside the code: workflows and their pins, the changelog, the types, the archive's content. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { DEFAULTS, EXPORT_TARGETS } from '../src/inputs.js'

const ROOT = resolve(import.meta.dirname, '..')
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

const GITHUB_FILES = readdirSync(join(ROOT, '.github'), { recursive: true, encoding: 'utf8' })
  .map((name) => `.github/${name.replaceAll('\\', '/')}`)
  .filter((path) => path.endsWith('.yml'))
const WORKFLOWS = GITHUB_FILES.filter((path) => path.startsWith('.github/workflows/'))

interface WorkflowFile {
  readonly permissions?: unknown
  readonly concurrency?: unknown
  readonly jobs: Readonly<Record<string, WorkflowJob>>
}
interface WorkflowJob {
  readonly needs?: string | readonly string[]
  readonly environment?: string
  readonly permissions?: Readonly<Record<string, string>>
  readonly 'timeout-minutes'?: number
  readonly steps: readonly { readonly uses?: string; readonly run?: string }[]
}

const workflow = (name: string): WorkflowFile => parse(read(`.github/workflows/${name}`)) as WorkflowFile

describe('.github', () => {
  test.each(GITHUB_FILES)('%s is YAML', (path) => {
    expect(parse(read(path))).toEqual(expect.any(Object))
  })

  test.each(WORKFLOWS)('%s pins each action by a SHA, with its version in a comment', (path) => {
    const lines = read(path).match(/^ *(?:- )?uses:.*$/gm) ?? []
    for (const line of lines) {
      if (line.includes('uses: ./')) continue
      expect(line).toMatch(/uses: [\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
    }
    const steps = Object.values((parse(read(path)) as WorkflowFile).jobs).flatMap((job) => job.steps)
    expect(lines).toHaveLength(steps.filter(({ uses }) => uses !== undefined).length)
  })

  test.each(WORKFLOWS)('%s grants nothing to a job that does not ask, and no job runs for ever', (path) => {
    const { permissions, concurrency, jobs } = parse(read(path)) as WorkflowFile
    expect(permissions).toEqual({})
    expect(concurrency).toBeDefined()
    for (const job of Object.values(jobs)) {
      expect(job.permissions).toBeDefined()
      expect(job['timeout-minutes']).toBeLessThanOrEqual(30)
    }
  })

  test('one action has one version', () => {
    const pins = WORKFLOWS.flatMap((path) => read(path).match(/[\w.-]+\/[\w./-]+@[0-9a-f]{40} # \S+/g) ?? [])
    const versions = new Map(pins.map((pin) => [pin.split('@')[0], pin]))
    expect(new Set(pins).size).toBe(versions.size)
  })

  test('what CI requires is every one of its jobs', () => {
    const { passed, ...others } = workflow('ci.yml').jobs
    expect(passed?.needs).toEqual(Object.keys(others))
  })

  test('CI runs the tests on each system and each Node that the action supports', () => {
    expect(workflow('ci.yml').jobs.test).toMatchObject({
      strategy: { matrix: { os: ['ubuntu-latest', 'windows-latest', 'macos-latest'], node: [20, 24] } },
    })
  })

  test('the major tag moves last, behind an environment, and only that job and the publishing one can write', () => {
    const { jobs } = workflow('release.yml')
    const writing = Object.entries(jobs).filter(([, { permissions }]) => permissions?.contents === 'write')
    expect(writing.map(([name, { needs, environment }]) => [name, needs, environment])).toEqual([
      ['publish', 'build', undefined],
      ['move-major', 'publish', 'release'],
    ])
    // They run nothing that the repository or a registry could have changed meanwhile.
    for (const [, { steps }] of writing)
      for (const { run } of steps) expect(run ?? '').not.toMatch(/\b(npm|npx|node|git (clone|checkout))\b/)
  })

  test('Dependabot looks after every folder that has dependencies', () => {
    const { updates } = parse(read('.github/dependabot.yml')) as { updates: { 'package-ecosystem': string; directory: string }[] }
    const manifests: Readonly<Record<string, string>> = {
      'package.json': 'npm',
      'go.mod': 'gomod',
      'requirements.txt': 'pip',
      'pom.xml': 'maven',
    }
    const wanted = tracked().flatMap((path) => {
      const name = path.slice(path.lastIndexOf('/') + 1)
      const ecosystem = manifests[name]
      // The manifest in dist/ says how Node loads the bundles, and nothing else.
      return ecosystem === undefined || path.startsWith('dist/') ? [] : [`${ecosystem} /${path.slice(0, -name.length - 1)}`]
    })
    const found = updates.map(({ 'package-ecosystem': ecosystem, directory }) => `${ecosystem} ${directory}`)
    expect(found.toSorted()).toEqual([...wanted, 'github-actions /'].toSorted())
  })
})

/** Every file that git knows, by its path from the top. */
function tracked(): string[] {
  return execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8' })
    .split('\n')
    .filter((path) => path !== '')
}

test('a runner downloads the action, its licence and its README, and nothing else', () => {
  const top = [...new Set(tracked().map((path) => path.split('/')[0] ?? ''))]
  const attributes = execFileSync('git', ['check-attr', 'export-ignore', '--', ...top], { cwd: ROOT, encoding: 'utf8' })
  const kept = attributes.split('\n').flatMap((line) => /^(.*): export-ignore: unspecified$/.exec(line)?.slice(1) ?? [])
  expect(kept.toSorted()).toEqual(['LICENSE', 'README.md', 'action.yml', 'dist', 'node24'])
})

test('the licence names its holder', () => {
  expect(read('LICENSE')).toMatch(/^ {3}Copyright 20\d\d \w/m)
})

describe('package.json', () => {
  const manifest = JSON.parse(read('package.json')) as Record<string, unknown> & { scripts: Record<string, string> }

  test('is complete', () => {
    for (const name of ['name', 'version', 'description', 'license', 'author', 'homepage', 'bugs', 'repository', 'keywords', 'engines'])
      expect([name, manifest[name]]).toEqual([name, expect.anything()])
  })

  test("has the changelog's newest version", () => {
    const newest = /^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2}|Unreleased)$/m.exec(read('CHANGELOG.md'))?.[1]
    expect(manifest.version).toBe(newest)
  })

  test('its scripts call scripts that exist', () => {
    const called = Object.values(manifest.scripts).flatMap((line) =>
      [...line.matchAll(/npm (?:run )?(\S+)/g)].map((match) => match[1] ?? ''),
    )
    expect(called).toEqual(expect.arrayContaining(['build', 'check', 'test']))
    expect(Object.keys(manifest.scripts)).toEqual(expect.arrayContaining(called))
  })
})

describe('action-types.yml', () => {
  interface Type {
    readonly type: string
    readonly separator?: string
    readonly 'allowed-values'?: readonly string[]
    readonly 'list-item'?: Type
  }
  const types = parse(read('action-types.yml')) as Readonly<Record<'inputs' | 'outputs', Readonly<Record<string, Type>>>>
  const manifest = parse(read('action.yml')) as Readonly<Record<'inputs' | 'outputs', object>>

  // What a release is promised to have, whether or not the manifest has it yet.
  const PROMISED = {
    inputs: ['refresh'],
    outputs: ['aliyun-access-key-id', 'aliyun-access-key-secret', 'aliyun-security-token'],
  }

  test.each(['inputs', 'outputs'] as const)("has a type for each of the manifest's %s", (kind) => {
    const names = new Set([...Object.keys(manifest[kind]), ...PROMISED[kind]])
    expect(Object.keys(types[kind]).toSorted()).toEqual([...names].toSorted())
  })

  test('each type is one that the format has', () => {
    const isType = ({ type, separator, 'allowed-values': allowed, 'list-item': item }: Type): boolean => {
      switch (type) {
        case 'string':
        case 'boolean':
        case 'integer':
          return separator === undefined && allowed === undefined && item === undefined
        case 'enum':
          return allowed !== undefined && allowed.length > 1
        case 'list':
          return separator !== undefined && item !== undefined && isType(item)
        default:
          return false
      }
    }
    for (const [name, type] of Object.entries({ ...types.inputs, ...types.outputs })) expect([name, isType(type)]).toEqual([name, true])
  })

  test("fits the code's defaults and lists", () => {
    for (const [name, value] of Object.entries(DEFAULTS)) {
      const type = types.inputs[name]?.type
      if (type === 'boolean') expect(value).toMatch(/^(true|false)$/)
      if (type === 'integer') expect(value).toMatch(/^\d+$/)
    }
    expect(types.inputs['export-for']?.['list-item']?.['allowed-values']).toEqual([...EXPORT_TARGETS])
  })
})

describe('scripts/release-notes.mjs', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'release-notes-'))
    writeFileSync(join(folder, 'package.json'), '{ "version": "1.2.0" }')
    writeFileSync(
      join(folder, 'CHANGELOG.md'),
      `# Changelog

## [1.3.0] - Unreleased

- Not yet.

## [1.2.0] - 2026-01-02

### Added

- A thing.

## [1.1.0] - 2025-12-01

## [1.0.0] - 2025-11-01

- The first.

[1.2.0]: https://github.com/OWNER/repository/releases/tag/v1.2.0
`,
    )
  })
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true })
  })

  function notes(version: string, cwd = folder): { status: number | null; stdout: string; stderr: string } {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, 'scripts/release-notes.mjs'), version], {
      cwd,
      encoding: 'utf8',
    })
    return { status, stdout, stderr }
  }

  test('prints the section of the version, without its heading', () => {
    expect(notes('1.2.0')).toEqual({ status: 0, stdout: '### Added\n\n- A thing.\n', stderr: '' })
  })

  test.each([
    ['1.3.0', 'package.json has the version 1.2.0, not 1.3.0.\nCHANGELOG.md gives 1.3.0 no date: "## [1.3.0] - Unreleased".\n'],
    ['1.1.0', 'package.json has the version 1.2.0, not 1.1.0.\nCHANGELOG.md says nothing about 1.1.0.\n'],
    ['1.2', 'package.json has the version 1.2.0, not 1.2.\nCHANGELOG.md has no section "## [1.2]".\n'],
    ['', 'package.json has the version 1.2.0, not .\nCHANGELOG.md has no section "## []".\n'],
  ])('refuses "%s"', (version, stderr) => {
    expect(notes(version)).toEqual({ status: 1, stdout: '', stderr })
  })
})
