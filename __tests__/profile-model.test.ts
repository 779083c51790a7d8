import { describe, test } from '@jest/globals'
import fc from 'fast-check'
import { life, live, undisturbedLife } from './profile-model.js'

// Both run with a seed of their own each time, which a failure prints; `npm run soak:home` runs more of them.
const RUNS = Number(process.env.PROFILE_LIVES ?? 600)

describe('one home in memory, with mains, posts, kills between the writes, and time', () => {
  test('runs alone leave the file as it was, byte for byte, and show what the model shows in between', async () => {
    await fc.assert(
      fc.asyncProperty(undisturbedLife, (some) => live(some, true)),
      { numRuns: RUNS },
    )
  })

  test('what other programs write in between stays, and nothing of theirs is lost', async () => {
    await fc.assert(
      fc.asyncProperty(life, (some) => live(some, false)),
      { numRuns: RUNS },
    )
  })
})
