/** Main's side of the keeper: its folder, its secret paths, its order. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { ProfileTarget } from '../handover/hand-over.js'
import type { Inputs, Source } from '../inputs/inputs.js'
import { nodeCodeOf } from '../net/node-codes.js'
import type { JobEnvironment } from '../runner/job-environment.js'
import type { Session } from '../sts/role-chain.js'
import { say } from '../text/prose.js'
import { KeeperError } from './keeper-error.js'
import { heldVariables, type LaunchedKeeper } from './launch-keeper.js'
import { expirationOf } from './mint.js'
import { orderText } from './order.js'
import { requireRunnerTemp } from './runner-temp.js'
import { sharedCredentialsFileIn } from './shared-credentials-file.js'
import { findWorkerProcess } from './worker-process.js'

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

/**
 * Makes the keeper's folder and gives it its order; it then lives on by itself.
 *
 * @param first what main got from STS
 * @param beforeStart called with the keeper's folder before there is anything to be cleaned up
 * @throws KeeperError, with no process and no folder left behind
 */
export async function startKeeper(
  launched: LaunchedKeeper,
  job: JobEnvironment,
  inputs: Inputs,
  first: Session,
  profile: ProfileTarget,
  mask: (secret: string) => void,
  beforeStart: (folder: string) => void,
): Promise<StartedKeeper> {
  const { variables } = job
  const folder = join(requireRunnerTemp(variables), `alibaba-cloud-keeper-${randomBytes(8).toString('hex')}`)
  const [readPath, stopPath] = [secretPath(), secretPath()]
  const order = orderText({
    folder,
    readPath,
    stopPath,
    profile: {
      path: profile.path,
      target: profile.target,
      id: profile.id,
      name: profile.name,
      regionId: inputs.region ?? '',
    },
    first: { key: first.key, expiration: expirationOf(first.expiration) },
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
    proxyVariables: heldVariables(variables, PROXY_VARIABLES),
    worker: process.platform === 'linux' ? findWorkerProcess(process.ppid) : undefined,
  })
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
