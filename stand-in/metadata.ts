import { randomBytes } from 'node:crypto'

import { listen } from './listener.js'
import type { Answer, End, WireRequest } from './listener.js'
import type { StandIn } from './stand-in.js'
import { createTrail } from './trail.js'
import type { RecordedRequest } from './trail.js'

export interface MetadataOptions {
  /** Who issues the instance's credentials. */
  readonly standIn: Pick<StandIn, 'issueSession'>
  /** The instance's role; undefined for an instance without one. */
  readonly roleArn: string | undefined
  /** Whether the service gives out tokens. Default true. */
  readonly hardened?: boolean
  /**
   * Whether the service answers without a token too. Default true, as on an instance that was not
   * configured.
   */
  readonly allowV1?: boolean
  /** Default 127.0.0.1 and a free port; clients expect 100.100.100.200 and 80. */
  readonly host?: string
  readonly port?: number
  /** Milliseconds since the epoch, for the life of tokens. Default Date.now. */
  readonly clock?: () => number
}

export interface Metadata extends End {
  readonly requests: readonly RecordedRequest[]
  readonly close: () => Promise<void>
}

const TOKEN_PATH = '/latest/api/token'
const CREDENTIALS_PATH = '/latest/meta-data/ram/security-credentials/'
const MAX_TTL_SECONDS = 21_600
const SESSION_SECONDS = 21_600
const INSTANCE_ID = 'i-bp1a2b3c4d5e6f7g8h9j'

/**
 * Starts a stand-in for the metadata service of an ECS instance. Actions, for faults: `Token`,
 * `RoleName`, `Credentials`.
 */
export async function startMetadata(options: MetadataOptions): Promise<Metadata> {
  const {
    standIn,
    roleArn,
    hardened = true,
    allowV1 = true,
    host = '127.0.0.1',
    port = 0,
    clock = Date.now,
  } = options
  const tokens = new Map<string, number>()
  const roleName = roleArn?.slice(roleArn.lastIndexOf('/') + 1)

  function issueToken(request: WireRequest): Answer {
    const ttl = request.headers['x-aliyun-ecs-metadata-token-ttl-seconds'] ?? ''
    if (!/^\d{1,5}$/.test(ttl) || Number(ttl) < 1 || Number(ttl) > MAX_TTL_SECONDS)
      return text(400, 'Bad Request')
    const token = randomBytes(40).toString('base64')
    tokens.set(token, clock() + Number(ttl) * 1000)
    return text(200, token)
  }

  function mayRead(request: WireRequest): boolean {
    const token = request.headers['x-aliyun-ecs-metadata-token']
    return token === undefined ? allowV1 : hardened && clock() < (tokens.get(token) ?? 0)
  }

  function issueCredentials(arn: string): Answer {
    const session = standIn.issueSession({
      roleArn: arn,
      roleSessionName: INSTANCE_ID,
      durationSeconds: SESSION_SECONDS,
    })
    const content = {
      AccessKeyId: session.accessKeyId,
      AccessKeySecret: session.accessKeySecret,
      Expiration: session.expiration,
      SecurityToken: session.securityToken,
      LastUpdated: new Date(clock()).toISOString().replace(/\.\d+Z$/, 'Z'),
      Code: 'Success',
    }
    return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(content) }
  }

  const trail = createTrail(10_000)
  const listener = await listen(
    {
      name: 'metadata',
      receive(request) {
        const action = actionOf(request)
        return {
          action,
          accessKeyId: undefined,
          answer() {
            if (action === 'Token' && hardened) return issueToken(request)
            if (action === undefined || action === 'Token') return text(404, 'Not Found')
            if (!mayRead(request)) return text(403, 'Forbidden')
            if (roleArn === undefined || roleName === undefined) return text(404, 'Not Found')
            if (action === 'RoleName') return text(200, roleName)
            return request.path === `${CREDENTIALS_PATH}${roleName}`
              ? issueCredentials(roleArn)
              : text(404, 'Not Found')
          },
        }
      },
      refuse: ({ status, code, message, headers }) => ({ ...text(status, message ?? code, headers), code }),
    },
    { host, port, tls: undefined, trail, now: clock },
  )
  return { ...listener, requests: trail.requests }
}

function actionOf({ method, path }: WireRequest): 'Token' | 'RoleName' | 'Credentials' | undefined {
  if (method === 'PUT' && path === TOKEN_PATH) return 'Token'
  if (method !== 'GET') return undefined
  if (path === CREDENTIALS_PATH || `${path}/` === CREDENTIALS_PATH) return 'RoleName'
  return path.startsWith(CREDENTIALS_PATH) ? 'Credentials' : undefined
}

function text(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, headers: { 'content-type': 'text/plain', ...headers }, body }
}
