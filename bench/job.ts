/** One step of a job on GitHub's runner, run for its time: main, then post, each a process of its own, in a home and a workspace of their own. */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Action } from './action.js'

export type StepInputs = Readonly<Record<string, string>>
type Environment = Readonly<Record<string, string>>

export interface JobOptions {
  readonly action: Action
  /** Path of the Node that runs the scripts. */
  readonly node: string
  readonly inputs: StepInputs
  readonly env: Environment
  /** PEM file of the CA that main must trust. Post gets none: it talks to nobody, and Node 20 reads the file at its start all the same. */
  readonly caFile: string | undefined
  /** What ~/.aliyun/config.json holds before main; no file where not given. */
  readonly configJson?: string | undefined
}

/** What a run is watched with; nothing where it is timed. */
export interface Watch {
  readonly nodeArgs?: readonly string[]
  readonly env?: Environment
}

export interface Job {
  /** Milliseconds from the start of the process to its end. Throws where it fails. */
  readonly main: (watch?: Watch) => Promise<number>
  readonly post: (watch?: Watch) => Promise<number>
  /** A variable that the scripts exported. */
  readonly exported: (name: string) => string | undefined
  readonly remove: () => void
}

export function startJob({ action, node, inputs, env, caFile, configJson }: JobOptions): Job {
  const folder = mkdtempSync(join(tmpdir(), 'bench-job-'))
  const path = (name: string): string => join(folder, name)
  for (const name of ['home', 'workspace', 'temp']) mkdirSync(path(name))
  if (configJson !== undefined) {
    const file = join(path('home'), '.aliyun/config.json')
    mkdirSync(dirname(file))
    writeFileSync(file, configJson, { mode: 0o600 })
  }
  const given = new Map(
    [...action.inputs].flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
  )
  for (const [name, value] of Object.entries(inputs)) given.set(name, value)
  const fixed = {
    PATH: process.env.PATH ?? '',
    HOME: path('home'),
    TMPDIR: path('temp'),
    RUNNER_TEMP: path('temp'),
    GITHUB_ACTIONS: 'true',
    GITHUB_WORKSPACE: path('workspace'),
    GITHUB_REPOSITORY: 'octo-org/octo-repo',
    GITHUB_REPOSITORY_OWNER: 'octo-org',
    GITHUB_RUN_ID: '1234567890',
    GITHUB_EVENT_NAME: 'push',
    GITHUB_REF: 'refs/heads/main',
    GITHUB_SERVER_URL: 'https://github.com',
    ...Object.fromEntries(
      [...given].map(([name, value]) => [`INPUT_${name.replaceAll(' ', '_').toUpperCase()}`, value]),
    ),
    ...env,
  }
  const exported = new Map<string, string>()
  const state = new Map<string, string>()

  const run = async (
    entry: 'main' | 'post',
    { nodeArgs = [], env: own = {} }: Watch = {},
  ): Promise<number> => {
    const files = Object.fromEntries(
      ['ENV', 'OUTPUT', 'STATE', 'STEP_SUMMARY', 'PATH'].map((name) => [`GITHUB_${name}`, path(name)]),
    )
    for (const file of Object.values(files)) writeFileSync(file, '')
    const processEnv = {
      ...fixed,
      ...Object.fromEntries(exported),
      ...Object.fromEntries([...state].map(([name, value]) => [`STATE_${name}`, value])),
      ...files,
      ...(entry === 'main' && caFile !== undefined ? { NODE_EXTRA_CA_CERTS: caFile } : {}),
      ...own,
    }
    const { milliseconds, exitCode, output } = await timed(
      node,
      [...nodeArgs, action[entry]],
      path('workspace'),
      processEnv,
    )
    if (exitCode !== 0)
      throw new Error(
        `${entry} of ${action.name} ended with ${String(exitCode)}:\n${withoutMaskCommands(output)}`,
      )
    for (const [name, value] of keyValues(readFileSync(path('ENV'), 'utf8'))) exported.set(name, value)
    for (const [name, value] of keyValues(readFileSync(path('STATE'), 'utf8'))) state.set(name, value)
    return milliseconds
  }

  return {
    main: async (watch) => run('main', watch),
    post: async (watch) => run('post', watch),
    exported: (name) => exported.get(name),
    remove: () => {
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function timed(
  command: string,
  args: readonly string[],
  cwd: string,
  env: Environment,
): Promise<{ milliseconds: number; exitCode: number | null; output: string }> {
  return new Promise((done, fail) => {
    const start = performance.now()
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (part: string) => (output += part))
    child.once('error', fail)
    // As the runner waits: for the process and for all that it wrote.
    child.once('close', (exitCode) => {
      done({ milliseconds: performance.now() - start, exitCode, output })
    })
  })
}

function withoutMaskCommands(output: string): string {
  return output.replace(/^::add-mask::.*$/gm, '::add-mask::***').trim()
}

/** What a script wrote into one of the runner's files: `NAME<<delimiter`, value, delimiter. */
function keyValues(text: string): Map<string, string> {
  return new Map(
    [...text.matchAll(/^([^\n]+?)<<(ghadelimiter_[^\n]+)\n([\s\S]*?)\n\2$/gm)].map(
      ([, name = '', , value = '']) => [name, value],
    ),
  )
}
