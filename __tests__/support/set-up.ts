/**
 * What tests have in common before and after: call these at the top of a file or of a `describe`.
 */
import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals'
import { createTemporaryFolder, removeFolder } from '../../stand-in/runner/temporary-folder.js'
import type { StandInOptions } from '../../stand-in/stand-in.js'
import { startJob, type Job, type JobOptions } from './job.js'
import { startWorld, type World } from './world.js'

export interface WorldOptions extends StandInOptions {
  /** Adds to the world before the first test. */
  readonly prepare?: (world: World) => void
  /**
   * A new world for each test, if the tests move its clock or its RAM. Default: one for all, whose
   * records and faults are cleared after each.
   */
  readonly renewed?: boolean
}

/**
 * Starts a world for the tests of this file or block. What is returned can be used in tests and
 * hooks, not before.
 */
export function useWorld({ prepare, renewed = false, ...options }: WorldOptions = {}): World {
  let world: World | undefined
  const [before, after] = renewed ? [beforeEach, afterEach] : [beforeAll, afterAll]
  before(async () => {
    world = await startWorld(options)
    prepare?.(world)
  })
  afterEach(() => {
    world?.standIn.forget()
    world?.standIn.sts.clearFaults()
    world?.standIn.issuer.clearFaults()
  })
  after(async () => {
    await world?.standIn.close()
    world = undefined
  })
  const started = (): World => {
    if (world === undefined) throw new Error('The world begins with the first test.')
    return world
  }
  return {
    get standIn() {
      return started().standIn
    },
    get key() {
      return started().key
    },
    get byKey() {
      return started().byKey
    },
    get byOidc() {
      return started().byOidc
    },
  }
}

/**
 * Gives the function that starts a job in this world. All jobs are removed after each test.
 *
 * @param common options of every job, over which its own go
 */
export function useJobs(
  world: World,
  common: Partial<JobOptions> = {},
): (options?: Partial<JobOptions>) => Job {
  const jobs: Job[] = []
  afterEach(() => {
    for (const job of jobs.splice(0)) job.remove()
  })
  return (options = {}) => {
    const job = startJob({ standIn: world.standIn, ...common, ...options })
    jobs.push(job)
    return job
  }
}

/** A folder for each test, removed after it. */
export function useFolder(): () => string {
  let folder = ''
  beforeEach(() => {
    folder = createTemporaryFolder('test-')
  })
  afterEach(() => {
    removeFolder(folder)
  })
  return () => folder
}
