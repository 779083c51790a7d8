/**
 * When a new session is due: one mint for any number of clients, and growing pauses while minting
 * fails. Knows neither STS nor timers. All times are the wall clock's, because every other clock
 * stands still while a machine is suspended.
 */
import type { TemporaryKey } from '../identity/credentials.js'

/** A session whose end is known. */
export interface FreshSession {
  readonly key: TemporaryKey
  readonly expiration: Date
}

/** Why there is no new session. Holds no secret. */
export interface RenewalFailure {
  /** STS's code, or this action's own. */
  readonly code: string
  readonly message: string
  readonly requestId: string | undefined
  /** Whether all attempts met failures that pass by themselves. */
  readonly transient: boolean
}

/** What a client gets: the newest session, or why there is none. */
export type CurrentSession = { readonly session: FreshSession } | { readonly failure: RenewalFailure }

/** What renewals are made with. */
export interface RenewalOptions {
  readonly first: FreshSession
  /** Gets a new session, or rejects. Called again only after it has settled. */
  readonly mint: () => Promise<FreshSession>
  /** What a rejection of `mint` says. */
  readonly explain: (failure: unknown) => RenewalFailure
  /** Called with each new session as soon as clients get it. */
  readonly onRenewed: (session: FreshSession) => void
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** From 0 to 1. */
  readonly random: () => number
}

/** The renewals of one session. */
export interface Renewal {
  /** Begins a renewal if one is due, and does nothing otherwise. */
  readonly renewIfDue: () => void
  /** Milliseconds until a renewal is due; Infinity while one is under way. */
  readonly dueIn: () => number
  /**
   * The newest session. When it is over, waits for the renewal under way, but not beyond
   * `patience`.
   */
  readonly current: (patience: Promise<void>) => Promise<CurrentSession>
  /** How many new sessions there were after the first. */
  readonly renewals: () => number
  /** Why the last renewal failed; undefined if it succeeded. */
  readonly failure: () => RenewalFailure | undefined
  /** When the newest session is over, in milliseconds since the epoch. */
  readonly expiresAt: () => number
}

/** A session with less than this left is no longer served: it could expire before it is used. */
const LAST_MS = 2_000
/** Even if a source returns the same old session again and again. */
const LEAST_INTERVAL_MS = 1_000
/** The pause after the first failure, doubled with each further one. */
const FIRST_PAUSE_MS = 2_000
const LONGEST_PAUSE_MS = 60_000
/** Somebody has to change a policy; until then each attempt is a line in an audit log. */
const LONGEST_PAUSE_AFTER_DENIAL_MS = 300_000

const PENDING: RenewalFailure = {
  code: 'RenewalPending',
  message: 'The session is over, and a new one has been requested but not received yet',
  requestId: undefined,
  transient: true,
}

const ALREADY_OVER: RenewalFailure = {
  code: 'SessionAlreadyOver',
  message: 'The new session had already expired when it arrived. Check the clock of this machine',
  requestId: undefined,
  transient: true,
}

/** Starts with the first session; nothing happens until one of the methods is called. */
export function createRenewal(options: RenewalOptions): Renewal {
  const { mint, explain, onRenewed, now, random } = options
  let session = options.first
  let plannedAt = now()
  let dueAt = plannedAt + interval(session, plannedAt)
  let underWay: Promise<void> | undefined
  let renewals = 0
  let failures = 0
  let failure: RenewalFailure | undefined

  const isServable = (): boolean => now() < session.expiration.getTime() - LAST_MS

  const planIn = (milliseconds: number): void => {
    plannedAt = now()
    dueAt = plannedAt + milliseconds
  }

  // A clock that was set back no longer tells how much of the time is over.
  const dueIn = (): number => (now() < plannedAt ? 0 : Math.max(0, dueAt - now()))

  const failed = (why: RenewalFailure): void => {
    failure = why
    failures += 1
    const longest = why.transient ? LONGEST_PAUSE_MS : LONGEST_PAUSE_AFTER_DENIAL_MS
    const pause = Math.min(longest, FIRST_PAUSE_MS * 2 ** (failures - 1))
    // Jobs of one workflow that failed together must not come back together.
    planIn(pause * (0.5 + random() / 2))
  }

  const renew = async (): Promise<void> => {
    try {
      const next = await mint()
      if (next.expiration.getTime() <= now()) {
        failed(ALREADY_OVER)
        return
      }
      const isNew = next.key.accessKeyId !== session.key.accessKeyId
      session = next
      planIn(interval(next, now()))
      failures = 0
      failure = undefined
      if (!isNew) return
      renewals += 1
      onRenewed(next)
    } catch (reason) {
      failed(explain(reason))
    }
  }

  const renewIfDue = (): void => {
    if (underWay === undefined && dueIn() === 0) underWay = renew().finally(() => (underWay = undefined))
  }

  return {
    renewIfDue,
    dueIn: () => (underWay === undefined ? dueIn() : Infinity),
    current: async (patience) => {
      renewIfDue()
      if (!isServable() && underWay !== undefined) await Promise.race([underWay, patience])
      return isServable() ? { session } : { failure: failure ?? PENDING }
    },
    renewals: () => renewals,
    failure: () => failure,
    expiresAt: () => session.expiration.getTime(),
  }
}

/**
 * A quarter of the session's life, in milliseconds: three quarters are left to overcome a failure.
 */
function interval({ expiration }: FreshSession, now: number): number {
  return Math.max(LEAST_INTERVAL_MS, (expiration.getTime() - now) / 4)
}
