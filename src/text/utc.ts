/** `2026-01-02T03:04:05Z`: STS's form, and Python and Go reject fractions of a second. */
export function utcSeconds(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z')
}
