/**
 * Many jobs on one home: real processes of the built dist, in any order, killed at any instant,
 * with a reader that never looks away. Used by the suite with small numbers and by `npm run
 * soak:processes` with large ones.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { waitWhileHeldOpen } from '../../src/profile/held-open.js'
import { createTemporaryFolder, removeFolder } from '../../stand-in/runner/temporary-folder.js'
import { startJob, type Job } from './job.js'
import { USERS_FILE } from './users-file.js'
import { startWorld } from './world.js'

const NAMES = ['shared', 'mine', 'a', 'b']

export interface Seen {
  /** How often the reader found the file whole. */
  readonly reads: number
  /** How many processes were killed. */
  readonly killed: number
}

/** Numbers from 0 to 1 that a seed determines. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/**
 * Runs that many jobs on one home at once, and ends them in another order. Throws if a reader
 * sees anything but a whole file that names the user's own profiles, or if the file is not what
 * it was in the end.
 *
 * @param kills how many mains and posts are killed on the way
 */
export async function shareHome({
  jobs,
  kills,
  seed,
}: {
  jobs: number
  kills: number
  seed: number
}): Promise<Seen> {
  const random = randomOf(seed)
  const home = createTemporaryFolder('shared-home-')
  const folder = join(home, '.aliyun')
  const file = join(folder, 'config.json')
  mkdirSync(folder)
  writeFileSync(file, USERS_FILE)
  const world = await startWorld()
  const all: Job[] = Array.from({ length: jobs }, () => startJob({ standIn: world.standIn, home }))
  const reading = { goesOn: true }
  let reads = 0
  let killed = 0
  const reader = (async () => {
    while (reading.goesOn) {
      // Windows may refuse it for the moment in which the file is replaced.
      requireWhole(await waitWhileHeldOpen(() => readFileSync(file, 'utf8')))
      reads += 1
      await pause(1)
    }
  })()
  try {
    const killing = (index: number, longest: number): number | undefined =>
      index < kills ? random() * longest : undefined
    await Promise.all([
      reader,
      (async () => {
        const mains = await Promise.all(
          all.map(async (job, index) => {
            const profile = NAMES[Math.floor(random() * NAMES.length)] ?? 'a'
            const current = random() < 0.5 ? 'true' : 'false'
            return job.main(
              { ...world.byKey, profile, 'set-current-profile': current },
              {},
              killing(index, 400 + 100 * jobs),
            )
          }),
        )
        killed += mains.filter(({ exitCode }) => exitCode === null).length
        const failed = mains.find(({ exitCode }) => exitCode !== null && exitCode !== 0)
        if (failed !== undefined) throw new Error(`a main failed:\n${failed.log}`)
        const order = all.map((job) => ({ job, at: random() })).sort((one, other) => one.at - other.at)
        const posts = await Promise.all(
          order.map(async ({ job }, index) => job.posts({}, killing(index, 200 + 50 * jobs))),
        )
        killed += posts.flat().filter(({ exitCode }) => exitCode === null).length
        const warned = posts
          .flat()
          .find(({ exitCode, warnings }) => exitCode === 1 || warnings.some((text) => !isOrdinary(text)))
        if (warned !== undefined) throw new Error(`a post could not do its work:\n${warned.log}`)
        if (kills > 0) await nextRun(folder, startJob({ standIn: world.standIn, home }), world.byKey)
      })().finally(() => (reading.goesOn = false)),
    ])
    const left = readdirSync(folder).filter((name) => name !== 'config.json')
    const text = readFileSync(file, 'utf8')
    if (text !== USERS_FILE || left.length > 0)
      throw new Error(
        `in the end the folder holds ${left.join(', ') || 'no other file'} and config.json is\n${text}`,
      )
    return { reads, killed }
  } finally {
    reading.goesOn = false
    for (const job of all) job.remove()
    await world.standIn.close()
    removeFolder(home)
  }
}

/**
 * The run that finds what killed ones left: their sessions are over by then, which is written into
 * the record, since nobody waits for it.
 */
async function nextRun(folder: string, job: Job, inputs: Parameters<Job['main']>[0]): Promise<void> {
  const record = join(folder, 'config.json.ci-record')
  if (existsSync(record))
    writeFileSync(
      record,
      readFileSync(record, 'utf8').replace(
        /"expiration": "[^"]*"/g,
        '"expiration": "2020-01-01T00:00:00.000Z"',
      ),
    )
  const main = await job.main({ ...inputs, profile: 'later' })
  if (main.exitCode !== 0) throw new Error(`the next run failed:\n${main.log}`)
  await job.posts()
  job.remove()
}

/** Jobs that share the name of a profile are told so. */
function isOrdinary(warning: string): boolean {
  return warning.startsWith('Another job')
}

function requireWhole(text: string): void {
  let names: unknown[]
  let current: unknown
  try {
    const config = JSON.parse(text) as { current: unknown; profiles: { name: unknown }[] }
    names = config.profiles.map(({ name }) => name)
    current = config.current
  } catch {
    throw new Error(`a reader saw half a file of ${text.length} bytes`)
  }
  for (const name of ['mine', 'shared', current])
    if (!names.includes(name)) throw new Error(`a reader missed the profile ${String(name)}`)
}
