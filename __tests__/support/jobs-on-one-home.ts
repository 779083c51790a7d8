/**
 * Jobs that share a home, counted: how many mains fail and how many posts leave their session
 * behind.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTemporaryFolder, removeFolder } from '../../stand-in/runner/temporary-folder.js'
import { startJob } from './job.js'
import { USERS_FILE } from './users-file.js'
import type { World } from './world.js'

export interface Tally {
  readonly mains: number
  readonly mainsFailed: number
  /**
   * Posts after which the session of their job was still in config.json or in the record beside it.
   */
  readonly sessionsLeft: number
  /** Homes whose config.json was another one in the end. */
  readonly homesChanged: number
  /** What the failed mains and the posts said, each text once. */
  readonly said: readonly string[]
}

/**
 * Runs that many jobs at once on one home, each with a profile of its own, and then their posts at
 * once.
 *
 * @param disturb begins what disturbs them at config.json's path, and returns what ends it
 */
export async function tallyJobsOnOneHome(
  world: World,
  jobs: number,
  disturb: (configFile: string) => Promise<() => Promise<void>> = async () =>
    Promise.resolve(async () => Promise.resolve()),
): Promise<Tally> {
  const home = createTemporaryFolder('one-home-')
  const folder = join(home, '.aliyun')
  const file = join(folder, 'config.json')
  mkdirSync(folder)
  writeFileSync(file, USERS_FILE)
  const all = Array.from({ length: jobs }, () => startJob({ standIn: world.standIn, home }))
  const end = await disturb(file)
  try {
    const mains = await Promise.all(
      all.map(async (job, index) => job.main({ ...world.byKey, profile: `job-${index}` })),
    )
    const posts = (await Promise.all(all.map(async (job) => job.posts()))).flat()
    await end()
    const [text, record] = [file, `${file}.ci-record`].map((path) =>
      existsSync(path) ? readFileSync(path, 'utf8') : '',
    )
    return {
      mains: mains.length,
      mainsFailed: mains.filter(({ exitCode }) => exitCode !== 0).length,
      sessionsLeft: mains.filter(({ env }) => {
        const id = env.get('ALIBABA_CLOUD_ACCESS_KEY_ID')
        return id !== undefined && `${text ?? ''}${record ?? ''}`.includes(id)
      }).length,
      homesChanged: text === USERS_FILE ? 0 : 1,
      said: [
        ...new Set([...mains.flatMap(({ errors }) => errors), ...posts.flatMap(({ warnings }) => warnings)]),
      ],
    }
  } finally {
    for (const job of all) job.remove()
    removeFolder(home)
  }
}
