/** Inputs that hold secrets, and secrets in an input that should hold none. */
import type { Prose } from '../text/prose.js'
import { holdsToken } from '../secrecy/issued-secrets.js'
import { isJsonDocument } from '../secrecy/masks.js'
import { accepted, refused, type Parser } from './parsers.js'

const NOT_SHOWN = '(not shown, since it is secret)'

/** Keys and tokens are ASCII without white space; anything else could not travel in a header. */
export function isPlainKey(text: string): boolean {
  return /^[\x21-\x7e]*$/.test(text)
}

/** What is wrong with a text that is not a plain key. */
export const NOT_PLAIN = `white space or a character outside ASCII within the value ${NOT_SHOWN}`

/** A part of an access key. */
export const keyPart: Parser<string> = (text) => {
  const problem = isJsonDocument(text)
    ? `a JSON document ${NOT_SHOWN}`
    : isPlainKey(text)
      ? undefined
      : NOT_PLAIN
  return problem === undefined
    ? accepted(text)
    : refused({ because: [problem], accepted: ['the value as RAM or STS issued it'] })
}

/** Longer than any path of a system. */
const LONGEST_PATH = 4096

/** Whether a token or a document stands in the place of a path. */
export function isSecretInPlaceOfPath(text: string): boolean {
  return text.length > LONGEST_PATH || /^[{["]|[\r\n]/.test(text) || holdsToken(text)
}

/** The path of a file. */
export const path: Parser<string> = (text) => {
  const because: Prose = [`a token or a document instead of the path of a file ${NOT_SHOWN}`]
  return isSecretInPlaceOfPath(text)
    ? refused({ because, accepted: ['the path of a file that holds an OIDC token'] })
    : accepted(text)
}
