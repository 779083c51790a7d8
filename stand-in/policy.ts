/** A policy document as RAM's JSON, parsed or not. */
export type PolicySource = string | object

/** The document is not one that RAM would take. */
export class PolicyGrammarError extends Error {
  override readonly name = 'PolicyGrammarError'
}

interface Condition {
  readonly operator: string
  readonly key: string
  readonly values: readonly string[]
}

interface Statement {
  readonly effect: 'Allow' | 'Deny'
  readonly conditions: readonly Condition[]
}

interface IdentityStatement extends Statement {
  readonly actions: { readonly patterns: readonly string[]; readonly negated: boolean }
  readonly resources: { readonly patterns: readonly string[]; readonly negated: boolean }
}

interface TrustStatement extends Statement {
  readonly actions: readonly string[]
  readonly ram: readonly string[]
  readonly federated: readonly string[]
}

/** A policy of a user, a role or a session. */
export type IdentityPolicy = readonly IdentityStatement[]

/** A role's AssumeRolePolicyDocument. */
export type TrustPolicy = readonly TrustStatement[]

/** Values of condition keys; several if a claim has several (`oidc:aud`). */
export type Context = Readonly<Record<string, readonly string[]>>

export type Verdict = 'Allow' | 'ExplicitDeny' | 'ImplicitDeny'

/** The system policy AliyunSTSAssumeRoleAccess: its holder may assume any role that trusts it. */
export const ALIYUN_STS_ASSUME_ROLE_ACCESS = {
  Version: '1',
  Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: '*' }],
}

/** A trust policy for RAM identities, e.g. `acs:ram::1234567890123456:root`. */
export function trustOfRam(principals: readonly string[], condition?: object): object {
  return {
    Version: '1',
    Statement: [
      {
        Effect: 'Allow',
        Action: 'sts:AssumeRole',
        Principal: { RAM: principals },
        ...(condition === undefined ? {} : { Condition: condition }),
      },
    ],
  }
}

/**
 * A trust policy for an OIDC provider, e.g. with
 * `{ StringEquals: { 'oidc:aud': 'sts.aliyuncs.com' } }`.
 */
export function trustOfOidc(providerArn: string, condition: object): object {
  return {
    Version: '1',
    Statement: [
      {
        Effect: 'Allow',
        Action: 'sts:AssumeRole',
        Principal: { Federated: [providerArn] },
        Condition: condition,
      },
    ],
  }
}

const POSITIVE_OPERATORS: Readonly<Record<string, (pattern: string, value: string) => boolean>> = {
  StringEquals: (pattern, value) => pattern === value,
  StringEqualsIgnoreCase: (pattern, value) => pattern.toLowerCase() === value.toLowerCase(),
  StringLike: globMatches,
}

const NEGATIVE_OPERATORS: Readonly<Record<string, (pattern: string, value: string) => boolean>> = {
  StringNotEquals: (pattern, value) => pattern === value,
  StringNotEqualsIgnoreCase: (pattern, value) => pattern.toLowerCase() === value.toLowerCase(),
  StringNotLike: globMatches,
}

// RAM's other operators pass the grammar, but their keys (source address, time, MFA) have no place
// here.
const UNMODELLED_OPERATORS =
  /^(?:Bool|(?:Not)?IpAddress|Numeric(?:Not)?Equals|Numeric(?:Less|Greater)Than(?:Equals)?|Date(?:Not)?Equals|Date(?:Less|Greater)Than(?:Equals)?)$/

const CONDITION_KEY = /^[a-z][a-z0-9-]*:[A-Za-z0-9_.:/-]+$/

/** Parses a permissions or session policy. Throws PolicyGrammarError. */
export function parseIdentityPolicy(source: PolicySource): IdentityPolicy {
  return statementsOf(source).map((statement, index) => {
    const where = `Statement[${index}]`
    allowOnly(statement, ['Effect', 'Action', 'NotAction', 'Resource', 'NotResource', 'Condition'], where)
    return {
      effect: parseEffect(statement, where),
      actions: parseEither(statement, 'Action', 'NotAction', /^(?:\*|[a-z0-9-]+:[A-Za-z0-9*?]+)$/, where),
      resources: parseEither(
        statement,
        'Resource',
        'NotResource',
        /^(?:\*|acs:[^:]*:[^:]*:[^:]*:.+)$/,
        where,
      ),
      conditions: parseConditions(statement.Condition, where),
    }
  })
}

/** Parses an AssumeRolePolicyDocument. Throws PolicyGrammarError. */
export function parseTrustPolicy(source: PolicySource): TrustPolicy {
  return statementsOf(source).map((statement, index) => {
    const where = `Statement[${index}]`
    allowOnly(statement, ['Effect', 'Action', 'Principal', 'Condition'], where)
    const principal = objectOf(statement.Principal, `${where}.Principal`)
    allowOnly(principal, ['RAM', 'Federated', 'Service'], `${where}.Principal`)
    if (Object.keys(principal).length === 0) throw new PolicyGrammarError(`${where}.Principal is empty`)
    const parsed = {
      effect: parseEffect(statement, where),
      actions: stringsOf(statement.Action, /^sts:(?:AssumeRole|SetSourceIdentity)$/, `${where}.Action`),
      ram: optionalStrings(
        principal.RAM,
        /^acs:ram::\d+:(?:root|(?:user|role)\/[A-Za-z0-9._@-]+)$/,
        `${where}.Principal.RAM`,
      ),
      federated: optionalStrings(
        principal.Federated,
        /^acs:ram::\d+:(?:oidc|saml)-provider\/[A-Za-z0-9._-]+$/,
        `${where}.Principal.Federated`,
      ),
      conditions: parseConditions(statement.Condition, where),
    }
    optionalStrings(principal.Service, /^[a-z0-9.-]+\.aliyuncs\.com$/, `${where}.Principal.Service`)
    const unknownKey = parsed.conditions.find(
      ({ key }) => key.startsWith('oidc:') && !['oidc:iss', 'oidc:aud', 'oidc:sub'].includes(key),
    )
    if (unknownKey !== undefined)
      throw new PolicyGrammarError(`${where}.Condition: there is no condition key ${unknownKey.key}`)
    return parsed
  })
}

/**
 * What a set of policies says of one action on one resource: a Deny beats every Allow, silence is a
 * denial.
 */
export function evaluateIdentity(
  policies: readonly IdentityPolicy[],
  action: string,
  resource: string,
  context: Context = {},
): Verdict {
  return verdictOf(
    policies.flat(),
    (statement) =>
      statement.actions.patterns.some((pattern) => globMatches(pattern, action)) !==
        statement.actions.negated &&
      statement.resources.patterns.some((pattern) => globMatches(pattern, resource)) !==
        statement.resources.negated,
    context,
  )
}

/** Who asks to assume a role: the ARNs by which a trust policy may name it. */
export type Principal =
  | { readonly kind: 'RAM'; readonly accountId: string; readonly arn: string }
  | { readonly kind: 'Federated'; readonly providerArn: string }

/** What a role's trust policy says of a principal that asks for sts:AssumeRole. */
export function evaluateTrust(policy: TrustPolicy, principal: Principal, context: Context): Verdict {
  return verdictOf(
    policy,
    (statement) => {
      if (!statement.actions.includes('sts:AssumeRole')) return false
      return principal.kind === 'Federated'
        ? statement.federated.includes(principal.providerArn)
        : statement.ram.includes(principal.arn) ||
            statement.ram.includes(`acs:ram::${principal.accountId}:root`)
    },
    context,
  )
}

/** Whether a text matches a pattern in which `*` stands for any characters and `?` for one. */
export function globMatches(pattern: string, value: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*+/g, '[^]*')
    .replace(/\?/g, '[^]')
  return new RegExp(`^${source}$`, 'u').test(value)
}

function verdictOf<S extends Statement>(
  statements: readonly S[],
  concerns: (statement: S) => boolean,
  context: Context,
): Verdict {
  let verdict: Verdict = 'ImplicitDeny'
  for (const statement of statements) {
    if (!concerns(statement) || !conditionsHold(statement, context)) continue
    if (statement.effect === 'Deny') return 'ExplicitDeny'
    verdict = 'Allow'
  }
  return verdict
}

function conditionsHold(statement: Statement, context: Context): boolean {
  return statement.conditions.every(({ operator, key, values }) => {
    const given = context[key] ?? []
    const positive = POSITIVE_OPERATORS[operator]
    if (positive !== undefined)
      return given.some((value) => values.some((pattern) => positive(pattern, value)))
    const negative = NEGATIVE_OPERATORS[operator]
    if (negative !== undefined)
      return !given.some((value) => values.some((pattern) => negative(pattern, value)))
    // Of a condition that cannot be judged here the stricter reading holds: it does not open, and
    // it does not lift a denial.
    return statement.effect === 'Deny'
  })
}

function statementsOf(source: PolicySource): Record<string, unknown>[] {
  const document = objectOf(typeof source === 'string' ? parseJson(source) : source, 'The policy document')
  allowOnly(document, ['Version', 'Statement'], 'The policy document')
  if (document.Version !== '1') throw new PolicyGrammarError('Version must be "1"')
  if (!Array.isArray(document.Statement) || document.Statement.length === 0)
    throw new PolicyGrammarError('Statement must be a list, not empty')
  return document.Statement.map((statement: unknown, index) => objectOf(statement, `Statement[${index}]`))
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    throw new PolicyGrammarError('The policy document is not JSON', { cause: error })
  }
}

function parseEffect(statement: Record<string, unknown>, where: string): 'Allow' | 'Deny' {
  if (statement.Effect !== 'Allow' && statement.Effect !== 'Deny')
    throw new PolicyGrammarError(`${where}.Effect must be Allow or Deny`)
  return statement.Effect
}

function parseEither(
  statement: Record<string, unknown>,
  name: string,
  negatedName: string,
  pattern: RegExp,
  where: string,
) {
  const negated = statement[name] === undefined
  if (!negated && statement[negatedName] !== undefined)
    throw new PolicyGrammarError(`${where} has both ${name} and ${negatedName}`)
  const key = negated && statement[negatedName] !== undefined ? negatedName : name
  return { patterns: stringsOf(statement[key], pattern, `${where}.${key}`), negated }
}

function parseConditions(block: unknown, where: string): Condition[] {
  if (block === undefined) return []
  return Object.entries(objectOf(block, `${where}.Condition`)).flatMap(([operator, keys]) => {
    const place = `${where}.Condition.${operator}`
    const onStrings =
      Object.hasOwn(POSITIVE_OPERATORS, operator) || Object.hasOwn(NEGATIVE_OPERATORS, operator)
    if (!onStrings && !UNMODELLED_OPERATORS.test(operator))
      throw new PolicyGrammarError(`${place}: there is no such operator`)
    return Object.entries(objectOf(keys, place)).map(([key, value]) => {
      if (!CONDITION_KEY.test(key)) throw new PolicyGrammarError(`${place}: ${key} is not a condition key`)
      const values: unknown[] = Array.isArray(value) ? value : [value]
      if (values.length === 0) throw new PolicyGrammarError(`${place}.${key} has no value`)
      return {
        operator,
        key,
        values: values.map((item) => {
          if (typeof item === 'string') return item
          if (!onStrings && (typeof item === 'number' || typeof item === 'boolean')) return String(item)
          throw new PolicyGrammarError(`${place}.${key} must be a string or a list of strings`)
        }),
      }
    })
  })
}

function optionalStrings(value: unknown, pattern: RegExp, where: string): string[] {
  return value === undefined ? [] : stringsOf(value, pattern, where)
}

function stringsOf(value: unknown, pattern: RegExp, where: string): string[] {
  const items: unknown[] = Array.isArray(value) ? value : [value]
  if (items.length === 0) throw new PolicyGrammarError(`${where} is empty`)
  return items.map((item) => {
    if (typeof item !== 'string')
      throw new PolicyGrammarError(`${where} must be a string or a list of strings`)
    if (!pattern.test(item)) throw new PolicyGrammarError(`${where}: ${JSON.stringify(item)} is not valid`)
    return item
  })
}

function objectOf(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new PolicyGrammarError(`${where} must be an object`)
  return value as Record<string, unknown>
}

function allowOnly(value: Record<string, unknown>, names: readonly string[], where: string): void {
  const stranger = Object.keys(value).find((name) => !names.includes(name))
  if (stranger !== undefined) throw new PolicyGrammarError(`${where} has no element ${stranger}`)
}
