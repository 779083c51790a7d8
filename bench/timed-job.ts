/**
 * One step of a job on the simulated runner, run for its time: main, then post, in a home and a
 * workspace of their own.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Action } from '../stand-in/runner/action-manifest.js'
import { startRunnerJob, type StepRun, type WithInputs } from '../stand-in/runner/runner-job.js'

type Environment = Readonly<Record<string, string>>

export interface TimedJobOptions {
  readonly action: Action
  /** Path of the Node that runs the scripts. */
  readonly node: string
  readonly inputs: WithInputs
  readonly env: Environment
  /**
   * PEM file of the CA that main must trust. Post gets none: it talks to nobody, and Node 20 reads
   * the file at its start all the same.
   */
  readonly caFile: string | undefined
  /** What ~/.aliyun/config.json holds before main. Default: no file. */
  readonly configJson?: string | undefined
}

/** What a run is watched with; nothing while it is timed. */
export interface Watch {
  readonly nodeArgs?: readonly string[]
  readonly env?: Environment
}

export interface TimedJob {
  /** Milliseconds from the start of the process to its end. Throws if it fails. */
  readonly main: (watch?: Watch) => Promise<number>
  readonly post: (watch?: Watch) => Promise<number>
  /** A variable that the scripts exported. */
  readonly exported: (name: string) => string | undefined
  readonly remove: () => void
}

export function startTimedJob({ action, node, inputs, env, caFile, configJson }: TimedJobOptions): TimedJob {
  const job = startRunnerJob({ action, node, runnerEnv: env })
  if (configJson !== undefined) {
    const file = join(job.home, '.aliyun/config.json')
    mkdirSync(dirname(file))
    writeFileSync(file, configJson, { mode: 0o600 })
  }
  // What another action leaves among temporary files goes with the job.
  const common = { TMPDIR: job.temp }
  const timeOf = (script: string, { conclusion, exitCode, milliseconds, log }: StepRun): number => {
    if (conclusion !== 'success')
      throw new Error(`${script} of ${action.name} ended with ${String(exitCode)}:\n${log}`)
    return milliseconds
  }
  return {
    main: async ({ nodeArgs = [], env: own = {} } = {}) => {
      const ca = caFile === undefined ? {} : { NODE_EXTRA_CA_CERTS: caFile }
      return timeOf('main', await job.main({ inputs }, { nodeArgs, env: { ...common, ...ca, ...own } }))
    },
    post: async ({ nodeArgs = [], env: own = {} } = {}) => {
      const [run] = await job.posts({ nodeArgs, env: { ...common, ...own } })
      if (run === undefined) throw new Error(`${action.name} has no post to run: its main did not`)
      return timeOf('post', run)
    },
    exported: (name) => job.env.get(name),
    remove: job.remove,
  }
}
