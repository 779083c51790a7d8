import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Action } from '../stand-in/runner/action-manifest.js'
import type { WithInputs } from '../stand-in/runner/runner-job.js'
import type { Cloud, Route } from './cloud.js'
import { startTimedJob, type TimedJob, type Watch } from './timed-job.js'
import { loadedFiles, totalBytes } from './loaded-files.js'
import { spreadOf, type Spread } from './spread.js'

/** What is run side by side with others. */
export interface Contestant {
  readonly name: string
  readonly action: Action
  readonly inputs: WithInputs
  /** What ~/.aliyun/config.json holds before main. */
  readonly configJson?: string
  /**
   * Claims of its OIDC token, over the issuer's usual ones; a claim given as undefined is left out.
   */
  readonly claims?: Readonly<Record<string, unknown>>
}

export interface Figures {
  readonly name: string
  /** Milliseconds of a whole process. */
  readonly main: Spread
  readonly post: Spread
  readonly requests: number
  readonly connections: number | undefined
  readonly loaded: { readonly main: Load; readonly post: Load }
  /**
   * Peak of the resident memory in KiB, the median of a few runs; undefined if the system does
   * not tell.
   */
  readonly memory: { readonly main: number | undefined; readonly post: number | undefined }
}

/** JavaScript that a process loaded. */
export interface Load {
  readonly files: number
  readonly bytes: number
}

export interface Plan {
  readonly cloud: Cloud
  /** Path of the Node that runs the actions. */
  readonly node: string
  readonly runs: number
  readonly rttMs: number
}

const MEMORY_RUNS = 3
const MEMORY_HOOK = join(import.meta.dirname, 'memory-at-exit.cjs')

/**
 * Watches every contestant first, which warms the machine up too, then times them in turns, so that
 * whatever else the machine does meets all alike.
 *
 * @throws Error if a script fails, or main passes on another session than the last that STS
 * issued
 */
export async function measure(contestants: readonly Contestant[], plan: Plan): Promise<readonly Figures[]> {
  const watched = await withRoute(plan, true, async (route) =>
    inTurn(contestants, (contestant) => watch(contestant, plan, route)),
  )
  const times = contestants.map(() => ({ main: [] as number[], post: [] as number[] }))
  await withRoute(plan, false, async (route) => {
    for (let run = 0; run < plan.runs; run++) {
      // Whoever comes first in a turn comes last in the next.
      for (let turn = 0; turn < contestants.length; turn++) {
        const index = (run + turn) % contestants.length
        const contestant = contestants[index]
        if (contestant === undefined) continue
        await inJob(contestant, plan, route, async (job) => {
          times[index]?.main.push(await job.main())
          checkHandOver(job, contestant, plan)
          times[index]?.post.push(await job.post())
        })
      }
    }
  })
  return watched.map((figures, index) => ({
    ...figures,
    main: spreadOf(times[index]?.main ?? []),
    post: spreadOf(times[index]?.post ?? []),
  }))
}

async function watch(
  contestant: Contestant,
  plan: Plan,
  route: Route,
): Promise<Omit<Figures, 'main' | 'post'>> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-watch-'))
  try {
    const before = route.connections() ?? 0
    plan.cloud.standIn.forget()
    const coverage = (entry: string): Watch => ({ env: { NODE_V8_COVERAGE: join(folder, entry) } })
    await inJob(contestant, plan, route, async (job) => {
      await job.main(coverage('main'))
      await job.post(coverage('post'))
    })
    const requests = plan.cloud.standIn.requests.length
    const connections = route.connections()
    const peaks = { main: [] as number[], post: [] as number[] }
    for (let run = 0; run < MEMORY_RUNS; run++) {
      await inJob(contestant, plan, route, async (job) => {
        for (const entry of ['main', 'post'] as const) {
          const file = join(folder, `${entry}-${run}`)
          await job[entry]({ nodeArgs: ['--require', MEMORY_HOOK], env: { BENCH_MEMORY_FILE: file } })
          peaks[entry].push(...peakOf(file))
        }
      })
    }
    return {
      name: contestant.name,
      requests,
      connections: connections === undefined ? undefined : connections - before,
      loaded: { main: loadOf(join(folder, 'main')), post: loadOf(join(folder, 'post')) },
      memory: { main: middle(peaks.main), post: middle(peaks.post) },
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function inJob(
  contestant: Contestant,
  plan: Plan,
  route: Route,
  use: (job: TimedJob) => Promise<void>,
): Promise<void> {
  const { action, configJson, claims = {} } = contestant
  const { standIn } = plan.cloud
  for (const name of Object.keys(standIn.issuer.claims)) Reflect.deleteProperty(standIn.issuer.claims, name)
  Object.assign(standIn.issuer.claims, claims)
  const job = startTimedJob({
    action,
    node: plan.node,
    inputs: { ...contestant.inputs, ...route.inputs },
    env: route.env,
    caFile: standIn.caFile,
    configJson,
  })
  try {
    await use(job)
    if (passedOn(job) !== '') throw new Error(`post of ${contestant.name} took nothing back`)
  } finally {
    job.remove()
  }
}

/** The key's ID, or the address at which a keeper has it. */
function passedOn(job: TimedJob): string | undefined {
  return job.exported('ALIBABA_CLOUD_CREDENTIALS_URI') ?? job.exported('ALIBABA_CLOUD_ACCESS_KEY_ID')
}

/** A step that does nothing is a fast one. */
function checkHandOver(job: TimedJob, { name }: Contestant, { cloud }: Plan): void {
  if (passedOn(job)?.startsWith('http://127.0.0.1:')) return
  if (job.exported('ALIBABA_CLOUD_ACCESS_KEY_ID') !== cloud.standIn.assumptions.at(-1)?.accessKeyId)
    throw new Error(`main of ${name} did not hand on the session that STS issued last`)
}

async function withRoute<T>(
  { cloud, rttMs }: Plan,
  counted: boolean,
  use: (route: Route) => Promise<T>,
): Promise<T> {
  const route = await cloud.route({ rttMs, counted })
  try {
    return await use(route)
  } finally {
    await route.close()
  }
}

async function inTurn<From, To>(list: readonly From[], take: (item: From) => Promise<To>): Promise<To[]> {
  const results: To[] = []
  for (const item of list) results.push(await take(item))
  return results
}

function loadOf(coverage: string): Load {
  const files = loadedFiles(coverage)
  return { files: files.length, bytes: totalBytes(files) }
}

/** The peak in a copy of /proc/self/status, in KiB. */
function peakOf(file: string): number[] {
  try {
    const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(file, 'utf8')) ?? []
    return kibibytes === undefined ? [] : [Number(kibibytes)]
  } catch {
    return []
  }
}

function middle(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : spreadOf(values).median
}
