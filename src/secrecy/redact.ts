const REDACTED = '***'

/**
 * The text without the secrets, in any of the forms in which a server or a library may quote them back: as they are, percent-encoded once
 * or twice (STS quotes the string it signed), in base64, as a JSON string.
 */
export function withoutSecrets(text: string, secrets: Iterable<string | undefined>): string {
  const forms = new Set<string>()
  for (const secret of secrets) {
    if (secret === undefined || secret === '') continue
    const encoded = strictlyEncoded(secret)
    for (const form of [
      secret,
      encoded,
      strictlyEncoded(encoded),
      encodeURIComponent(secret.toWellFormed()),
      Buffer.from(secret).toString('base64'),
      JSON.stringify(secret).slice(1, -1),
    ]) {
      forms.add(form)
    }
  }
  // Longest first: a secret may hold another.
  return [...forms]
    .sort((a, b) => b.length - a.length)
    .reduce((rest, form) => rest.replaceAll(form, REDACTED), text)
}

/** RFC 3986, as Alibaba Cloud's signatures encode. */
function strictlyEncoded(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}
