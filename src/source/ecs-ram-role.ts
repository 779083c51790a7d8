/** The session of an ECS instance's RAM role, from the instance's metadata service (ECS's documentation, "instance RAM roles"). */
import type { TemporaryKey } from '../credentials.js'
import { jsonObject } from '../json.js'
import { persist, retryAfterMs, send, TransportError, type HttpAnswer, type HttpRequest, type Patience } from '../transport.js'

const METADATA = new URL('http://100.100.100.200')
const CREDENTIALS_PATH = '/latest/meta-data/ram/security-credentials/'
/** The service answers from the host itself; off ECS nothing does. */
const CONNECT_TIMEOUT_MS = 1_000
const CALL_TIMEOUT_MS = 3_000
/** Seconds that a token of the hardened mode lives; it is used at once. */
const TOKEN_TTL_SECONDS = 60

/** The instance gives no session. The message says why and what to use instead. */
export class InstanceRoleError extends Error {
  override readonly name = 'InstanceRoleError'
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
 * @param mask told each secret of the answer before it is judged
 * @throws InstanceRoleError, GaveUp
 */
export async function instanceSession(onlyHardened: boolean, patience: Patience, mask: (secret: string) => void): Promise<InstanceSession> {
  const ask = async (method: 'GET' | 'PUT', path: string, headers: Record<string, string>): Promise<HttpAnswer> => {
    const request: HttpRequest = { method, url: new URL(path, METADATA), headers }
    const limits = { deadline: patience.deadline, viaProxy: false, connectTimeoutMs: CONNECT_TIMEOUT_MS, callTimeoutMs: CALL_TIMEOUT_MS }
    return persist('metadata request', async () => passingFaultsOut(await send(request, limits)), judge, patience)
  }
  try {
    const hardened = await ask('PUT', '/latest/api/token', { 'x-aliyun-ecs-metadata-token-ttl-seconds': String(TOKEN_TTL_SECONDS) })
    if (hardened.status !== 200 && onlyHardened) {
      throw new InstanceRoleError(
        `credential-source: ecs-ram-role: the metadata service gives no token (status ${hardened.status}), and ALIBABA_CLOUD_IMDSV1_DISABLED forbids to ask without one. Switch the instance's metadata access to hardened mode (HttpTokens), or unset the variable.`,
      )
    }
    const token = hardened.status === 200 ? hardened.body.trim() : ''
    if (token !== '') mask(token)
    const headers = token === '' ? {} : { 'x-aliyun-ecs-metadata-token': token }
    const role = await ask('GET', CREDENTIALS_PATH, headers)
    const roleName = role.body.trim().split('\n')[0]?.trim() ?? ''
    if (role.status !== 200 || !/^[\w.-]+$/.test(roleName)) {
      throw new InstanceRoleError(
        `credential-source: ecs-ram-role: the metadata service names no role (status ${role.status}). Attach a RAM role to this instance (ECS AttachInstanceRamRole), or use another source.`,
      )
    }
    return read(roleName, await ask('GET', `${CREDENTIALS_PATH}${roleName}`, headers), mask)
  } catch (failure) {
    if (failure instanceof TransportError) {
      throw new InstanceRoleError(
        `credential-source: ecs-ram-role: this machine has no metadata service (${failure.message}). It exists on ECS instances only: on GitHub's own runners use oidc-provider-arn, elsewhere an access key or oidc-token-file.`,
        { cause: failure },
      )
    }
    throw failure
  }
}

function passingFaultsOut(answer: HttpAnswer): HttpAnswer {
  if (answer.status === 429 || answer.status >= 500) {
    throw new TransportError('status', METADATA.host, `the metadata service answered with status ${answer.status}`, {
      retryAfterMs: retryAfterMs(answer.headers),
    })
  }
  return answer
}

/** Only an answer can be worth another attempt: where nothing answers there is no service, and waiting would not build one. */
function judge(failure: unknown): 'final' | { retryAfterMs: number | undefined } {
  const passing = failure instanceof TransportError && (failure.fault === 'status' || failure.fault === 'broken')
  return passing ? { retryAfterMs: failure.retryAfterMs } : 'final'
}

function read(roleName: string, answer: HttpAnswer, mask: (secret: string) => void): InstanceSession {
  const fields = jsonObject(answer.body) ?? {}
  const text = (name: string): string | undefined => {
    const value = fields[name]
    return typeof value === 'string' && value !== '' ? value : undefined
  }
  const [accessKeyId, accessKeySecret, securityToken] = [text('AccessKeyId'), text('AccessKeySecret'), text('SecurityToken')]
  for (const secret of [accessKeyId, accessKeySecret, securityToken]) if (secret !== undefined) mask(secret)
  const expiration = text('Expiration')
  const complete = accessKeyId !== undefined && accessKeySecret !== undefined && securityToken !== undefined && expiration !== undefined
  if (answer.status !== 200 || text('Code') !== 'Success' || !complete) {
    throw new InstanceRoleError(
      `credential-source: ecs-ram-role: the metadata service gives no session for the instance's role ${roleName} (status ${answer.status}, code ${text('Code') ?? 'none'}). Check that the role exists and trusts ecs.aliyuncs.com.`,
    )
  }
  return { key: { accessKeyId, accessKeySecret, securityToken }, expiration }
}
