/** The fields of a session as STS and the metadata service both return them, checked. */
import type { IncomingHttpHeaders } from 'node:http'
import { ActionError } from '../errors/action-error.js'
import { textField, type Json } from '../net/json.js'
import { serverTime } from '../net/server-time.js'
import { say, type Prose } from '../text/prose.js'
import type { TemporaryKey } from './credentials.js'

/** A session that has all its fields, but must not be used. */
export class SessionRejectedError extends ActionError {
  override readonly name = 'SessionRejectedError'
  readonly code: 'session-expired' | 'session-of-another-role' | 'source-identity-taken'

  constructor(code: SessionRejectedError['code'], text: Prose) {
    super(text)
    this.code = code
  }
}

/**
 * The key in a session's fields AccessKeyId, AccessKeySecret and SecurityToken; undefined if one is
 * missing or holds anything but visible ASCII, which fits neither a header nor a variable.
 *
 * @param mask called with each of them before it is checked
 */
export function temporaryKey(
  fields: Json | undefined,
  mask: (secret: string) => void,
): TemporaryKey | undefined {
  const key = (name: string): string | undefined => {
    const value = textField(fields, name)
    if (value !== undefined) mask(value)
    return value !== undefined && /^[\x21-\x7e]+$/.test(value) ? value : undefined
  }
  const [accessKeyId, accessKeySecret, securityToken] = [
    key('AccessKeyId'),
    key('AccessKeySecret'),
    key('SecurityToken'),
  ]
  return accessKeyId === undefined || accessKeySecret === undefined || securityToken === undefined
    ? undefined
    : { accessKeyId, accessKeySecret, securityToken }
}

/**
 * `2026-01-02T03:04:05Z` for a time in UTC, with or without a fraction of a second; undefined for
 * everything else. A local time, or one without a zone, would be read differently on each machine.
 */
export function utcTime(value: unknown): string | undefined {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,9})?(?:Z|\+00:00)$/.exec(
    typeof value === 'string' ? value : '',
  )
  if (match === null) return undefined
  const time = `${match[1] ?? ''}Z`
  const date = new Date(time)
  // Date turns 30 February into 2 March.
  return !Number.isNaN(date.getTime()) && date.toISOString() === time.replace('Z', '.000Z') ? time : undefined
}

/**
 * By the clock of whoever answered, if it is known: this machine's may be wrong.
 *
 * @param source who issued the session, for the message
 * @throws SessionRejectedError if the session has expired already
 */
export function assertNotExpired(expiration: string, headers: IncomingHttpHeaders, source: Prose): void {
  const now = serverTime(headers) ?? Date.now()
  if (Date.parse(expiration) > now) return
  throw new SessionRejectedError(
    'session-expired',
    say`${source} returned a session that has expired already (Expiration ${expiration}, and the time there is ${new Date(now).toISOString()}). Nothing was exported.`,
  )
}
