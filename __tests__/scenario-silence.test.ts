/** The step ends by its deadline though hosts and name servers are silent. */
import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { SILENT_ADDRESS, type SilentCase, type SilentOutcome } from './support/in-silent-network.js'
import { NODES } from './support/job.js'

/** Private networks and mounts: nothing but a loopback interface, and this process their root. */
const IN_NAMESPACES = ['unshare', '-rnm', 'sh', '-c', 'ip link set lo up && exec "$0" "$@"'] as const

const probe = spawnSync(
  IN_NAMESPACES[0],
  [...IN_NAMESPACES.slice(1), 'mount', '--bind', '/etc/resolv.conf', '/etc/resolv.conf'],
  { encoding: 'utf8' },
)
const obstacle = probe.status === 0 ? undefined : (probe.error?.message ?? probe.stderr.trim())
// Whoever reads the log must learn what was not tested.
if (obstacle !== undefined)
  console.warn(`Silent networks were not tested: this machine gives no private ones (${obstacle}).`)

const CASES = {
  nameServer: { inputs: { 'sts-endpoint': '', 'timeout-seconds': '3' } },
  packets: { inputs: { 'sts-endpoint': SILENT_ADDRESS, 'timeout-seconds': '3' } },
} as const

let outcomes: Readonly<Record<string, SilentOutcome>>

beforeAll(async () => {
  if (obstacle !== undefined) return
  const cases = NODES.flatMap((node) =>
    Object.entries(CASES).map(([name, given]): [string, SilentCase] => [
      `${name} ${node}`,
      // glibc alone would wait 150 s for the name server, whatever the deadline.
      { ...given, node, killAfter: 60_000 },
    ]),
  )
  const driver = ['--import', 'tsx', join(import.meta.dirname, 'support/in-silent-network.ts')]
  const child = spawn(IN_NAMESPACES[0], [...IN_NAMESPACES.slice(1), process.execPath, ...driver], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  child.stdin.end(JSON.stringify(Object.fromEntries(cases)))
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  if (stdout === '') throw new Error(stderr)
  outcomes = JSON.parse(stdout) as typeof outcomes
}, 300_000)

;(obstacle === undefined ? describe : describe.skip).each(NODES)('on %s', (node) => {
  test.each([
    [
      'nameServer',
      /sts\.cn-hangzhou\.aliyuncs\.com[^]*(no connection \(EAI_AGAIN\)|no answer within .* \(waiting for name look-up or TCP\))/,
    ],
    [
      'packets',
      new RegExp(`${SILENT_ADDRESS.replaceAll('.', '\\.')}[^]*no answer within .* \\(waiting for TCP\\)`),
    ],
  ] as const)('if %s is silent, the step ends with one error and exports nothing', (name, words) => {
    expect(outcomes[`${name} ${node}`]).toEqual({
      conclusion: 'failure',
      errors: [expect.stringMatching(words)],
      stderr: '',
      exports: 0,
      killed: false,
    })
  })
})
