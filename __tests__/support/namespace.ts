/**
 * Runs cases of in-namespace.ts in a private network, where there is nothing but a loopback
 * interface, and this process is its root.
 */
import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Case, Outcome } from './in-namespace.js'

const IN_NAMESPACE = ['unshare', '-rn', 'sh', '-c', 'ip link set lo up && exec "$0" "$@"'] as const

const probe = spawnSync(
  IN_NAMESPACE[0],
  [...IN_NAMESPACE.slice(1), 'ip', 'address', 'add', '100.100.100.200/32', 'dev', 'lo'],
  { encoding: 'utf8' },
)

/** Why there can be no such network on this machine; undefined if there can. */
export const obstacle = probe.status === 0 ? undefined : (probe.error?.message ?? probe.stderr.trim())

export async function outcomesOf(cases: Readonly<Record<string, Case>>): Promise<Record<string, Outcome>> {
  const driver = ['--import', 'tsx', join(import.meta.dirname, 'in-namespace.ts')]
  const child = spawn(IN_NAMESPACE[0], [...IN_NAMESPACE.slice(1), process.execPath, ...driver], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  child.stdin.end(JSON.stringify(cases))
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout) as Record<string, Outcome>
}
