/**
 * Holds what is published beside the code: workflows and their pins, the changelog, the types, the
 * archive's content.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { DEFAULTS, EXPORT_TARGETS } from '../src/inputs/table.js'

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
  readonly steps: readonly { readonly uses?: string; readonly run?: string; readonly name?: string }[]
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

  test('each action is pinned to one version everywhere', () => {
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

  test('the provenance is a file of the release beside the archive, where Scorecard looks for it', () => {
    const steps = workflow('release.yml').jobs.publish?.steps ?? []
    const holding = (words: string): number => steps.findIndex(({ run }) => run?.includes(words))
    const attested = steps.findIndex((step) => 'id' in step && step.id === 'provenance')
    expect(steps[attested]?.uses).toMatch(/^actions\/attest@/)
    expect(holding('.tar.gz).intoto.jsonl')).toBeGreaterThan(attested)
    expect(holding('gh release create')).toBeGreaterThan(holding('.tar.gz).intoto.jsonl'))
    expect(steps[holding('gh release create')]?.run).toContain('release/*.intoto.jsonl')
  })

  test('Dependabot looks after every folder that has dependencies', () => {
    interface Update {
      readonly 'package-ecosystem': string
      readonly directory?: string
      readonly directories?: readonly string[]
    }
    const { updates } = parse(read('.github/dependabot.yml')) as { updates: Update[] }
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
      return ecosystem === undefined || path.startsWith('dist/')
        ? []
        : [`${ecosystem} /${path.slice(0, -name.length - 1)}`]
    })
    const actions = new Set(
      tracked()
        .filter((path) => path.startsWith('examples/') && path.endsWith('.yml'))
        .map((path) => `github-actions /${path.slice(0, path.lastIndexOf('/'))}`),
    )
    const found = updates.flatMap(
      ({ 'package-ecosystem': ecosystem, directory, directories = [directory] }) =>
        directories.map((path) => `${ecosystem} ${path ?? ''}`),
    )
    expect(found.toSorted()).toEqual([...wanted, 'github-actions /', ...actions].toSorted())
  })
})

/** Every file that git knows, by its path from the top. */
function tracked(): string[] {
  return execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
  })
    .split('\n')
    .filter((path) => path !== '')
}

test('a runner downloads the action, its licence and its README, and nothing else', () => {
  const top = [...new Set(tracked().map((path) => path.split('/')[0] ?? ''))]
  const attributes = execFileSync('git', ['check-attr', 'export-ignore', '--', ...top], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  const kept = attributes
    .split('\n')
    .flatMap((line) => /^(.*): export-ignore: unspecified$/.exec(line)?.slice(1) ?? [])
  expect(kept.toSorted()).toEqual(['LICENSE', 'README.md', 'action.yml', 'dist', 'node24'])
})

test('the licence names its holder', () => {
  expect(read('LICENSE')).toMatch(/^ {3}Copyright 20\d\d \w/m)
})

describe('package.json', () => {
  const manifest = JSON.parse(read('package.json')) as Record<string, unknown> & {
    scripts: Record<string, string>
  }

  test('is complete', () => {
    for (const name of [
      'name',
      'version',
      'description',
      'license',
      'author',
      'homepage',
      'bugs',
      'repository',
      'keywords',
      'engines',
    ])
      expect([name, manifest[name]]).toEqual([name, expect.anything()])
  })

  test("has the changelog's newest version", () => {
    const newest = /^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2}|Unreleased)$/m.exec(
      read('CHANGELOG.md'),
    )?.[1]
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
  const types = parse(read('action-types.yml')) as Readonly<
    Record<'inputs' | 'outputs', Readonly<Record<string, Type>>>
  >
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
    for (const [name, type] of Object.entries({ ...types.inputs, ...types.outputs }))
      expect([name, isType(type)]).toEqual([name, true])
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
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(ROOT, 'scripts/release-notes.mjs'), version],
      {
        cwd,
        encoding: 'utf8',
      },
    )
    return { status, stdout, stderr }
  }

  test('prints the section of the version, without its heading', () => {
    expect(notes('1.2.0')).toEqual({ status: 0, stdout: '### Added\n\n- A thing.\n', stderr: '' })
  })

  test.each([
    [
      '1.3.0',
      'package.json has the version 1.2.0, not 1.3.0.\nCHANGELOG.md gives 1.3.0 no date: "## [1.3.0] - Unreleased".\n',
    ],
    ['1.1.0', 'package.json has the version 1.2.0, not 1.1.0.\nCHANGELOG.md says nothing about 1.1.0.\n'],
    ['1.2', 'package.json has the version 1.2.0, not 1.2.\nCHANGELOG.md has no section "## [1.2]".\n'],
    ['', 'package.json has the version 1.2.0, not .\nCHANGELOG.md has no section "## []".\n'],
  ])('refuses "%s"', (version, stderr) => {
    expect(notes(version)).toEqual({ status: 1, stdout: '', stderr })
  })
})

// The workflow's shell is bash on Linux.
const onLinux = process.platform === 'linux' ? describe : describe.skip

onLinux('the shell of release.yml', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'release-'))
  })
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true })
  })

  /** Runs the only step of a job that holds `words` as GitHub would: bash with -e and pipefail. */
  function runStep(
    job: string,
    words: string,
    cwd: string,
    env: Readonly<Record<string, string>>,
  ): { status: number | null; output: string } {
    const [step, ...more] =
      workflow('release.yml').jobs[job]?.steps.filter(({ run }) => run?.includes(words)) ?? []
    if (step?.run === undefined || more.length > 0)
      throw new Error(`no such step, or more than one: ${words}`)
    const { status, stdout, stderr } = spawnSync(
      'bash',
      ['--noprofile', '--norc', '-eo', 'pipefail', '-c', step.run],
      {
        cwd,
        env: { PATH: process.env.PATH, HOME: folder, ...env },
        encoding: 'utf8',
      },
    )
    return { status, output: stdout + stderr }
  }

  describe('the major tag', () => {
    /** A gh that knows these tags, or fails; it writes down what it is asked to change. */
    function move(
      tags: readonly string[],
      tag: string,
      options: { readonly down?: boolean } = {},
    ): { status: number | null; output: string; changes: string } {
      const bin = join(folder, 'bin')
      mkdirSync(bin)
      writeFileSync(
        join(bin, 'gh'),
        `#!/bin/sh
case "$*" in
*"--method"*) echo "$*" >> '${join(folder, 'changes')}' ;;
*matching-refs*) ${options.down === true ? 'echo "gh: HTTP 502" >&2; exit 1' : ''}
  for given; do case "$given" in */matching-refs/*) prefix="refs/\${given#*/matching-refs/}" ;; esac; done
  for ref in ${tags.map((name) => `refs/tags/${name}`).join(' ')}; do case "$ref" in "$prefix"*) echo "$ref" ;; esac; done ;;
*) exit 2 ;;
esac
`,
        { mode: 0o755 },
      )
      writeFileSync(join(folder, 'changes'), '')
      const result = runStep('move-major', 'matching-refs', folder, {
        PATH: `${bin}:${process.env.PATH ?? ''}`,
        GIT: 'repos/o/r/git',
        GITHUB_REF_NAME: tag,
        GITHUB_SHA: 'abc',
      })
      return { ...result, changes: readFileSync(join(folder, 'changes'), 'utf8') }
    }

    test('moves to the newest release', () => {
      expect(move(['v1', 'v1.9.0', 'v1.10.0', 'v2.0.0'], 'v1.10.0')).toEqual({
        status: 0,
        output: '',
        changes: 'api --silent --method PATCH repos/o/r/git/refs/tags/v1 -f sha=abc -F force=true\n',
      })
    })

    test('is made by the first release, whatever other major versions there are', () => {
      expect(move(['v1.0.0', 'v10', 'v10.0.0'], 'v1.0.0')).toEqual({
        status: 0,
        output: '',
        changes: 'api --silent --method POST repos/o/r/git/refs -f ref=refs/tags/v1 -f sha=abc\n',
      })
    })

    test('stays if a newer release is out', () => {
      expect(move(['v1', 'v1.9.1', 'v1.10.0'], 'v1.9.1')).toEqual({
        status: 0,
        output: '::notice::v1 stays: v1.10.0 is newer than v1.9.1.\n',
        changes: '',
      })
    })

    test('stays, and the job fails, if the tags cannot be read', () => {
      expect(move(['v1', 'v1.0.0'], 'v1.0.0', { down: true })).toMatchObject({ status: 1, changes: '' })
    })
  })

  test('the archive holds what a runner downloads, beside it its bill of materials and the notes', () => {
    const copy = join(folder, 'copy')
    const version = (JSON.parse(read('package.json')) as { version: string }).version
    for (const path of tracked()) cpSync(join(ROOT, path), join(copy, path))
    const dated = read('CHANGELOG.md').replace(`## [${version}] - Unreleased`, `## [${version}] - 2026-01-02`)
    writeFileSync(join(copy, 'CHANGELOG.md'), dated)
    const git = (...args: string[]): void =>
      void execFileSync('git', ['-C', copy, '-c', 'user.name=o', '-c', 'user.email=o@localhost', ...args])
    git('init', '--quiet')
    git('add', '--all')
    git('-c', 'commit.gpgsign=false', 'commit', '--quiet', '--message', 'Begin')

    const { status, output } = runStep('build', 'git archive', copy, { GITHUB_REF_NAME: `v${version}` })
    expect({ status, output }).toEqual({ status: 0, output: '' })
    const name = `configure-alibaba-cloud-credentials-${version}`
    expect(readdirSync(join(copy, 'release')).toSorted()).toEqual([
      `${name}.spdx.json`,
      `${name}.tar.gz`,
      'notes.md',
    ])
    const archive = join(copy, 'release', `${name}.tar.gz`)
    const stated = /what a runner downloads.*?\| (\d+) KB/.exec(read('docs/performance.md'))?.[1]
    expect(Number(stated) / (statSync(archive).size / 1000)).toBeCloseTo(1, 1)
    const entries = execFileSync('tar', ['-tzf', archive], {
      encoding: 'utf8',
    }).split('\n')
    expect(entries).toEqual(
      expect.arrayContaining(
        ['LICENSE', 'README.md', 'action.yml', 'node24/action.yml', 'dist/main/index.js'].map(
          (path) => `${name}/${path}`,
        ),
      ),
    )
    expect(entries.filter((path) => /\/(src|__tests__|package\.json|CHANGELOG)/.test(path))).toEqual(
      [`${name}/dist/package.json`].filter((path) => entries.includes(path)),
    )
    const sbom = JSON.parse(readFileSync(join(copy, 'release', `${name}.spdx.json`), 'utf8')) as {
      packages: { name: string; versionInfo: string; checksums?: unknown }[]
    }
    const [self, ...packages] = sbom.packages
    const notices = [...read('dist/licenses.txt').matchAll(/^(\S+ \d\S*) \(.+\)$/gm)].map((match) => match[1])
    expect(self).toMatchObject({ name: 'configure-alibaba-cloud-credentials', versionInfo: version })
    expect(packages.map((entry) => `${entry.name} ${entry.versionInfo}`).toSorted()).toEqual(
      notices.toSorted(),
    )
    for (const { checksums } of packages) expect(checksums).toBeDefined()
    expect(readFileSync(join(copy, 'release/notes.md'), 'utf8')).toMatch(/^The first release\.|^### /)
  })
})

describe('the issue forms', () => {
  interface Form {
    readonly name: string
    readonly description: string
    readonly body: readonly {
      readonly type: string
      readonly id?: string
      readonly attributes: { readonly label?: string }
      readonly validations?: { readonly required?: boolean }
    }[]
  }
  const form = (name: string): Form => parse(read(`.github/ISSUE_TEMPLATE/${name}`)) as Form

  test.each(['bug.yml', 'feature.yml'])('%s is a form as GitHub takes it', (name) => {
    const { name: title, description, body } = form(name)
    expect([title, description]).toEqual([expect.stringMatching(/./), expect.stringMatching(/./)])
    for (const { type, id, attributes } of body) {
      expect(['markdown', 'input', 'textarea', 'dropdown', 'checkboxes']).toContain(type)
      if (type === 'markdown') continue
      expect(id).toMatch(/^[\w-]+$/)
      if (type !== 'checkboxes') expect(attributes.label).toMatch(/./)
    }
    const ids = body.flatMap(({ id }) => id ?? [])
    expect(new Set(ids).size).toBe(ids.length)
  })

  test('a report has the version, the masked log and a place for the RequestId', () => {
    const fields = new Map(
      form('bug.yml').body.map(({ id, validations }) => [id, validations?.required === true]),
    )
    expect([fields.get('version'), fields.get('log'), fields.get('request-id')]).toEqual([true, true, false])
  })
})
