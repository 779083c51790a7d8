import { expect, test } from '@jest/globals'
import { shareHome } from './support/shared-home.js'

test('overlapping jobs leave the file as they found it, and no reader ever sees half of it', async () => {
  const { reads, killed } = await shareHome({ jobs: 16, kills: 0, seed: 1 })
  expect(killed).toBe(0)
  expect(reads).toBeGreaterThan(16)
}, 120_000)

test('jobs killed at any instant lose nothing, and the next run takes back what they left', async () => {
  const { reads } = await shareHome({ jobs: 12, kills: 12, seed: 2 })
  expect(reads).toBeGreaterThan(12)
}, 120_000)
