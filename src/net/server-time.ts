import type { IncomingHttpHeaders } from 'node:http'

/**
 * The server's clock by its Date header, in milliseconds since the epoch; undefined if it shows
 * none.
 */
export function serverTime(headers: IncomingHttpHeaders): number | undefined {
  return httpDate(headers.date)
}

/**
 * A date of HTTP in milliseconds since the epoch. Date.parse takes "1.5" and "-5" for dates too;
 * HTTP's begin with the day of the week.
 */
export function httpDate(text: string | undefined): number | undefined {
  const date = text !== undefined && /^[A-Za-z]{3}/.test(text) ? Date.parse(text) : NaN
  return Number.isNaN(date) ? undefined : date
}
