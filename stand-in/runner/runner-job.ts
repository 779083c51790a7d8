/**
 * A job on GitHub's runner, as far as its steps can tell: folders, variables and file commands; an
 * action's main and post as processes of their own, with variables and state carried from step to
 * step and the posts in reverse order; a log with every mask applied. What the runner does to
 * values and messages is in the files beside this one, each with the source that says so.
 *
 * Not simulated: conditions, containers, composite actions, problem matchers, and time limits of
 * steps.
 */
import { randomUUID } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Action } from './action-manifest.js'
import { createMasks, type Masks } from './masks.js'
import { runnerEnvironment } from './runner-environment.js'
import { createStepFiles } from './step-files.js'
import { readStreams, startLog, type LogWriter, type StepLog } from './step-log.js'
import { runProcess, type Interruption, type ProcessRun } from './step-process.js'
import { createTemporaryFolder, removeFolder } from './temporary-folder.js'
import { asRunnerGives, evaluate, type Contexts } from './with-values.js'

type Variables = Readonly<Record<string, string>>

/** `with:` as a workflow's YAML gives it. */
export type WithInputs = Readonly<Record<string, unknown>>

export interface RunnerJobOptions {
  readonly action: Action
  /** Path of the Node that runs the action. Default: this one. */
  readonly node?: string | undefined
  /** The repository's secrets: `${{ secrets.NAME }}`. They are masked from the beginning. */
  readonly secrets?: Variables
  /** The job's `env:`. Unlike on GitHub, it may replace the runner's own variables. */
  readonly env?: Variables
  /**
   * What this runner has beside the variables of every runner; undefined takes one of those away.
   */
  readonly runnerEnv?: Readonly<Record<string, string | undefined>>
  /** A home that outlives the job, as on a self-hosted runner. Default: one of the job's own. */
  readonly home?: string | undefined
  /** Milliseconds that a step's streams may stay open after its process. Default 5,000. */
  readonly heldStreamsLimit?: number
}

export interface ActionStep {
  readonly inputs: WithInputs
  /** The step's `env:`. Evaluated again for post, like the inputs. */
  readonly env?: Variables
}

/** How one process is run. */
export interface Circumstances {
  /** Variables of this process alone, over all others. */
  readonly env?: Variables
  readonly nodeArgs?: readonly string[]
  readonly interruption?: Interruption | undefined
}

export interface StepRun extends ProcessRun, Omit<StepLog, 'refused'> {
  readonly conclusion: 'success' | 'failure' | 'cancelled'
  /** Messages of the step's own errors and warnings, as annotations keep them. */
  readonly errors: readonly string[]
  readonly warnings: readonly string[]
  /** What the step exported to later steps. */
  readonly env: ReadonlyMap<string, string>
  /** The job's summary, as the step wrote it. */
  readonly summary: string
}

export interface RunnerJob {
  readonly home: string
  readonly workspace: string
  /** RUNNER_TEMP. */
  readonly temp: string
  /** The job's variables by now: its `env:`, and what steps exported. */
  readonly env: ReadonlyMap<string, string>
  readonly masks: Masks
  /** Runs a step's main, and registers its post. */
  readonly main: (step: ActionStep, circumstances?: Circumstances) => Promise<StepRun>
  /** Runs the posts of all steps that began, the last first. */
  readonly posts: (circumstances?: Circumstances) => Promise<readonly StepRun[]>
  /** Runs a program as a later step, with the job's variables. */
  readonly run: (command: string, args: readonly string[], circumstances?: Circumstances) => Promise<StepRun>
  /**
   * What another job gets of these values as outputs of this one: those that are empty or contain
   * anything masked are dropped (JobExtension.cs).
   */
  readonly jobOutputs: (outputs: ReadonlyMap<string, string>) => JobOutputs
  /** Processes that steps left behind, by RUNNER_TRACKING_ID; only on Linux can they be seen. */
  readonly orphans: () => readonly number[]
  /**
   * Ends what steps left behind, as the runner does at the end of a job, and removes the job's
   * folders.
   */
  readonly remove: () => void
}

export interface JobOutputs {
  readonly outputs: ReadonlyMap<string, string>
  readonly log: string
}

interface Registered {
  readonly step: ActionStep
  readonly state: ReadonlyMap<string, string>
}

export function startRunnerJob(options: RunnerJobOptions): RunnerJob {
  const { action, node = process.execPath, secrets = {}, runnerEnv = {} } = options
  const folder = createTemporaryFolder('job-')
  const folders = {
    home: options.home ?? join(folder, 'home'),
    workspace: join(folder, 'workspace'),
    temp: join(folder, 'temp'),
  }
  for (const path of Object.values(folders)) mkdirSync(path, { recursive: true })
  const trackingId = `github_${randomUUID()}`
  const fixed = defined({
    ...runnerEnvironment(folders),
    RUNNER_TRACKING_ID: trackingId,
    GITHUB_EVENT_PATH: writeEvent(folder),
    ...runnerEnv,
  })
  const env = new Map(Object.entries(options.env ?? {}))
  // The request token is the job's own key to GitHub, which the runner masks with the secrets.
  const masks = createMasks([...Object.values(secrets), fixed.ACTIONS_ID_TOKEN_REQUEST_TOKEN ?? ''])
  const path: string[] = []
  const registered: Registered[] = []
  let count = 0

  const contexts = (): Contexts => ({ secrets: new Map(Object.entries(secrets)), env, github: new Map() })
  const evaluated = (values: Readonly<Record<string, unknown>>): Record<string, string> =>
    Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, evaluate(asRunnerGives(value), contexts())]),
    )

  const execute = async (
    command: string,
    args: readonly string[],
    stepEnv: Variables,
    { env: own = {}, interruption }: Circumstances,
    writer: LogWriter,
  ): Promise<StepRun> => {
    count += 1
    const files = createStepFiles(folders.temp, String(count))
    const given = { ...fixed, ...Object.fromEntries(env), ...files.env, ...stepEnv, ...own }
    const runnersOwn = writer.annotations.length
    const run = await runProcess({
      command,
      args,
      cwd: folders.workspace,
      env: { ...given, PATH: [...path, given.PATH ?? ''].join(delimiter) },
      interruption,
      heldStreamsLimit: options.heldStreamsLimit,
    })
    const told = readStreams(run, masks, writer, given.RUNNER_DEBUG === '1')
    const written = files.read()
    for (const fault of written.faults) writer.annotate('error', fault)
    for (const [name, value] of written.env) env.set(name, value)
    path.unshift(...written.path)
    const messages = (kind: 'error' | 'warning'): string[] =>
      writer.annotations
        .slice(runnersOwn)
        .filter((annotation) => annotation.kind === kind)
        .map(({ message }) => message)
    const failed = run.exitCode !== 0 || told.refused || written.faults.length > 0
    return {
      ...run,
      conclusion: !failed ? 'success' : interruption?.kind === 'cancel' ? 'cancelled' : 'failure',
      log: writer.log(),
      annotations: writer.annotations,
      errors: messages('error'),
      warnings: messages('warning'),
      masks: told.masks,
      env: written.env,
      outputs: new Map([...told.outputs, ...written.outputs]),
      state: new Map([...told.state, ...written.state]),
      summary: written.summary,
    }
  }

  /** Main or post. Both get the inputs as they evaluate at that moment. */
  const act = async (
    script: 'main' | 'post',
    { inputs, env: stepEnv = {} }: ActionStep,
    state: ReadonlyMap<string, string>,
    circumstances: Circumstances,
  ): Promise<StepRun> => {
    const writer = startLog(masks)
    for (const warning of warningsOf(action, Object.keys(inputs))) writer.annotate('warning', warning)
    const withDefaults = { ...Object.fromEntries(action.inputs), ...inputs }
    return execute(
      node,
      [...(circumstances.nodeArgs ?? []), action[script]],
      {
        ...evaluated(stepEnv),
        ...named((name) => `STATE_${name}`, Object.fromEntries(state)),
        ...named(inputVariable, evaluated(withDefaults)),
      },
      circumstances,
      writer,
    )
  }

  return {
    ...folders,
    env,
    masks,
    main: async (step, circumstances = {}) => {
      const run = await act('main', step, new Map(), circumstances)
      registered.push({ step, state: run.state })
      return run
    },
    posts: async (circumstances = {}) => {
      const runs: StepRun[] = []
      for (const { step, state } of registered.splice(0).reverse())
        runs.push(await act('post', step, state, circumstances))
      return runs
    },
    run: async (command, args, circumstances = {}) =>
      execute(command, args, {}, circumstances, startLog(masks)),
    jobOutputs: (outputs) => {
      const writer = startLog(masks)
      const passed = [...outputs].filter(([name, value]) => {
        const hidden = masks.apply(value) !== value
        if (hidden) writer.annotate('warning', `Skip output '${name}' since it may contain secret.`)
        return value !== '' && !hidden
      })
      return { outputs: new Map(passed), log: writer.log() }
    },
    orphans: () => processesWith(trackingId),
    remove: () => {
      for (const id of processesWith(trackingId)) endProcess(id)
      removeFolder(folder)
    },
  }
}

/**
 * What the runner itself warns about: inputs that the action does not know, and deprecated ones.
 */
function warningsOf({ inputs, deprecations }: Action, given: readonly string[]): readonly string[] {
  const unexpected = given.filter((name) => !inputs.has(name))
  const list = (names: Iterable<string>): string => [...names].join("', '")
  return [
    ...given.flatMap((name) => {
      const message = deprecations.get(name)
      return message === undefined ? [] : [`Input '${name}' has been deprecated with message: ${message}`]
    }),
    ...(unexpected.length === 0
      ? []
      : [`Unexpected input(s) '${list(unexpected)}', valid inputs are ['${list(inputs.keys())}']`]),
  ]
}

function inputVariable(name: string): string {
  return `INPUT_${name.replaceAll(' ', '_').toUpperCase()}`
}

function named(rename: (name: string) => string, values: Variables): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [rename(name), value]))
}

function defined(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
}

/** The event that started the run: a push, with no more of it than every event has. */
function writeEvent(folder: string): string {
  const file = join(folder, 'event.json')
  const repository = { name: 'octo-repo', full_name: 'octo-org/octo-repo', owner: { login: 'octo-org' } }
  writeFileSync(file, JSON.stringify({ ref: 'refs/heads/main', repository }))
  return file
}

/** IDs of the processes with this RUNNER_TRACKING_ID in their environment. */
function processesWith(trackingId: string): number[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((id) => {
      try {
        return readFileSync(`/proc/${id}/environ`, 'utf8')
          .split('\0')
          .includes(`RUNNER_TRACKING_ID=${trackingId}`)
      } catch {
        // It has ended, or belongs to someone else.
        return false
      }
    })
    .map(Number)
}

function endProcess(id: number): void {
  try {
    process.kill(id, 'SIGKILL')
  } catch {
    // It has ended meanwhile.
  }
}
