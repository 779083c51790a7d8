import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { asRunnerGives } from '../../stand-in/runner/with-values.js'
import { asForGithub, example, makeRepository } from './act.js'
import { PROGRAMS } from './programs.mjs'

const ROOT = resolve(import.meta.dirname, '../..')

/**
 * The runners' labels that the examples use beside GitHub's own: whoever has such runners tells
 * actionlint in the same way.
 */
const ACTIONLINT_CONFIG = {
  '.github/actionlint.yaml': 'self-hosted-runner:\n  labels: [ack-runners, docker]\n',
}

/** What lies in a repository, by its name, from where it lies in this one. */
const REPOSITORIES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'of this project': filesOfThis(
    'action.yml',
    'node24/action.yml',
    'dist/main/index.js',
    'dist/post/index.js',
    ...readdirSync(join(ROOT, '.github'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.yml'))
      .map((name) => join('.github', name)),
  ),
  ...Object.fromEntries(
    readdirSync(join(ROOT, 'examples'))
      .filter((name) => name.endsWith('.yml'))
      .map((name) => [
        `of ${name}`,
        { ...ACTIONLINT_CONFIG, [`.github/workflows/${name}`]: asForGithub(example(name)) },
      ]),
  ),
  'of composite/': { '.github/workflows/deploy.yml': example('composite/deploy.yml') },
  'of composite/, where the action is': { 'alibaba-cloud/action.yml': example('composite/action.yml') },
  'of reusable/': { '.github/workflows/release.yml': example('reusable/release.yml') },
  'of reusable/, where the called workflow is': {
    '.github/workflows/deploy.yml': example('reusable/deploy.yml'),
  },
}

function filesOfThis(...paths: string[]): Record<string, string> {
  return Object.fromEntries(paths.map((path) => [path, readFileSync(join(ROOT, path), 'utf8')]))
}

/** What a program says of a repository of these files. */
function lint(
  files: Readonly<Record<string, string>>,
  program: string,
  ...args: string[]
): { status: number | null; output: string } {
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

// actionlint reads workflows, and the actions that they use, but no actions alone.
const WITH_WORKFLOWS = Object.entries(REPOSITORIES).filter(([, files]) =>
  Object.keys(files).some((path) => path.includes('/workflows/')),
)

;(existsSync(actionlint.path) ? test : test.skip).each(WITH_WORKFLOWS)(
  'actionlint: the workflows %s',
  (_name, files) => {
    expect(lint(files, actionlint.path)).toEqual({ status: 0, output: '' })
  },
)

;(existsSync(zizmor.path) ? test : test.skip).each(Object.entries(REPOSITORIES))(
  'zizmor: the workflows %s',
  (_name, files) => {
    const config = join(import.meta.dirname, 'zizmor.yml')
    const { status, output } = lint(files, zizmor.path, '--offline', '--no-progress', '--config', config, '.')
    expect(output).toContain('No findings to report')
    expect(status).toBe(0)
  },
)

const EXAMPLES = readdirSync(join(ROOT, 'examples'), { recursive: true, encoding: 'utf8' }).filter((name) =>
  /\.(yml|tf)$/.test(name),
)

const WORKFLOW_EXAMPLES = EXAMPLES.filter((name) => name.endsWith('.yml'))

test.each(EXAMPLES)('%s begins with two or three lines that say what it shows and what to change', (name) => {
  const comment = /^(# .*\n)+/.exec(example(name))?.[0] ?? ''
  expect(comment.match(/^# /gm)?.length).toBeGreaterThanOrEqual(2)
  expect(comment.match(/^# /gm)?.length).toBeLessThanOrEqual(3)
  expect(comment).toContain('Change ')
})

test.each(WORKFLOW_EXAMPLES)('%s grants id-token at the job, and writes account IDs in quotes', (name) => {
  const text = example(name)
  expect(text).not.toMatch(/^ {2}id-token:/m)
  // An ID that is a value of its own, in a list or after a colon.
  expect(text).not.toMatch(/(: |- |, |\[)\d{12,}(?=[\s,\]]|$)/m)
})

interface Step {
  readonly uses?: string
  readonly with?: Readonly<Record<string, unknown>>
  readonly run?: string
  readonly env?: Readonly<Record<string, string>>
}
interface Text {
  readonly jobs?: Readonly<Record<string, { readonly steps?: readonly Step[] }>>
  readonly runs?: { readonly steps?: readonly Step[] }
}

function stepsIn(text: string): readonly Step[] {
  const { jobs = {}, runs } = parse(text) as Text
  return [...Object.values(jobs), ...(runs === undefined ? [] : [runs])].flatMap(({ steps = [] }) => steps)
}

test('the examples give the action inputs that it has', () => {
  const { inputs } = parse(readFileSync(join(ROOT, 'action-types.yml'), 'utf8')) as { inputs: object }
  const uses = WORKFLOW_EXAMPLES.flatMap((name) => stepsIn(example(name)))
  const own = uses.filter((step) => step.uses?.includes('/configure-alibaba-cloud-credentials'))
  expect(own.length).toBeGreaterThan(20)
  for (const step of own) {
    expect(Object.keys(inputs)).toEqual(expect.arrayContaining(Object.keys(step.with ?? {})))
    // act, which runs them, keeps digits that GitHub's runner drops.
    for (const value of Object.values(step.with ?? {})) expect(asRunnerGives(value)).toBe(String(value))
  }
})

test('a program has one version and one checksum, in the examples and in CI', () => {
  const installed = WORKFLOW_EXAMPLES.flatMap((name) => stepsIn(example(name))).flatMap(
    ({ run, env = {} }) => {
      const program = /\/(aliyun-cli|terraform)-?/.exec(run?.match(/"https:.*"/)?.[0] ?? '')?.[1]
      return program === undefined ? [] : [`${program} ${env.VERSION ?? ''} ${env.SHA256 ?? ''}`]
    },
  )
  const ci = readFileSync(join(ROOT, '.github/workflows/ci.yml'), 'utf8')
  const value = (name: string): string => new RegExp(`${name}: (\\S+)`).exec(ci)?.[1] ?? ''
  expect(new Set(installed)).toEqual(
    new Set([
      `aliyun-cli ${value('ALIYUN_CLI')} ${value('ALIYUN_CLI_SHA256')}`,
      `terraform ${value('TERRAFORM')} ${value('TERRAFORM_SHA256')}`,
    ]),
  )
  for (const line of installed) expect(line).toMatch(/^\S+ \d+\.\d+\.\d+ [0-9a-f]{64}$/)
})

const terraform = spawnSync('terraform', ['version']).status === 0
;(terraform ? test : test.skip)('the configurations of Terraform are formatted', () => {
  const { status, stdout } = spawnSync('terraform', ['fmt', '-check', '-recursive', join(ROOT, 'examples')], {
    encoding: 'utf8',
  })
  expect({ status, stdout }).toEqual({ status: 0, stdout: '' })
})
