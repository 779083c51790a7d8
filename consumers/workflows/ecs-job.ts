/**
 * Runs ecs-ram-role.yml on a machine that is an ECS instance: the metadata service has its real
 * address. To be started inside a private network namespace that has the address; writes what was
 * seen to stdout, as JSON.
 */
import { startMetadata } from '../../stand-in/metadata.js'
import { ACCOUNT, startAccounts } from './accounts.js'
import { example, runWorkflow, type WorkflowRun } from './act.js'

export interface EcsJob extends Pick<WorkflowRun, 'exitCode' | 'log' | 'sights' | 'ends' | 'hosts'> {
  /** The actions asked of the metadata service, in order. */
  readonly metadata: readonly (string | undefined)[]
  /** Who assumed the roles. */
  readonly callers: readonly (string | undefined)[]
}

async function main(): Promise<void> {
  const accounts = await startAccounts()
  const { standIn } = accounts
  const mayAssume = {
    Version: '1',
    Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: '*' }],
  }
  standIn.ram.addRole({ name: 'runner', policies: [mayAssume] })
  const metadata = await startMetadata({
    standIn,
    roleArn: `acs:ram::${ACCOUNT}:role/runner`,
    host: '100.100.100.200',
    port: 80,
  })
  try {
    const { exitCode, log, sights, ends, hosts } = await runWorkflow(accounts, {
      '.github/workflows/deploy.yml': example('ecs-ram-role.yml'),
    })
    const job: EcsJob = {
      exitCode,
      log,
      sights,
      ends,
      hosts,
      metadata: metadata.requests.map(({ action }) => action),
      callers: standIn.assumptions.map(({ caller }) => caller),
    }
    process.stdout.write(JSON.stringify(job))
  } finally {
    await Promise.all([metadata.close(), standIn.close()])
  }
}

await main()
