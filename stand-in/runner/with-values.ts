/**
 * What a step is given for the values of a workflow file. A YAML number is a double in GitHub's
 * runner, which writes it back with 15 significant digits: of an account ID of 16 digits without
 * quotes, the last one is lost.
 */

/** The contexts that an expression may name: `secrets`, `env`, and so on. */
export type Contexts = Readonly<Record<string, ReadonlyMap<string, string>>>

const EXPRESSION = /\$\{\{\s*(.*?)\s*\}\}/g
const PROPERTY = /^(\w+)\.([\w-]+)$/
/** The precision of NumberToken.ToString in actions/runner: "G15". */
const DIGITS = 15

/**
 * The text that a step gets for a value of `with:`, `env:` or `matrix:`.
 *
 * @param value what a parser of YAML 1.2 (core schema) made of it
 * @throws Error for a list or a mapping, which GitHub rejects there
 */
export function asRunnerGives(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'string') return value
  if (typeof value === 'number') return g15(value)
  if (typeof value === 'boolean') return String(value)
  throw new Error('A value here is a string, a number, a boolean or nothing.')
}

/**
 * Evaluates the expressions in a text, as far as they name a property of a context: `${{
 * secrets.KEY }}`. A property that is not there is the empty string, as it is on GitHub.
 *
 * @throws Error for any other expression
 */
export function evaluate(text: string, contexts: Contexts): string {
  return text.replace(EXPRESSION, (whole, expression: string) => {
    const [, context = '', name = ''] = PROPERTY.exec(expression) ?? []
    const values = contexts[context.toLowerCase()]
    if (values === undefined) throw new Error(`The simulator does not evaluate ${whole}.`)
    return values.get(name) ?? ''
  })
}

/** .NET's format "G15" in the invariant culture. */
function g15(value: number): string {
  if (Object.is(value, -0)) return '-0'
  if (!Number.isFinite(value)) return String(value)
  const [mantissa = '', power = ''] = value.toExponential(DIGITS - 1).split('e')
  const exponent = Number(power)
  if (exponent > -5 && exponent < DIGITS) return String(Number(value.toPrecision(DIGITS)))
  const digits = mantissa.replace(/\.?0+$/, '')
  return `${digits}E${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
}
