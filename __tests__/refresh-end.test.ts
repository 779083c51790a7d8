import { expect, test } from '@jest/globals'
import { isJobOver, type JobSigns } from '../src/refresh/keep.js'

const HOUR = 3_600_000
const RUNNING: JobSigns = {
  folderIsThere: true,
  workerIsAlive: true,
  sinceStartMs: 20 * HOUR,
  sinceLastSessionMs: -HOUR,
}

test.each<[title: string, changes: Partial<JobSigns>, over: boolean]>([
  ['a job that runs', {}, false],
  ['a job whose session has been over for an hour', { sinceLastSessionMs: HOUR }, false],
  ['a job whose session has been over for longer', { sinceLastSessionMs: HOUR + 1 }, true],
  ['a job whose folder is gone', { folderIsThere: false }, true],
  ['a job whose worker is gone', { workerIsAlive: false }, true],
  ['the longest job that GitHub lets run', { sinceStartMs: 5 * 24 * HOUR }, false],
  ['a job that GitHub would have ended', { sinceStartMs: 5 * 24 * HOUR + 1 }, true],
])('%s', (_, changes, over) => {
  expect(isJobOver({ ...RUNNING, ...changes })).toBe(over)
})
