import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startJob, type Job } from './support/job.js'
import { posixOnly } from './support/platform.js'
import { shareHome } from './support/shared-home.js'
import { startWorld } from './support/world.js'

test('overlapping jobs leave the file as they found it, and no reader ever sees half of it', async () => {
  const { reads, killed } = await shareHome({ jobs: 16, kills: 0, seed: 1 })
  expect(killed).toBe(0)
  expect(reads).toBeGreaterThan(16)
}, 120_000)

test('jobs killed at any instant lose nothing, and the next run restores what they left', async () => {
  const { reads } = await shareHome({ jobs: 12, kills: 12, seed: 2 })
  expect(reads).toBeGreaterThan(12)
}, 120_000)

describe('jobs on one home', () => {
  let world: Awaited<ReturnType<typeof startWorld>>
  const jobs: Job[] = []
  const newJob = (home?: string): Job => {
    const job = startJob({ standIn: world.standIn, ...(home === undefined ? {} : { home }) })
    jobs.push(job)
    return job
  }

  beforeAll(async () => {
    world = await startWorld()
  })

  afterAll(async () => {
    for (const job of jobs) job.remove()
    await world.standIn.close()
  })

  test('with one profile name are both warned, by main and by post', async () => {
    const first = newJob()
    const second = newJob(first.home)
    expect((await first.main({ ...world.byKey, profile: 'ci' })).warnings).toEqual([])
    const { warnings } = await second.main({ ...world.byKey, profile: 'ci' })
    expect(warnings).toEqual([
      expect.stringMatching(
        /"ci".*another job.*`ci-\$\{\{ github\.run_id \}\}-\$\{\{ strategy\.job-index \}\}`/,
      ),
    ])
    expect((await second.posts()).map((post) => post.warnings)).toEqual([[]])
    expect((await first.posts()).map((post) => post.warnings)).toEqual([
      [expect.stringMatching(/^Another job .*"ci"/)],
    ])
    expect(readdirSync(join(first.home, '.aliyun'))).toEqual([])
  })

  test('are refused before any request if the home does not exist', async () => {
    const job = newJob()
    const requests = world.standIn.requests.length
    rmSync(job.home, { recursive: true })
    expect((await job.main({ ...world.byKey, profile: 'ci' })).errors).toEqual([
      expect.stringMatching(/home directory .* does not exist/),
    ])
    expect(existsSync(job.home)).toBe(false)
    expect(world.standIn.requests).toHaveLength(requests)
  })

  const linked = posixOnly('links need a right there')
  linked('are refused before any request if .aliyun is a link that leads nowhere', async () => {
    const job = newJob()
    const requests = world.standIn.requests.length
    symlinkSync(join(mkdtempSync(join(tmpdir(), 'nowhere-')), 'x'), join(job.home, '.aliyun'))
    expect((await job.main({ ...world.byKey, profile: 'ci' })).errors).toEqual([
      expect.stringMatching(/symbolic link that leads nowhere/),
    ])
    expect(world.standIn.requests).toHaveLength(requests)
  })
})
