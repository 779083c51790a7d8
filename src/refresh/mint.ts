/** One new session, made as main made the first: the same source, roles, retries and checks. */
import { setTimeout as sleepFor } from 'node:timers/promises'
import { ActionError } from '../errors/action-error.js'
import { firstIdentity } from '../identity/first-identity.js'
import { RetriesExhaustedError, silentRetryPolicy } from '../net/retry.js'
import { withoutSecrets } from '../secrecy/redact.js'
import { stsClient } from '../sts/client.js'
import { assertAllowedAccount, sessionFrom } from '../sts/role-chain.js'
import { StsError } from '../sts/sts-error.js'
import { plain, say } from '../text/prose.js'
import { KeeperError } from './keeper-error.js'
import type { Minting } from './order.js'
import type { FreshSession, RenewalFailure } from './renewal.js'

/**
 * What is allowed beyond timeout-seconds before a renewal that neither succeeds nor fails is given
 * up.
 */
const OVERTIME_MS = 5_000

/**
 * A renewal that neither succeeded nor failed: something hangs, as a file system or a name look-up.
 */
export class RenewalTimeoutError extends ActionError {
  override readonly name = 'RenewalTimeoutError'
  readonly code = 'renewal-timeout'
}

/**
 * @param mask called with each secret before anything else is done with it
 * @throws whatever main's part throws; RenewalTimeoutError if nothing has been heard long after the
 * deadline
 */
export async function mintSession(minting: Minting, mask: (secret: string) => void): Promise<FreshSession> {
  const giveUp = new AbortController()
  try {
    return await Promise.race([
      mintFrom(minting, mask),
      sleepFor(minting.timeoutSeconds * 1000 + OVERTIME_MS, undefined, { signal: giveUp.signal }).then(() => {
        throw new RenewalTimeoutError(say`The renewal did not end within ${minting.timeoutSeconds} seconds`)
      }),
    ])
  } finally {
    giveUp.abort()
  }
}

async function mintFrom(minting: Minting, mask: (secret: string) => void): Promise<FreshSession> {
  const { source, roles, endpoint, maxAttempts, timeoutSeconds, issuer, onlyHardenedMetadata } = minting
  const silent = (): void => undefined
  const policy = silentRetryPolicy(maxAttempts, timeoutSeconds)
  const sts = stsClient(endpoint, policy, mask, minting.runId)
  const first = await firstIdentity(source, {
    issuer,
    onlyHardenedMetadata,
    policy,
    mask,
    warn: silent,
    onToken: silent,
  })
  const session = await sessionFrom(sts, first, roles, minting.session)
  assertAllowedAccount(session, minting.allowedAccountIds)
  return { key: session.key, expiration: expirationOf(session.expiration) }
}

/** @throws KeeperError for a source that does not say when its session is over */
export function expirationOf(expiration: string | undefined): Date {
  const date = new Date(expiration ?? NaN)
  if (Number.isNaN(date.getTime()))
    throw new KeeperError([
      'refresh: the source of these credentials does not report when they expire, so the step cannot know when to renew them. Remove refresh.',
    ])
  return date
}

/** @param secrets what no message may show */
export function explainFailure(failure: unknown, secrets: Iterable<string>): RenewalFailure {
  const chain = causesOf(failure)
  const sts = chain.find((cause) => cause instanceof StsError)
  const own = chain.find((cause) => cause instanceof ActionError)
  const clean = (text: string): string => withoutSecrets(plain(say`${text}`), secrets)
  return {
    code: clean(sts?.code ?? own?.code ?? 'RenewalFailed'),
    message: clean(
      sts?.reason ??
        (failure instanceof Error ? failure.message : 'The renewal failed for an unknown reason'),
    ),
    requestId: sts?.requestId === undefined ? undefined : clean(sts.requestId),
    transient: chain.some(
      (cause) => cause instanceof RetriesExhaustedError || cause instanceof RenewalTimeoutError,
    ),
  }
}

/** The failure and what caused it, the outermost first. */
function causesOf(failure: unknown): unknown[] {
  const chain: unknown[] = []
  let cause = failure
  while (cause instanceof Error && chain.length < 8) {
    chain.push(cause)
    cause = cause.cause
  }
  return chain
}
