// A process that installs and takes back profiles on one home until it has done `cycles` of them or
// is killed. Before each installation it writes the run's ID into the journal, as an action saves
// its state. Arguments: path of config.json, journal, number of the child, cycles.
import fs from 'node:fs'
import { installProfile } from '../../src/profile/install.js'
import { uninstallProfile } from '../../src/profile/uninstall.js'
import { plain } from '../../src/text/prose.js'
import { profileOf } from './profile-arbitraries.js'

const [path = '', journal = '', child = '', cycles = '0'] = process.argv.slice(2)
// Nobody waits ten seconds for the lock of a killed process.
const STALE_SOON = { staleAfterMs: 1_500 }
const NAMES = ['me', 'ci', 'default']

async function run(): Promise<void> {
  process.stdout.write('ready\n')
  for (let cycle = 0; cycle < Number(cycles); cycle += 1) {
    const ids = [0, 1].map((step) => `${child}-${cycle}-${step}`)
    for (const [step, id] of ids.entries()) {
      fs.appendFileSync(journal, `${id}\n`)
      const name = NAMES[(cycle + step) % NAMES.length] ?? ''
      await installProfile(
        {
          path,
          id,
          job: child,
          waitAtMostMs: 30_000,
          profile: profileOf(name, id),
          setCurrent: cycle % 2 === 0,
          expiration: undefined,
          now: new Date(),
        },
        STALE_SOON,
      )
      const held = fs.readFileSync(path, 'utf8')
      if (!held.includes('"LTAIme"') && !held.includes('"STS.')) throw new Error('a home without anything')
    }
    for (const id of cycle % 3 === 0 ? ids : ids.reverse()) {
      const { warnings } = await uninstallProfile({ path, id, now: undefined }, STALE_SOON)
      const failures = warnings.map(plain).filter((warning) => !warning.startsWith('Another job'))
      if (failures.length > 0) throw new Error(failures.join())
    }
  }
}

run().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`)
  process.exitCode = 1
})
