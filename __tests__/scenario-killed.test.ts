/**
 * A step that is killed at any instant has exported all or nothing, and post restores what it had
 * done.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect } from '@jest/globals'
import type { Job, StepInputs } from './support/job.js'
import { posixOnly } from './support/platform.js'
import { useJobs, useWorld } from './support/set-up.js'

const world = useWorld()
const startJob = useJobs(world)
const test = posixOnly('Windows ends a process in another way')

const USERS_FILE = '{"current":"mine","profiles":[{"name":"mine","mode":"AK","access_key_id":"LTAIusers"}]}'
const KILLER = `--import ${pathToFileURL(join(import.meta.dirname, 'support/kill-at.mjs')).href}`

function newJob(): Job {
  const job = startJob()
  mkdirSync(dirname(job.configFile))
  writeFileSync(job.configFile, USERS_FILE)
  return job
}

/** Main makes far fewer. */
const MOST_CALLS = 100

/**
 * Kills main before each of its calls in turn, each time on a fresh home, until it is not killed
 * any more.
 */
async function killedEverywhere(
  inputs: StepInputs,
  check: (job: Job, main: Awaited<ReturnType<Job['main']>>) => Promise<void>,
): Promise<number> {
  for (let call = 1; call <= MOST_CALLS; call++) {
    const job = newJob()
    const main = await job.main(
      { ...world.byKey, ...inputs },
      { NODE_OPTIONS: KILLER, KILL_AT: String(call) },
    )
    await check(job, main)
    if (main.exitCode === 0) return call - 1
    expect(main.exitCode).toBeNull()
  }
  throw new Error('main changes more files than expected')
}

/** The killed process's lock is stale by now. */
function forgetLock(job: Job): void {
  for (const name of readdirSync(dirname(job.configFile)))
    if (name.endsWith('.ci-lock')) rmSync(join(dirname(job.configFile), name), { recursive: true })
}

test('killed at any call that changes a file: all or nothing is exported, and post restores everything', async () => {
  const seen = new Set<string>()
  const calls = await killedEverywhere(
    { profile: 'ci', 'output-credentials': 'true' },
    async (job, { env, outputs }) => {
      seen.add(`${env.size} variables, ${outputs.size} outputs`)
      // Whoever has the variables has the profile as well.
      if (env.size > 0) expect(readFileSync(job.configFile, 'utf8')).toContain('"ci"')
      forgetLock(job)
      const [post] = await job.posts({ NODE_OPTIONS: '' })
      expect([post?.exitCode, post?.warnings]).toEqual([0, []])
      expect([...job.env.values()].filter((value) => value !== '')).toEqual([])
      expect(readFileSync(job.configFile, 'utf8')).toBe(USERS_FILE)
      expect(readdirSync(dirname(job.configFile))).toEqual(['config.json'])
    },
  )
  expect(calls).toBeGreaterThan(10)
  // Nothing; variables whose outputs were not written any more; everything.
  expect([...seen]).toEqual(['0 variables, 0 outputs', '13 variables, 0 outputs', '13 variables, 13 outputs'])
}, 180_000)

test('cleanup: false, killed at any call: all or nothing is exported, and the profile is whole or not there', async () => {
  await killedEverywhere({ profile: 'ci', cleanup: 'false' }, async (job, { env, exitCode }) => {
    expect([0, 13]).toContain(env.size)
    const names = (JSON.parse(readFileSync(job.configFile, 'utf8')) as { profiles: { name: string }[] })
      .profiles
    expect(names.map(({ name }) => name)).toContain('mine')
    if (exitCode === 0) expect(names.map(({ name }) => name)).toEqual(['mine', 'ci'])
    await job.posts({ NODE_OPTIONS: '' })
    expect([...job.env.values()].filter((value) => value === '')).toEqual([])
  })
}, 180_000)

test('killed while it waits for the lock of another job: nothing is exported', async () => {
  const holder = newJob()
  const killedHolder = { NODE_OPTIONS: KILLER, KILL_BEFORE: holder.configFile }
  await holder.main({ ...world.byKey, profile: 'ci' }, killedHolder)
  expect(existsSync(`${holder.configFile}.ci-lock`)).toBe(true)
  // Each attempt to take the lock is a call on its path.
  for (let call = 2; call <= 5; call++) {
    const waiting = startJob({ home: holder.home })
    const main = await waiting.main(
      { ...world.byKey, profile: 'other' },
      { NODE_OPTIONS: KILLER, KILL_PATH: '.ci-lock', KILL_AT: String(call) },
    )
    expect(main.exitCode).toBeNull()
    expect([main.state.size, main.env.size, main.outputs.size]).toEqual([1, 0, 0])
    expect(existsSync(`${holder.configFile}.ci-lock`)).toBe(true)
  }
  expect(readFileSync(holder.configFile, 'utf8')).toBe(USERS_FILE)
}, 60_000)
