/**
 * A job with `refresh` as in a container on an ECS instance: in a PID namespace of its own, where
 * no process of the runner can be seen, and in a network where the metadata service has its real
 * address. To be started as the first process of both. Writes what happened to stdout, as JSON.
 * argv: the Node that runs the action.
 */
import { execFileSync } from 'node:child_process'
import { startMetadata } from '../../stand-in/metadata.js'
import { INSTANCE_ROLE, METADATA_ADDRESS } from './in-namespace.js'
import { startJob, type StepInputs } from './job.js'
import { keepersOf, nothingLeft, REFRESH, renewed, served, sessionOf, uriOf } from './keepers.js'
import { assumeRolePolicy, DEPLOY_ROLE, startWorld } from './world.js'

export interface ContainerOutcome {
  readonly errors: readonly string[]
  readonly warnings: readonly string[]
  /** The ARN behind the session that was served after the first renewal. */
  readonly arn: string
  readonly keepers: number
  readonly postLog: string
}

async function outcomeOf(inputs: StepInputs): Promise<ContainerOutcome> {
  const { standIn } = await startWorld()
  standIn.ram.addRole({ name: 'instance', policies: [assumeRolePolicy('*')] })
  for (const role of [INSTANCE_ROLE, DEPLOY_ROLE]) standIn.setSessionLifetime(role, 6)
  const metadata = await startMetadata({ standIn, roleArn: INSTANCE_ROLE, host: METADATA_ADDRESS, port: 80 })
  const job = startJob({ standIn, node: process.argv[2] ?? '', idToken: false })
  try {
    const main = await job.main({
      region: 'cn-hangzhou',
      'sts-endpoint': standIn.sts.url,
      'credential-source': 'ecs-ram-role',
      ...REFRESH,
      ...inputs,
    })
    await renewed(job, await sessionOf(job))
    const { AccessKeyId: id = '', SecurityToken: token } = (await served(uriOf(job)))?.body ?? {}
    const owner = standIn.authenticate(id, token)
    const keepers = keepersOf(job).length
    const [post] = await job.posts()
    await nothingLeft(job)
    return {
      errors: main.errors,
      warnings: [...main.warnings, ...(post?.warnings ?? [])],
      arn: 'arn' in owner ? owner.arn : owner.code,
      keepers,
      postLog: post?.log ?? '',
    }
  } finally {
    job.remove()
    await Promise.all([metadata.close(), standIn.close()])
  }
}

if (process.argv[1] === import.meta.filename) {
  execFileSync('ip', ['address', 'add', `${METADATA_ADDRESS}/32`, 'dev', 'lo'])
  const outcomes = [await outcomeOf({}), await outcomeOf({ 'role-to-assume': DEPLOY_ROLE })]
  process.stdout.write(JSON.stringify(outcomes))
}
