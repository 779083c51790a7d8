/** The input `inline-session-policy`. */
import type { Prose } from '../text/prose.js'
import { accepted, refused, type Parsed } from './parsers.js'

/** STS's limit for AssumeRole's Policy, in bytes of UTF-8. */
const MAX_BYTES = 2048

/** The policy without white space, as it is sent. */
export function sessionPolicy(text: string): Parsed<string> {
  const not = (because: Prose): Parsed<never> =>
    refused({
      got: text,
      because,
      accepted: ['a RAM policy: a JSON object with "Version": "1" and "Statement"'],
    })
  let policy: unknown
  try {
    policy = JSON.parse(text)
  } catch {
    return not(['which is not JSON'])
  }
  if (typeof policy !== 'object' || policy === null || Array.isArray(policy)) return not([])
  if (!('Version' in policy) || policy.Version !== '1') return not(['whose Version is not "1"'])
  if (!('Statement' in policy)) return not(['without a Statement'])
  // Not JSON.stringify(policy): RAM must read what was written, long numbers and repeated names
  // too.
  const minified = text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, '$1')
  const bytes = Buffer.byteLength(minified)
  return bytes <= MAX_BYTES
    ? accepted(minified)
    : refused({ because: [`${bytes} bytes without white space`], accepted: [`at most ${MAX_BYTES} bytes`] })
}
