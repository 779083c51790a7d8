import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { NODES } from './support/job.js'
import type { ContainerOutcome } from './support/refresh-in-container.js'
import { ACCOUNT } from './support/world.js'

/** Process IDs and a network of their own, as a container has them. */
const IN_CONTAINER = [
  'unshare',
  '-rnpf',
  '--mount-proc',
  'sh',
  '-c',
  'ip link set lo up && exec "$0" "$@"',
] as const
const probe = spawnSync(IN_CONTAINER[0], [...IN_CONTAINER.slice(1), 'true'], { encoding: 'utf8' })
const obstacle = probe.status === 0 ? undefined : (probe.error?.message ?? probe.stderr.trim())
const title = `a job in a container on an ECS instance${obstacle === undefined ? '' : ` (${obstacle})`}`

;(obstacle === undefined ? describe : describe.skip)(title, () => {
  test.each(NODES)(
    "refreshes the instance role's session, and a role behind it, on %s",
    (node) => {
      const driver = join(import.meta.dirname, 'support/refresh-in-container.ts')
      const { stdout, stderr } = spawnSync(
        IN_CONTAINER[0],
        [...IN_CONTAINER.slice(1), process.execPath, '--import', 'tsx', driver, node],
        { encoding: 'utf8', timeout: 60_000, killSignal: 'SIGKILL' },
      )
      if (stdout === '') throw new Error(stderr)
      const outcomes = JSON.parse(stdout) as ContainerOutcome[]
      const roles = ['instance', 'deploy']
      expect(outcomes).toEqual(
        roles.map((role) => ({
          errors: [],
          warnings: [],
          arn: expect.stringContaining(`acs:ram::${ACCOUNT}:assumed-role/${role}/`),
          keepers: 1,
          postLog: expect.stringMatching(/^Stopped the keeper\. It renewed the credentials \d+ times?\.$/m),
        })),
      )
    },
    60_000,
  )
})
