/** Secrets that can be recognised by their form, in whatever input someone has pasted them. */

/** A JWT: its header is JSON in base64url, `{"` or `{ "` and a letter. */
const JWT = /\bey[AJ][A-Za-z0-9_-]{5,}(\.[A-Za-z0-9_-]*)+/
/** STS's security tokens, and the IDs of access keys. */
const SECURITY_TOKEN = /\bCAIS[A-Za-z0-9+/]{20,}={0,2}/
const ACCESS_KEY_ID = /\b(LTAI|STS\.)[A-Za-z0-9]{8,}/

const ANY = new RegExp([JWT, SECURITY_TOKEN, ACCESS_KEY_ID].map(({ source }) => source).join('|'), 'g')

/** The text without what looks like a token or the ID of a key. */
export function withoutIssuedSecrets(text: string): string {
  return text.replace(ANY, '***')
}

/** Whether the text holds what looks like a token. */
export function holdsToken(text: string): boolean {
  return JWT.test(text) || SECURITY_TOKEN.test(text)
}
