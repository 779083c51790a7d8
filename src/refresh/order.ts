/**
 * What main tells the keeper through its standard input: all that it needs until the job ends. It
 * holds secrets, so it is written nowhere else.
 */
import type { InstalledProfile } from '../handover/profile-target.js'
import { CREDENTIAL_SOURCES } from '../identity/choose.js'
import type { AccessKey, TemporaryKey } from '../identity/credentials.js'
import type { Issuer } from '../identity/oidc-issuer.js'
import type { SessionRequest, Source } from '../inputs/inputs.js'
import { isJsonObject, jsonObject } from '../net/json.js'
import type { FreshSession } from './renewal.js'
import type { WorkerProcess } from './worker-process.js'

/** The keeper's instructions. */
export interface Order {
  /** Private to this user; the keeper lives as long as it does. */
  readonly folder: string
  /** The secret paths of the keeper's server, without the slash. */
  readonly readPath: string
  readonly stopPath: string
  /** The entry in config.json whose expiration follows the renewals. */
  readonly profile: KeptProfile
  /** What main got from STS. */
  readonly first: FreshSession
  readonly minting: Minting
  /**
   * HTTPS_PROXY and the like: they may hold a password, so they do not travel in the environment.
   */
  readonly proxyVariables: Readonly<Record<string, string>>
  readonly worker: WorkerProcess | undefined
}

/** The profile whose address the keeper serves. */
export interface KeptProfile extends InstalledProfile {
  readonly target: string
  readonly regionId: string
}

/** What main makes a session of. */
export interface Minting {
  readonly source: Source
  readonly roles: readonly string[]
  readonly session: SessionRequest
  readonly endpoint: URL
  readonly allowedAccountIds: readonly string[]
  readonly maxAttempts: number
  readonly timeoutSeconds: number
  readonly issuer: Issuer
  readonly onlyHardenedMetadata: boolean
  /** GITHUB_RUN_ID, for the User-Agent. */
  readonly runId: string | undefined
}

/** The order as `parseOrder` reads it. */
export function orderText(order: Order): string {
  return JSON.stringify(order)
}

/** The order in a text; undefined if it is none, as when main ended before it had one to give. */
export function parseOrder(text: string): Order | undefined {
  try {
    const order = readersOf(jsonObject(text))
    return {
      folder: order.text('folder'),
      readPath: order.text('readPath'),
      stopPath: order.text('stopPath'),
      profile: profileIn(order.fields('profile')),
      first: firstIn(order.fields('first')),
      minting: mintingIn(order.fields('minting')),
      proxyVariables: order.texts('proxyVariables'),
      worker: order.has('worker') ? workerIn(order.fields('worker')) : undefined,
    }
  } catch (failure) {
    if (failure instanceof NotAnOrder) return undefined
    throw failure
  }
}

class NotAnOrder extends Error {}

function profileIn(profile: Fields): KeptProfile {
  return {
    path: profile.text('path'),
    target: profile.text('target'),
    id: profile.text('id'),
    name: profile.text('name'),
    regionId: profile.text('regionId'),
  }
}

function firstIn(first: Fields): FreshSession {
  const expiration = new Date(first.text('expiration'))
  if (Number.isNaN(expiration.getTime())) throw new NotAnOrder()
  return { key: temporaryKeyIn(first.fields('key')), expiration }
}

function mintingIn(minting: Fields): Minting {
  const endpoint = minting.text('endpoint')
  if (!URL.canParse(endpoint)) throw new NotAnOrder()
  const session = minting.fields('session')
  const issuer = minting.fields('issuer')
  return {
    source: sourceIn(minting.fields('source')),
    roles: minting.list('roles'),
    session: {
      durationSeconds: session.number('durationSeconds'),
      roleSessionName: session.text('roleSessionName'),
      externalId: session.optional('externalId'),
      sourceIdentity: session.optional('sourceIdentity'),
      policy: session.optional('policy'),
    },
    endpoint: new URL(endpoint),
    allowedAccountIds: minting.list('allowedAccountIds'),
    maxAttempts: minting.number('maxAttempts'),
    timeoutSeconds: minting.number('timeoutSeconds'),
    issuer: { requestUrl: issuer.optional('requestUrl'), requestToken: issuer.optional('requestToken') },
    onlyHardenedMetadata: minting.flag('onlyHardenedMetadata'),
    runId: minting.optional('runId'),
  }
}

function sourceIn(source: Fields): Source {
  const named = source.text('kind')
  const kind = CREDENTIAL_SOURCES.find((each) => each === named)
  switch (kind) {
    case 'oidc':
      return {
        kind,
        providerArn: source.text('providerArn'),
        audience: source.text('audience'),
        tokenFile: source.optional('tokenFile'),
      }
    case 'access-key':
    case 'environment':
      return { kind, key: keyIn(source.fields('key')) }
    case 'ecs-ram-role':
      return { kind }
    case undefined:
      throw new NotAnOrder()
  }
}

function keyIn(key: Fields): AccessKey {
  return {
    accessKeyId: key.text('accessKeyId'),
    accessKeySecret: key.text('accessKeySecret'),
    securityToken: key.optional('securityToken'),
  }
}

function temporaryKeyIn(key: Fields): TemporaryKey {
  return { ...keyIn(key), securityToken: key.text('securityToken') }
}

function workerIn(worker: Fields): WorkerProcess {
  return { pid: worker.number('pid'), startTime: worker.text('startTime') }
}

/** Readers of an object's fields; each throws NotAnOrder if the field is not of its kind. */
interface Fields {
  readonly has: (name: string) => boolean
  readonly text: (name: string) => string
  readonly optional: (name: string) => string | undefined
  readonly number: (name: string) => number
  readonly flag: (name: string) => boolean
  readonly list: (name: string) => readonly string[]
  readonly texts: (name: string) => Readonly<Record<string, string>>
  readonly fields: (name: string) => Fields
}

function readersOf(value: unknown): Fields {
  if (!isJsonObject(value)) throw new NotAnOrder()
  const read = <T>(name: string, isKind: (field: unknown) => field is T): T => {
    const field = value[name]
    if (!isKind(field)) throw new NotAnOrder()
    return field
  }
  return {
    has: (name) => value[name] !== undefined,
    text: (name) => read(name, isText),
    optional: (name) => (value[name] === undefined ? undefined : read(name, isText)),
    number: (name) => read(name, (field) => typeof field === 'number'),
    flag: (name) => read(name, (field) => typeof field === 'boolean'),
    list: (name) => read(name, (field): field is string[] => Array.isArray(field) && field.every(isText)),
    texts: (name) =>
      read(
        name,
        (field): field is Record<string, string> => isJsonObject(field) && Object.values(field).every(isText),
      ),
    fields: (name) => readersOf(value[name]),
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}
