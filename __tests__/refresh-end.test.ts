import { expect, test } from '@jest/globals'
import { createStopwatch, isJobOver, type JobSigns } from '../src/refresh/keep.js'

const HOUR = 3_600_000
const RUNNING: JobSigns = {
  folderIsThere: true,
  workerIsAlive: true,
  sinceStartMs: 20 * HOUR,
  withoutSessionMs: 0,
}

test.each<[title: string, changes: Partial<JobSigns>, over: boolean]>([
  ['a job that runs', {}, false],
  ['a job without a session for an hour', { withoutSessionMs: HOUR }, false],
  ['a job without a session for longer', { withoutSessionMs: HOUR + 1 }, true],
  ['a job whose folder is gone', { folderIsThere: false }, true],
  ['a job whose worker is gone', { workerIsAlive: false }, true],
  ['the longest job that GitHub lets run', { sinceStartMs: 5 * 24 * HOUR }, false],
  ['a job that GitHub would have ended', { sinceStartMs: 5 * 24 * HOUR + 1 }, true],
])('%s', (_, changes, over) => {
  expect(isJobOver({ ...RUNNING, ...changes })).toBe(over)
})

test('a machine that wakes up long after its session is over has its hour before it', () => {
  let now = 0
  const withoutSession = createStopwatch(() => now)
  expect(withoutSession(false)).toBe(0)
  // No look while it is suspended, and the first one finds the session over.
  now += 8 * HOUR
  expect(withoutSession(true)).toBe(0)
  now += HOUR
  expect(withoutSession(true)).toBe(HOUR)
  expect(withoutSession(false)).toBe(0)
  now += HOUR
  expect(withoutSession(true)).toBe(0)
})
