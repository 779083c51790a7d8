/**
 * Runs steps in a network of their own, where the metadata service of an ECS instance can have its
 * real address. To be started inside a private network namespace, as root of it; reads cases from
 * stdin and writes their outcomes to stdout, both as JSON.
 */
import { execFileSync } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { startMetadata, type Metadata, type MetadataOptions } from '../../stand-in/metadata.js'
import type { Fault, FaultOptions } from '../../stand-in/faults.js'
import { startJob, type StepInputs, type StepResult } from './job.js'
import { ACCOUNT, assumeRolePolicy, startWorld } from './world.js'

export const METADATA_ADDRESS = '100.100.100.200'
export const INSTANCE_ROLE = `acs:ram::${ACCOUNT}:role/instance`

export interface Case {
  readonly node: string
  /**
   * What is at the metadata service's address. `nothing`: no route leads there; `silence`: whatever
   * is sent there is lost; `refusal`: a machine without such a service.
   */
  readonly service: 'nothing' | 'silence' | 'refusal' | Pick<MetadataOptions, 'hardened' | 'allowV1'>
  /** False for an instance without a role. */
  readonly role?: boolean
  readonly faults?: readonly [Fault, FaultOptions][]
  /** Beside the STS endpoint and the region. */
  readonly inputs: StepInputs
  readonly env?: Readonly<Record<string, string>>
}

export interface Outcome extends Pick<
  StepResult,
  'exitCode' | 'errors' | 'warnings' | 'masks' | 'log' | 'stdout' | 'stderr' | 'summary'
> {
  readonly env: Readonly<Record<string, string>>
  readonly outputs: Readonly<Record<string, string>>
  /** The metadata service's requests: `action`, the token shown and the answer's status. */
  readonly metadata: readonly {
    readonly action: string | undefined
    readonly token: string | undefined
    readonly status: number | undefined
  }[]
  readonly sts: readonly {
    readonly action: string | undefined
    readonly accessKeyId: string | undefined
    readonly caller: string | undefined
  }[]
}

const ip = (...args: string[]): void => void execFileSync('ip', args)

/** Changes what is at the address, and gives the way back. */
function arrange(service: Case['service']): () => void {
  if (service === 'nothing') return () => undefined
  const what = service === 'silence' ? 'route' : 'address'
  ip(what, 'add', `${METADATA_ADDRESS}/32`, 'dev', 'lo')
  return () => ip(what, 'del', `${METADATA_ADDRESS}/32`, 'dev', 'lo')
}

async function outcomeOf({
  node,
  service,
  role = true,
  faults = [],
  inputs,
  env = {},
}: Case): Promise<Outcome> {
  const { standIn } = await startWorld()
  standIn.ram.addRole({ name: 'instance', policies: [assumeRolePolicy('*')] })
  const leave = arrange(service)
  let metadata: Metadata | undefined
  const job = startJob({ standIn, node, env, idToken: false })
  try {
    if (typeof service === 'object') {
      metadata = await startMetadata({
        ...service,
        standIn,
        roleArn: role ? INSTANCE_ROLE : undefined,
        host: METADATA_ADDRESS,
        port: 80,
      })
      for (const [fault, options] of faults) metadata.failNext(fault, options)
    }
    const main = await job.main({
      region: 'cn-hangzhou',
      'sts-endpoint': standIn.sts.url,
      'credential-source': 'ecs-ram-role',
      ...inputs,
    })
    const { exitCode, errors, warnings, masks, log, stdout, stderr, summary } = main
    return {
      exitCode,
      errors,
      warnings,
      masks,
      log,
      stdout,
      stderr,
      summary,
      env: Object.fromEntries(main.env),
      outputs: Object.fromEntries(main.outputs),
      metadata: (metadata?.requests ?? []).map(({ action, headers, status }) => ({
        action,
        token: headers['x-aliyun-ecs-metadata-token'],
        status,
      })),
      sts: standIn.requests.map(({ action, accessKeyId, caller }) => ({ action, accessKeyId, caller })),
    }
  } finally {
    job.remove()
    await Promise.all([metadata?.close(), standIn.close()])
    leave()
  }
}

if (process.argv[1] === import.meta.filename) {
  const cases = JSON.parse(await text(process.stdin)) as Record<string, Case>
  const outcomes: Record<string, Outcome> = {}
  for (const [name, given] of Object.entries(cases)) outcomes[name] = await outcomeOf(given)
  process.stdout.write(JSON.stringify(outcomes))
}
