/** The keeper's life: it serves the newest session, renews it, and ends when the job does. */
import { rmSync, statSync } from 'node:fs'
import { setTimeout as sleepFor } from 'node:timers/promises'
import { partsOf } from '../identity/credentials.js'
import { proxyPasswords } from '../net/proxy.js'
import { postponeExpiration } from '../profile/postpone-expiration.js'
import { uninstallProfile } from '../profile/uninstall.js'
import { withoutSecrets } from '../secrecy/redact.js'
import { plain, say } from '../text/prose.js'
import type { KeeperReport } from './keeper-report.js'
import { explainFailure, mintSession } from './mint.js'
import type { Order } from './order.js'
import { createRenewal, type FreshSession } from './renewal.js'
import { serve } from './server.js'
import { writeSharedCredentialsFile } from './shared-credentials-file.js'
import { isAlive } from './worker-process.js'

/**
 * How often the keeper checks whether the job is still there, and what the wall clock says: a
 * suspended machine stops all timers.
 */
const LOOK_MS = 3_000
/**
 * How long the keeper stays after its last session has expired: someone may still fix a policy.
 */
const AFTER_LAST_SESSION_MS = 3_600_000
/** GitHub ends every job after five days. */
const LONGEST_JOB_MS = 5 * 24 * 3_600_000
/** For writes under way when post stops the keeper. */
const LAST_WRITES_MS = 3_000
/**
 * For restoring the profile when nobody else will; a file system may not answer.
 */
const LAST_WORK_MS = 5_000

/** What the keeper sees of the job. */
export interface JobSigns {
  readonly folderIsThere: boolean
  /** True if the worker cannot be seen. */
  readonly workerIsAlive: boolean
  readonly sinceStartMs: number
  /** How long there has been no session to serve; 0 while the newest lasts. */
  readonly withoutSessionMs: number
}

/** Whether nothing is left that could use the keeper or stop it. */
export function isJobOver(signs: JobSigns): boolean {
  return (
    !signs.folderIsThere ||
    !signs.workerIsAlive ||
    signs.withoutSessionMs > AFTER_LAST_SESSION_MS ||
    signs.sinceStartMs > LONGEST_JOB_MS
  )
}

/**
 * For how long something has been so, in milliseconds since it was first seen. What was so while
 * the machine was suspended does not count: nobody could have changed it.
 *
 * @param now a clock that nobody sets
 */
export function createStopwatch(now: () => number): (isSo: boolean) => number {
  let since: number | undefined
  return (isSo) => {
    since = isSo ? (since ?? now()) : undefined
    return since === undefined ? 0 : now() - since
  }
}

interface Trouble {
  file?: string
  record?: string
  unexpected?: string
}

/**
 * Serves and renews until the job is over; then the process ends.
 *
 * @param onListening called with the port once the session is served
 */
export async function keep(order: Order, onListening: (port: number) => void): Promise<void> {
  const { folder, profile, worker, minting, first } = order
  const startedAt = performance.now()
  const withoutSession = createStopwatch(() => performance.now())
  const trouble: Trouble = {}
  // Of the session last requested: what a message about its failure must not show.
  const secrets = new Set(knownSecrets(order))
  const words = (failure: unknown): string =>
    withoutSecrets(failure instanceof Error ? plain(say`${failure.message}`) : 'unknown', secrets)

  let unwritten: FreshSession | undefined = first
  const writeFile = (): void => {
    if (unwritten === undefined) return
    const { key } = unwritten
    try {
      writeSharedCredentialsFile(folder, { profileName: profile.name, regionId: profile.regionId, key })
      unwritten = undefined
      delete trouble.file
    } catch (failure) {
      // The next look tries again. The session itself is served meanwhile.
      trouble.file = words(failure)
    }
  }

  let isStopping = false
  let recording: Promise<void> = Promise.resolve()
  const record = (expiration: Date): void => {
    recording = recording.then(async () => {
      // Whoever stops the keeper restores the profile next, and would wait for a lock that is
      // killed.
      if (isStopping) return
      try {
        await postponeExpiration(profile, expiration)
        delete trouble.record
      } catch (failure) {
        trouble.record = words(failure)
      }
    })
  }

  const renewal = createRenewal({
    first,
    mint: async () => {
      secrets.clear()
      for (const secret of knownSecrets(order)) secrets.add(secret)
      return mintSession(minting, (secret) => secrets.add(secret))
    },
    explain: (failure) => explainFailure(failure, secrets),
    onRenewed: (session) => {
      unwritten = session
      writeFile()
      record(session.expiration)
    },
    now: Date.now,
    random: Math.random,
  })

  const server = await serve({
    readPath: order.readPath,
    stopPath: order.stopPath,
    current: renewal.current,
    stop: async (): Promise<KeeperReport> => {
      clearTimeout(nextLook)
      isStopping = true
      await Promise.race([recording, sleepFor(LAST_WRITES_MS)])
      return { renewals: renewal.renewals(), failure: renewal.failure(), troubles: troublesOf(trouble) }
    },
    onStopped: () => {
      removeFolder(folder)
      endProcess()
    },
  })

  /** For a job that ended without post: the keeper cleans up what main left. */
  const end = async (): Promise<void> => {
    clearTimeout(nextLook)
    isStopping = true
    server.close()
    const restored = uninstallProfile({ ...profile, now: undefined })
    await Promise.race([restored, sleepFor(LAST_WORK_MS)])
    removeFolder(folder)
    endProcess()
  }

  let nextLook: NodeJS.Timeout | undefined
  const look = (): void => {
    const isOver = isJobOver({
      folderIsThere: isThere(folder),
      workerIsAlive: worker === undefined || isAlive(worker),
      sinceStartMs: performance.now() - startedAt,
      withoutSessionMs: withoutSession(Date.now() > renewal.expiresAt()),
    })
    if (isOver) {
      void end()
      return
    }
    writeFile()
    renewal.renewIfDue()
    nextLook = setTimeout(look, Math.min(LOOK_MS, Math.max(1, renewal.dueIn())))
  }

  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (!isStopping) void end()
    })
  }
  // Nobody reads this process's streams: what it did not expect is told by post, and the sessions
  // are served on.
  process.on('uncaughtException', (failure) => (trouble.unexpected = words(failure)))
  writeFile()
  onListening(server.port)
  look()
}

function troublesOf({ file, record, unexpected }: Trouble): string[] {
  return [
    ...(file === undefined
      ? []
      : [
          `The file that Terraform reads still holds an older session, because it could not be replaced: ${file}`,
        ]),
    ...(record === undefined ? [] : [`The record beside config.json could not be updated: ${record}`]),
    ...(unexpected === undefined ? [] : [`It met an unexpected error: ${unexpected}`]),
  ]
}

function knownSecrets({ minting, first, readPath, stopPath, proxyVariables }: Order): string[] {
  const { source, issuer } = minting
  return [
    ...partsOf('key' in source ? source.key : undefined),
    ...partsOf(first.key),
    ...(issuer.requestToken === undefined ? [] : [issuer.requestToken]),
    readPath,
    stopPath,
    ...proxyPasswords(proxyVariables),
  ]
}

/** `process.exit` would wait for a name look-up or a file system that does not answer. */
function endProcess(): void {
  process.kill(process.pid, 'SIGKILL')
}

/** A file system that fails for a moment has removed nothing. */
function isThere(folder: string): boolean {
  try {
    return statSync(folder, { throwIfNoEntry: false }) !== undefined
  } catch {
    return true
  }
}

function removeFolder(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true })
  } catch {
    // The runner empties its folder of temporary files in any case.
  }
}
