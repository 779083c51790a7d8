/** Looks for secrets in everything that a step printed. */
import type { StepRun } from '../../stand-in/runner/runner-job.js'

/** A shorter value is in any text by chance. */
const MIN_LENGTH = 4

const formsOf = new Map<string, readonly string[]>()

/**
 * Fails the test whose step let a secret out: in a stream outside mask commands, in its summary, or
 * (its own session's key) in its state. The runner's masks are not relied on: with those that it
 * does not derive, a secret may not be shown either.
 *
 * @throws Error that names the place and shows what stands before the secret
 */
export function refuseLeaks(script: string, run: StepRun, known: readonly string[]): void {
  const secrets = new Set(known.map((secret) => secret.trim()).filter(({ length }) => length >= MIN_LENGTH))
  const places = { stdout: withoutMaskCommands(run.stdout), stderr: run.stderr, summary: run.summary }
  for (const [place, text] of Object.entries(places)) {
    if (text === '') continue
    for (const form of [...secrets].flatMap(forms)) {
      const at = text.indexOf(form)
      if (at >= 0)
        throw new Error(
          `${script} shows a secret in its ${place}: ...${text.slice(Math.max(0, at - 80), at)}<here>`,
        )
    }
  }
  const own = [...run.env.values(), ...run.outputs.values()].filter((value) => secrets.has(value))
  for (const [name, value] of run.state) {
    if (script === 'main' && own.some((secret) => value.includes(secret)))
      throw new Error(`main saves a secret of its own in the state ${name}`)
  }
}

/** As it is, and encoded in the ways in which programs print what they were given. */
function forms(secret: string): readonly string[] {
  const cached = formsOf.get(secret)
  if (cached !== undefined) return cached
  const bytes = Buffer.from(secret)
  const encoded = encodeURIComponent(secret)
  const found = [
    ...new Set([
      secret,
      encoded,
      encoded.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
      encodeURIComponent(encoded),
      JSON.stringify(secret).slice(1, -1),
      bytes.toString('base64'),
      bytes.toString('base64url'),
      bytes.toString('hex'),
    ]),
  ]
  formsOf.set(secret, found)
  return found
}

function withoutMaskCommands(stdout: string): string {
  return stdout
    .split('\n')
    .filter((line) => !line.startsWith('::add-mask::'))
    .join('\n')
}
