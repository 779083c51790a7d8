/**
 * `npm run soak:processes -- [seed]`: 64 overlapping jobs on one home, then 200 and more kills,
 * with real processes. About two minutes.
 */
import { shareHome } from '../support/shared-home.js'

const seed = Number(process.argv[2] ?? '1')

const together = await shareHome({ jobs: 64, kills: 0, seed })
console.log(
  `64 jobs on one home, seed ${seed}: the file is what it was; a reader found it whole ${together.reads} times.`,
)

let [killed, reads] = [0, 0]
for (let round = 1; killed < 200 && round <= 40; round++) {
  const seen = await shareHome({ jobs: 12, kills: 12, seed: seed + round })
  killed += seen.killed
  reads += seen.reads
}
console.log(
  `${killed} mains and posts killed at random instants: nothing lost, nothing left; a reader found the file whole ${reads} times.`,
)
