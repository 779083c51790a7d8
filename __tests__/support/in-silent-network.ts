/**
 * Runs steps in a network in which packets are lost: to a host, or to the name server. To be
 * started inside private network and mount namespaces, as root of them; reads cases from stdin and
 * writes their outcomes to stdout, both as JSON.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { startJob, type StepInputs, type StepResult } from './job.js'
import { startWorld } from './world.js'

/** Where packets go and nothing comes back from. */
export const SILENT_ADDRESS = '10.99.99.99'

export interface SilentCase {
  readonly node: string
  readonly inputs: StepInputs
  /** Milliseconds after which the step is killed, as a runner's own time-out would. */
  readonly killAfter: number
}

export interface SilentOutcome extends Pick<StepResult, 'conclusion' | 'errors' | 'stderr'> {
  readonly exports: number
  /** Whether it had to be killed. */
  readonly killed: boolean
}

if (process.argv[1] === import.meta.filename) {
  const folder = mkdtempSync(join(tmpdir(), 'silent-'))
  const resolver = join(folder, 'resolv.conf')
  // The most that glibc takes: without bounds of its own a step would wait for minutes.
  writeFileSync(resolver, `nameserver ${SILENT_ADDRESS}\noptions timeout:30 attempts:5\n`)
  execFileSync('mount', ['--bind', resolver, '/etc/resolv.conf'])
  // A route that leads to this machine's own loopback, which has no such address.
  execFileSync('ip', ['route', 'add', `${SILENT_ADDRESS}/32`, 'dev', 'lo'])
  const { standIn, byKey } = await startWorld()
  const cases = JSON.parse(await text(process.stdin)) as Record<string, SilentCase>
  const outcomes = await Promise.all(
    Object.entries(cases).map(async ([name, { node, inputs, killAfter }]) => {
      const job = startJob({ standIn, node })
      let killed = false
      const at = pause(killAfter).then(() => (killed = true))
      const { conclusion, errors, stderr, env } = await job.main(
        { ...byKey, ...inputs },
        {},
        { kind: 'kill', at },
      )
      job.remove()
      return [
        name,
        { conclusion, errors, stderr, exports: env.size, killed } satisfies SilentOutcome,
      ] as const
    }),
  )
  await standIn.close()
  rmSync(folder, { recursive: true })
  process.stdout.write(JSON.stringify(Object.fromEntries(outcomes)), () => process.exit())
}
