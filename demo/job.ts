/**
 * One job on GitHub's runner, as far as the story needs it: a temporary HOME and workspace, file commands, masks, and a step that runs the
 * built dist in processes of their own, main first and post at the end.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parse } from 'yaml'
import { withoutSecrets } from '../src/secrecy/redact.js'

const ROOT = resolve(import.meta.dirname, '..')

/** The `with:` of the workflow's step, as it is written there. */
export type StepInputs = Readonly<Record<string, string>>

export interface StepRun {
  readonly exitCode: number | null
  /** What the log shows: without workflow commands, with every mask applied. */
  readonly log: string
  readonly outputs: ReadonlyMap<string, string>
  /** The Markdown of the job's summary. */
  readonly summary: string
}

export interface Job {
  readonly configFile: string
  /** The variables that steps exported, as the next step gets them. */
  readonly env: ReadonlyMap<string, string>
  /** Everything that this job's masks hide. */
  readonly masks: ReadonlySet<string>
  readonly main: (inputs: StepInputs) => Promise<StepRun>
  /** The post of the step that `main` ran last. */
  readonly post: () => Promise<StepRun>
  /** A later step: a Node program that gets the job's environment and nothing else. The log is what it wrote, masked. */
  readonly program: (file: string, args: readonly string[]) => Promise<Pick<StepRun, 'exitCode' | 'log'>>
  readonly masked: (text: string) => string
  readonly remove: () => void
}

/**
 * @param secrets the repository's secrets, by name: what `${{ secrets.NAME }}` stands for
 * @param runnerEnv variables that the runner itself has, beside those that every runner has
 */
export function startJob(
  secrets: Readonly<Record<string, string>>,
  runnerEnv: Readonly<Record<string, string>>,
): Job {
  const folder = mkdtempSync(join(tmpdir(), 'demo-'))
  const [home, workspace, temp] = ['home', 'workspace', 'temp'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  for (const path of [home, workspace, temp]) mkdirSync(path)
  const env = new Map<string, string>()
  // The runner masks a repository's secrets before the first step begins.
  const masks = new Set<string>(Object.values(secrets))
  let last: { readonly inputs: StepInputs; readonly state: ReadonlyMap<string, string> } = {
    inputs: {},
    state: new Map(),
  }
  let count = 0

  const fixed = {
    PATH: process.env.PATH ?? '',
    HOME: home,
    RUNNER_TEMP: temp,
    GITHUB_ACTIONS: 'true',
    GITHUB_WORKSPACE: workspace,
    GITHUB_REPOSITORY: 'octo-org/octo-repo',
    GITHUB_REPOSITORY_OWNER: 'octo-org',
    GITHUB_RUN_ID: '1234567890',
    GITHUB_EVENT_NAME: 'push',
    GITHUB_REF: 'refs/heads/main',
    GITHUB_SERVER_URL: 'https://github.com',
    ...runnerEnv,
  }

  const masked = (text: string): string => withoutSecrets(text, masks)

  const step = async (entry: 'main' | 'post', inputs: StepInputs, state: ReadonlyMap<string, string>) => {
    count += 1
    const files = Object.fromEntries(
      ['ENV', 'OUTPUT', 'STATE', 'STEP_SUMMARY'].map((name) => [
        `GITHUB_${name}`,
        join(temp, `${name.toLowerCase()}-${count}`),
      ]),
    )
    for (const file of Object.values(files)) writeFileSync(file, '')
    const given = { ...manifestDefaults(), ...inputs }
    const { exitCode, stdout, stderr } = await run([join(ROOT, 'dist', entry, 'index.js')], workspace, {
      ...fixed,
      ...Object.fromEntries(env),
      ...files,
      ...Object.fromEntries(
        Object.entries(given).map(([name, value]) => [
          `INPUT_${name.toUpperCase()}`,
          evaluated(value, secrets),
        ]),
      ),
      ...Object.fromEntries([...state].map(([name, value]) => [`STATE_${name}`, value])),
    })
    const read = (name: string): string => readFileSync(files[name] ?? '', 'utf8')
    for (const [name, value] of keyValues(read('GITHUB_ENV'))) env.set(name, value)
    for (const [, value] of stdout.matchAll(/^::add-mask::(.+)$/gm)) masks.add(unescaped(value ?? ''))
    return {
      exitCode,
      log: masked(`${stderr}${logOf(stdout)}`),
      outputs: keyValues(read('GITHUB_OUTPUT')),
      summary: read('GITHUB_STEP_SUMMARY'),
      state: keyValues(read('GITHUB_STATE')),
    }
  }

  return {
    configFile: join(home, '.aliyun/config.json'),
    env,
    masks,
    main: async (inputs) => {
      const result = await step('main', inputs, new Map())
      last = { inputs, state: result.state }
      return result
    },
    post: () => step('post', last.inputs, last.state),
    program: async (file, args) => {
      // The SDK calls url.parse, and Node 24 would say so.
      const { exitCode, stdout, stderr } = await run(['--no-deprecation', file, ...args], workspace, {
        ...fixed,
        ...Object.fromEntries(env),
      })
      return { exitCode, log: masked(`${stdout}${stderr}`.trimEnd()) }
    },
    masked,
    remove: () => {
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The runner fills in the manifest's defaults. */
function manifestDefaults(): StepInputs {
  const manifest = parse(readFileSync(join(ROOT, 'action.yml'), 'utf8')) as {
    inputs: Record<string, { default?: string }>
  }
  return Object.fromEntries(
    Object.entries(manifest.inputs).flatMap(([name, input]) =>
      input.default === undefined ? [] : [[name, input.default]],
    ),
  )
}

function evaluated(value: string, secrets: Readonly<Record<string, string>>): string {
  return value.replace(/\$\{\{ secrets\.(\w+) \}\}/g, (_, name: string) => secrets[name] ?? '')
}

async function run(
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const written = { stdout: '', stderr: '' }
    for (const stream of ['stdout', 'stderr'] as const)
      child[stream].setEncoding('utf8').on('data', (part: string) => (written[stream] += part))
    child.once('error', fail)
    child.once('close', (exitCode) => {
      done({ exitCode, ...written })
    })
  })
}

/** The log as the runner draws it: commands are obeyed rather than shown, a group's lines stand below its title. */
function logOf(stdout: string): string {
  let indent = ''
  const lines = stdout.split('\n').flatMap((line) => {
    const [, name, value = ''] = /^::([a-z-]+)(?: [^:]*)?::(.*)$/.exec(line) ?? []
    switch (name) {
      case undefined:
        return [`${indent}${line}`]
      case 'group':
        indent = '  '
        return [`▾ ${unescaped(value)}`]
      case 'endgroup':
        indent = ''
        return []
      case 'error':
        return [`Error: ${unescaped(value)}`]
      case 'warning':
        return [`Warning: ${unescaped(value)}`]
      default:
        return []
    }
  })
  return lines.join('\n').trimEnd()
}

function unescaped(value: string): string {
  return value.replaceAll('%0A', '\n').replaceAll('%0D', '\r').replaceAll('%25', '%')
}

/** What a step wrote into one of the runner's files: `NAME<<delimiter`, value, delimiter. */
function keyValues(text: string): Map<string, string> {
  return new Map(
    [...text.matchAll(/^([^\n]+?)<<(ghadelimiter_[^\n]+)\n([\s\S]*?)\n\2$/gm)].map(
      ([, name = '', , value = '']) => [name, value],
    ),
  )
}
