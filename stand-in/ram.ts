import { randomInt } from 'node:crypto'

import { parseIdentityPolicy, parseTrustPolicy, trustOfRam } from './policy.js'
import type { IdentityPolicy, PolicySource, TrustPolicy } from './policy.js'

/** The account of everything that is added without one. */
const DEFAULT_ACCOUNT_ID = '1234567890123456'

export interface LongLivedKey {
  readonly accessKeyId: string
  readonly accessKeySecret: string
}

/** Who holds a long-lived key. */
export type KeyOwner =
  | { readonly kind: 'root'; readonly accountId: string; readonly arn: string }
  | {
      readonly kind: 'user'
      readonly accountId: string
      readonly arn: string
      readonly name: string
      readonly userId: string
      readonly policies: readonly IdentityPolicy[]
    }

export interface StoredKey extends LongLivedKey {
  readonly owner: KeyOwner
  readonly active: boolean
}

export interface Role {
  readonly arn: string
  readonly accountId: string
  readonly name: string
  readonly roleId: string
  /** Seconds. */
  readonly maxSessionDuration: number
  readonly trustPolicy: TrustPolicy
  readonly policies: readonly IdentityPolicy[]
}

export interface OidcProvider {
  readonly arn: string
  readonly accountId: string
  readonly issuer: string
  readonly clientIds: readonly string[]
}

export interface UserInput {
  readonly name: string
  readonly accountId?: string
  /** The user's first key. Default: a random one. */
  readonly accessKey?: LongLivedKey
  /** Default: none, so that the user may do nothing but ask who it is. */
  readonly policies?: readonly PolicySource[]
}

export interface RoleInput {
  readonly name: string
  readonly accountId?: string
  readonly roleId?: string
  /** Seconds, 3600 to 43200. Default 3600. */
  readonly maxSessionDuration?: number
  /** AssumeRolePolicyDocument. Default: the role's own account, as in the console. */
  readonly trustPolicy?: PolicySource
  /** Default: none, so that a session of the role may assume no other. */
  readonly policies?: readonly PolicySource[]
}

export interface OidcProviderInput {
  readonly name: string
  readonly accountId?: string
  readonly issuer: string
  /** The audiences that the provider accepts. */
  readonly clientIds: readonly string[]
}

export interface RootKeyInput {
  readonly accountId?: string
  readonly accessKey?: LongLivedKey
}

/** RAM's state to begin with. */
export interface RamState {
  readonly users?: readonly UserInput[]
  readonly roles?: readonly RoleInput[]
  readonly oidcProviders?: readonly OidcProviderInput[]
  readonly rootKeys?: readonly RootKeyInput[]
}

/**
 * RAM as an administrator sees it. Every method throws on a name that is taken or unknown and on a
 * document that RAM would refuse.
 */
export interface Ram {
  readonly addUser: (user: UserInput) => {
    readonly arn: string
    readonly userId: string
    readonly accessKey: LongLivedKey
  }
  /** Gives a user one more key. */
  readonly addAccessKey: (userArn: string, accessKey?: LongLivedKey) => LongLivedKey
  readonly addRootKey: (key?: RootKeyInput) => LongLivedKey
  readonly addRole: (role: RoleInput) => { readonly arn: string; readonly roleId: string }
  readonly addOidcProvider: (provider: OidcProviderInput) => { readonly arn: string }
  readonly setAccessKeyStatus: (accessKeyId: string, status: 'Active' | 'Inactive') => void
  /** Puts another AssumeRolePolicyDocument in the place of the role's. */
  readonly setTrustPolicy: (roleArn: string, document: PolicySource) => void
  readonly attachUserPolicy: (userArn: string, document: PolicySource) => void
  readonly detachUserPolicies: (userArn: string) => void
  readonly attachRolePolicy: (roleArn: string, document: PolicySource) => void
  readonly detachRolePolicies: (roleArn: string) => void
}

/** RAM as STS sees it. */
export interface RamDirectory {
  readonly key: (accessKeyId: string) => StoredKey | undefined
  readonly role: (arn: string) => Role | undefined
  readonly oidcProvider: (arn: string) => OidcProvider | undefined
  /** Every long-lived key. */
  readonly keys: () => Iterable<LongLivedKey>
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
type User = Mutable<Extract<KeyOwner, { kind: 'user' }>>

const NAME = /^[A-Za-z0-9._-]{1,64}$/

export function createRam(state: RamState = {}): { readonly ram: Ram; readonly directory: RamDirectory } {
  const users = new Map<string, User>()
  const keys = new Map<string, Mutable<StoredKey>>()
  const roles = new Map<string, Mutable<Role>>()
  const providers = new Map<string, OidcProvider>()

  function addKey(
    owner: KeyOwner,
    { accessKeyId, accessKeySecret }: LongLivedKey = randomKey(),
  ): LongLivedKey {
    if (accessKeyId.startsWith('STS.')) throw new Error(`${accessKeyId} is the name of a session's key`)
    store(keys, accessKeyId, { accessKeyId, accessKeySecret, owner, active: true })
    return { accessKeyId, accessKeySecret }
  }

  const ram: Ram = {
    addUser({ name, accountId = DEFAULT_ACCOUNT_ID, accessKey, policies = [] }) {
      const user: User = {
        kind: 'user',
        accountId: checked(accountId, /^\d+$/),
        arn: `acs:ram::${accountId}:user/${checked(name, /^[A-Za-z0-9._@-]{1,64}$/)}`,
        name,
        userId: `2${digits(17)}`,
        policies: policies.map(parseIdentityPolicy),
      }
      store(users, user.arn, user)
      return { arn: user.arn, userId: user.userId, accessKey: addKey(user, accessKey) }
    },
    addAccessKey: (userArn, accessKey) => addKey(known(users, userArn), accessKey),
    addRootKey: ({ accountId = DEFAULT_ACCOUNT_ID, accessKey } = {}) =>
      addKey(
        { kind: 'root', accountId: checked(accountId, /^\d+$/), arn: `acs:ram::${accountId}:root` },
        accessKey,
      ),
    addRole({
      name,
      accountId = DEFAULT_ACCOUNT_ID,
      roleId = `3${digits(17)}`,
      maxSessionDuration = 3600,
      trustPolicy,
      policies = [],
    }) {
      if (!(
        Number.isInteger(maxSessionDuration) &&
        maxSessionDuration >= 3600 &&
        maxSessionDuration <= 43200
      )) {
        throw new RangeError(`MaxSessionDuration is 3600 to 43200, not ${maxSessionDuration}`)
      }
      const role: Role = {
        arn: `acs:ram::${checked(accountId, /^\d+$/)}:role/${checked(name, /^[A-Za-z0-9.-]{1,64}$/)}`,
        accountId,
        name,
        roleId,
        maxSessionDuration,
        trustPolicy: parseTrustPolicy(trustPolicy ?? trustOfRam([`acs:ram::${accountId}:root`])),
        policies: policies.map(parseIdentityPolicy),
      }
      store(roles, role.arn, role)
      return { arn: role.arn, roleId }
    },
    addOidcProvider({ name, accountId = DEFAULT_ACCOUNT_ID, issuer, clientIds }) {
      const arn = `acs:ram::${checked(accountId, /^\d+$/)}:oidc-provider/${checked(name, NAME)}`
      store(providers, arn, { arn, accountId, issuer, clientIds: [...clientIds] })
      return { arn }
    },
    setAccessKeyStatus(accessKeyId, status) {
      known(keys, accessKeyId).active = status === 'Active'
    },
    setTrustPolicy(roleArn, document) {
      known(roles, roleArn).trustPolicy = parseTrustPolicy(document)
    },
    attachUserPolicy(userArn, document) {
      const user = known(users, userArn)
      user.policies = [...user.policies, parseIdentityPolicy(document)]
    },
    detachUserPolicies(userArn) {
      known(users, userArn).policies = []
    },
    attachRolePolicy(roleArn, document) {
      const role = known(roles, roleArn)
      role.policies = [...role.policies, parseIdentityPolicy(document)]
    },
    detachRolePolicies(roleArn) {
      known(roles, roleArn).policies = []
    },
  }

  state.users?.forEach(ram.addUser)
  state.roles?.forEach(ram.addRole)
  state.oidcProviders?.forEach(ram.addOidcProvider)
  state.rootKeys?.forEach(ram.addRootKey)

  return {
    ram,
    directory: {
      key: (id) => keys.get(id),
      role: (arn) => roles.get(arn),
      oidcProvider: (arn) => providers.get(arn),
      keys: () => keys.values(),
    },
  }
}

const ALPHANUMERIC = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** Random letters and digits, as in access keys. */
export function alphanumeric(length: number): string {
  return Array.from({ length }, () => ALPHANUMERIC.charAt(randomInt(ALPHANUMERIC.length))).join('')
}

function randomKey(): LongLivedKey {
  return { accessKeyId: `LTAI5t${alphanumeric(18)}`, accessKeySecret: alphanumeric(30) }
}

function digits(length: number): string {
  return Array.from({ length }, () => String(randomInt(10))).join('')
}

function checked(value: string, pattern: RegExp): string {
  if (!pattern.test(value)) throw new Error(`${JSON.stringify(value)} does not match ${pattern.source}`)
  return value
}

function store<T>(map: Map<string, T>, name: string, value: T): void {
  if (map.has(name)) throw new Error(`${name} exists already`)
  map.set(name, value)
}

function known<T>(map: Map<string, T>, name: string): T {
  const value = map.get(name)
  if (value === undefined) throw new Error(`There is no ${name}`)
  return value
}
