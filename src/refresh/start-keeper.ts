/** Main's side of the keeper: its folder, its secret paths, its order. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { ProfileTarget } from '../handover/profile-target.js'
import type { Inputs, Source } from '../inputs/inputs.js'
import { nodeCodeOf } from '../net/node-codes.js'
import type { JobEnvironment } from '../runner/job-environment.js'
import type { Session } from '../sts/role-chain.js'
import { say } from '../text/prose.js'
import { KeeperError } from './keeper-error.js'
import { heldVariables, type LaunchedKeeper } from './launch-keeper.js'
import { expirationOf } from './mint.js'
import { orderText, type Order } from './order.js'
import { requireRunnerTemp } from './runner-temp.js'
import { sharedCredentialsFileIn } from './shared-credentials-file.js'
import { findWorkerProcess } from './worker-process.js'

/** A keeper that serves the session. */
export interface StartedKeeper {
  readonly folder: string
  /** Secret: whoever knows it gets the credentials. */
  readonly readUrl: string
  /** Secret: whoever knows it can end the keeper. */
  readonly stopUrl: string
  readonly sharedCredentialsFile: string
}

const PROXY_VARIABLES = ['http_proxy', 'https_proxy', 'no_proxy', 'all_proxy'].flatMap((name) => [
  name,
  name.toUpperCase(),
])

/** What the keeper's order is made of. */
export interface OrderParts {
  readonly job: JobEnvironment
  readonly inputs: Inputs
  /** What main got from STS. */
  readonly session: Session
  readonly profile: ProfileTarget
}

/**
 * Makes the keeper's folder and gives it its order; it then lives on by itself.
 *
 * @param mask called with the secret paths
 * @param beforeStart called with the keeper's folder before there is anything to be cleaned up
 * @throws KeeperError, with no process and no folder left behind
 */
export async function startKeeper(
  launched: LaunchedKeeper,
  parts: OrderParts,
  mask: (secret: string) => void,
  beforeStart: (folder: string) => void,
): Promise<StartedKeeper> {
  const { variables } = parts.job
  const folder = join(requireRunnerTemp(variables), `alibaba-cloud-keeper-${randomBytes(8).toString('hex')}`)
  const [readPath, stopPath] = [secretPath(), secretPath()]
  const order = orderText(orderFrom(parts, folder, readPath, stopPath))
  mask(readPath)
  mask(stopPath)
  beforeStart(folder)
  try {
    mkdirSync(folder, { mode: 0o700 })
    const url = `http://127.0.0.1:${await launched.give(order)}`
    return {
      folder,
      readUrl: `${url}/${readPath}`,
      stopUrl: `${url}/${stopPath}`,
      sharedCredentialsFile: sharedCredentialsFileIn(folder),
    }
  } catch (cause) {
    rmSync(folder, { recursive: true, force: true })
    if (cause instanceof KeeperError) throw cause
    const reason = nodeCodeOf(cause) ?? 'unknown cause'
    throw new KeeperError(say`refresh: ${folder} could not be made (${reason}).`, { cause })
  }
}

function orderFrom(
  { job, inputs, session, profile }: OrderParts,
  folder: string,
  readPath: string,
  stopPath: string,
): Order {
  const { path, target, id, name } = profile
  return {
    folder,
    readPath,
    stopPath,
    profile: { path, target, id, name, regionId: inputs.region ?? '' },
    first: { key: session.key, expiration: expirationOf(session.expiration) },
    minting: {
      source: withAbsolutePath(inputs.source),
      roles: inputs.roles,
      session: inputs.session,
      endpoint: inputs.endpoint,
      allowedAccountIds: inputs.allowedAccountIds,
      maxAttempts: inputs.maxAttempts,
      timeoutSeconds: inputs.timeoutSeconds,
      issuer: job.issuer,
      onlyHardenedMetadata: job.onlyHardenedMetadata,
      runId: job.run.runId,
    },
    proxyVariables: heldVariables(job.variables, PROXY_VARIABLES),
    worker: process.platform === 'linux' ? findWorkerProcess(process.ppid) : undefined,
  }
}

/** The keeper works in another folder. */
function withAbsolutePath(source: Source): Source {
  return source.kind === 'oidc' && source.tokenFile !== undefined
    ? { ...source, tokenFile: resolve(source.tokenFile) }
    : source
}

/** 256 random bits. */
function secretPath(): string {
  return randomBytes(32).toString('hex')
}
