/**
 * What a file holds instead of an OIDC token: completes "the file ...". Shows nothing of the
 * content.
 *
 * @param text read as UTF-8 and trimmed
 */
export function describeNonToken(text: string): string {
  if (text === '') return 'is empty'
  return isUtf16ReadAsUtf8(text)
    ? "is written in UTF-16, as PowerShell's > does; write it in ASCII: Out-File -Encoding ascii"
    : 'holds something that is not a JWT (three parts of base64url, joined by dots)'
}

/**
 * ASCII in UTF-16 has a NUL next to each character. What is left of a byte order mark comes first.
 */
function isUtf16ReadAsUtf8(text: string): boolean {
  const characters = text.replace(/^\ufffd+/, '')
  return characters.includes('\0') && /^(?:(?:[^\0]\0)+[^\0]?|(?:\0[^\0])+\0?)$/s.test(characters)
}
