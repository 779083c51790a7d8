/** The session of an ECS instance's RAM role, from the instance's metadata service (ECS's documentation, "instance RAM roles"). */
import type { TemporaryKey } from './credentials.js'
import { jsonObject } from '../net/json.js'
import { send, TransportError, type HttpAnswer, type HttpRequest } from '../net/request.js'
import {
  RetriesExhaustedError,
  withRetries,
  retryAfterMs,
  decideOnNetworkFailure,
  type RetryPolicy,
  type RetryDecision,
} from '../net/retry.js'

const METADATA = new URL('http://100.100.100.200')
const CREDENTIALS_PATH = '/latest/meta-data/ram/security-credentials/'
/** The service answers from the host itself; off ECS nothing does. */
const CONNECT_TIMEOUT_MS = 1_000
const CALL_TIMEOUT_MS = 3_000
/** Seconds that a token of the hardened mode lives; it is used at once. */
const TOKEN_TTL_SECONDS = 60

/** What the service answers where it knows nothing of the hardened mode's tokens. */
const NO_SUCH_PATH = [404, 405]

/** The instance gives no session. The message says why and what to use instead. */
export class InstanceRoleError extends Error {
  override readonly name = 'InstanceRoleError'

  constructor(message: string, options?: ErrorOptions) {
    super(`credential-source: ecs-ram-role: ${message}`, options)
  }
}

export interface InstanceSession {
  readonly key: TemporaryKey
  /** UTC, as the service wrote it. */
  readonly expiration: string
}

/**
 * Hardened mode first; the older one, which asks for no token, only where the service knows no hardened mode and that is allowed.
 *
 * @param onlyHardened ALIBABA_CLOUD_IMDSV1_DISABLED
 * @param mask told each secret of an answer before it is judged
 * @throws InstanceRoleError
 */
export async function instanceSession(
  onlyHardened: boolean,
  policy: RetryPolicy,
  mask: (secret: string) => void,
): Promise<InstanceSession> {
  let answered = false
  // Where nothing has ever answered there is no service, and waiting would not build one.
  const judge = (failure: unknown): RetryDecision => (answered ? decideOnNetworkFailure(failure) : 'final')
  const ask = async <T>(
    method: 'GET' | 'PUT',
    path: string,
    headers: Headers,
    interpret: (answer: HttpAnswer) => T,
  ): Promise<T> => {
    const request: HttpRequest = { method, url: new URL(path, METADATA), headers }
    const limits = {
      deadline: policy.deadline,
      viaProxy: false,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      callTimeoutMs: CALL_TIMEOUT_MS,
    }
    const attempt = async (): Promise<T> => {
      const answer = await send(request, limits)
      answered = true
      return interpret(throwTransientFaults(answer))
    }
    return withRetries('metadata request', attempt, judge, policy)
  }
  try {
    const token = await ask(
      'PUT',
      '/latest/api/token',
      { 'x-aliyun-ecs-metadata-token-ttl-seconds': String(TOKEN_TTL_SECONDS) },
      (answer) => hardenedToken(answer, onlyHardened, mask),
    )
    const headers: Headers = token === undefined ? {} : { 'x-aliyun-ecs-metadata-token': token }
    const roleName = await ask('GET', CREDENTIALS_PATH, headers, attachedRole)
    return await ask('GET', `${CREDENTIALS_PATH}${roleName}`, headers, (answer) =>
      sessionOf(roleName, answer, mask),
    )
  } catch (failure) {
    if (failure instanceof TransportError) {
      throw new InstanceRoleError(
        `this machine has no metadata service (${failure.message}). It exists on ECS instances only: on GitHub's own runners use oidc-provider-arn, elsewhere an access key or oidc-token-file.`,
        { cause: failure },
      )
    }
    if (failure instanceof RetriesExhaustedError) {
      throw new InstanceRoleError(
        `the metadata service of this machine gives no usable answer. ${failure.message}. Run the job again; if this machine is no ECS instance, use another source.`,
        { cause: failure },
      )
    }
    throw failure
  }
}

type Headers = Readonly<Record<string, string>>

function throwTransientFaults(answer: HttpAnswer): HttpAnswer {
  if (answer.status === 429 || answer.status >= 500) {
    throw new TransportError(
      'status',
      METADATA.host,
      `the metadata service answered with status ${answer.status}`,
      {
        retryAfterMs: retryAfterMs(answer.headers),
      },
    )
  }
  return answer
}

function nonsense(what: string): TransportError {
  return new TransportError('nonsense', METADATA.host, `the metadata service answered ${what}`)
}

/** Undefined where the service knows no hardened mode, and need not. */
function hardenedToken(
  { status, body }: HttpAnswer,
  onlyHardened: boolean,
  mask: (secret: string) => void,
): string | undefined {
  if (status === 200) {
    const token = body.trim()
    // Else it could not travel in a header.
    if (!/^[\x21-\x7e]+$/.test(token)) throw nonsense('with something that is not a token')
    mask(token)
    return token
  }
  if (!NO_SUCH_PATH.includes(status)) {
    throw new InstanceRoleError(
      `the metadata service gives no token (status ${status}). See that the instance's metadata access is on (HttpEndpoint), or use another source.`,
    )
  }
  if (onlyHardened) {
    throw new InstanceRoleError(
      `the metadata service gives no token (status ${status}), and ALIBABA_CLOUD_IMDSV1_DISABLED forbids to ask without one. Switch the instance's metadata access to hardened mode (HttpTokens), or unset the variable.`,
    )
  }
  return undefined
}

function attachedRole({ status, body }: HttpAnswer): string {
  if (status === 404) {
    throw new InstanceRoleError(
      'this instance has no RAM role. Attach one to it (ECS AttachInstanceRamRole, or in the ECS console), or use another source.',
    )
  }
  if (status !== 200) throw new InstanceRoleError(`the metadata service names no role (status ${status}).`)
  const roleName = body.trim()
  if (!/^[\w.-]+$/.test(roleName)) throw nonsense("with something that is not a role's name")
  return roleName
}

function sessionOf(
  roleName: string,
  { status, body }: HttpAnswer,
  mask: (secret: string) => void,
): InstanceSession {
  const fields = jsonObject(body)
  const text = (name: string): string | undefined => {
    const value = fields?.[name]
    return typeof value === 'string' && value !== '' ? value : undefined
  }
  const [accessKeyId, accessKeySecret, securityToken] = [
    text('AccessKeyId'),
    text('AccessKeySecret'),
    text('SecurityToken'),
  ]
  for (const secret of [accessKeyId, accessKeySecret, securityToken]) if (secret !== undefined) mask(secret)
  const [code, expiration] = [text('Code'), text('Expiration')]
  if (status !== 200 || (code !== undefined && code !== 'Success')) {
    throw new InstanceRoleError(
      `the metadata service gives no session for the instance's role ${roleName} (status ${status}, code ${code ?? 'none'}). Check that the role exists and trusts ecs.aliyuncs.com.`,
    )
  }
  if (
    code === undefined ||
    accessKeyId === undefined ||
    accessKeySecret === undefined ||
    securityToken === undefined ||
    expiration === undefined ||
    Number.isNaN(Date.parse(expiration))
  ) {
    throw nonsense('without all fields of a session')
  }
  return { key: { accessKeyId, accessKeySecret, securityToken }, expiration }
}
