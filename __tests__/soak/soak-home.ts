// Many more lives of a home than the test suite has time for: tsx __tests__/soak-home.ts [count]
// [seed]. Prints the seed, by which a run can be repeated.
import fc from 'fast-check'
import { life, live, undisturbedLife } from '../support/profile-model.js'

async function soak(count: number, seed: number): Promise<void> {
  const kinds = [
    { name: 'runs alone', lives: undisturbedLife, undisturbed: true },
    { name: 'with other programs', lives: life, undisturbed: false },
  ]
  for (const { name, lives, undisturbed } of kinds) {
    const started = performance.now()
    await fc.assert(
      fc.asyncProperty(lives, (some) => live(some, undisturbed)),
      { numRuns: count / kinds.length, seed },
    )
    console.log(
      `${name}: ${count / kinds.length} lives, seed ${seed}, ${Math.round((performance.now() - started) / 1000)} s`,
    )
  }
}

const [count = '100000', seed = String(Math.floor(Math.random() * 2 ** 31))] = process.argv.slice(2)
soak(Number(count), Number(seed)).catch((error: unknown) => {
  console.error(error)
  process.exitCode = 1
})
