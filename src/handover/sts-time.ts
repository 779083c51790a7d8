import type { Inputs } from '../inputs/inputs.js'
import type { Session } from '../sts/role-chain.js'

/**
 * The time by STS's clock, with which this machine's need not agree: a session that STS issued ends
 * exactly as long after that as was asked for. Without a role it is this machine's time, which STS
 * has checked within 15 minutes with the request's signature.
 */
export function stsTime({ expiration }: Session, { roles, session }: Inputs): Date {
  return expiration === undefined || roles.length === 0
    ? new Date()
    : new Date(Date.parse(expiration) - session.durationSeconds * 1000)
}
