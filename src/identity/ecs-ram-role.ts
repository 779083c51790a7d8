/**
 * The session of an ECS instance's RAM role, from the instance's metadata service (ECS's
 * documentation, "instance RAM roles").
 */
import { ActionError } from '../errors/action-error.js'
import { jsonObject, textField } from '../net/json.js'
import { send, unusableAnswer, type HttpAnswer } from '../net/request.js'
import { isTransientStatus, RetriesExhaustedError, withRetries, type RetryPolicy } from '../net/retry.js'
import { TransportError } from '../net/transport-error.js'
import { say, type Prose } from '../text/prose.js'
import type { TemporaryKey } from './credentials.js'
import { assertNotExpired, temporaryKey, utcTime } from './session-fields.js'

const METADATA = new URL('http://100.100.100.200')
const TOKEN_PATH = '/latest/api/token'
const CREDENTIALS_PATH = '/latest/meta-data/ram/security-credentials/'
/** The service answers from the host itself; off ECS nothing does. */
const CONNECT_TIMEOUT_MS = 1_000
const CALL_TIMEOUT_MS = 3_000
/** What Alibaba's SDKs wait for a token before they ask without one. */
const TOKEN_TIMEOUT_MS = 1_000
/** Seconds that a token of the hardened mode lives; it is used at once. */
const TOKEN_TTL_SECONDS = 60

/**
 * - `no-metadata-service`: nothing answers at its address
 * - `metadata-refused`: it answers, and refuses
 * - `metadata-failed`: it answers, but never usably
 * - `no-instance-role`: the instance has no RAM role
 */
export type InstanceRoleFault =
  'no-metadata-service' | 'metadata-refused' | 'metadata-failed' | 'no-instance-role'

/** The instance gives no session. The text says why and what to use instead. */
class InstanceRoleError extends ActionError {
  override readonly name = 'InstanceRoleError'
  readonly code: InstanceRoleFault

  constructor(code: InstanceRoleFault, text: Prose, cause?: unknown) {
    super(say`credential-source: ecs-ram-role: ${text}`, cause === undefined ? undefined : { cause })
    this.code = code
  }
}

/** What the metadata service issued. */
export interface InstanceSession {
  readonly key: TemporaryKey
  /** UTC, `2026-01-02T03:04:05Z`. */
  readonly expiration: string
}

type Ask = (
  method: 'GET' | 'PUT',
  path: string,
  headers: Readonly<Record<string, string>>,
  callTimeoutMs?: number,
) => Promise<HttpAnswer>

/**
 * Hardened mode first. If that fails in any way, the older mode, which knows no token, unless that
 * is forbidden: as Alibaba's SDKs do, since private clouds answer the request for a token oddly,
 * and in a container its answer is lost one hop too far.
 *
 * @param onlyHardened ALIBABA_CLOUD_IMDSV1_DISABLED
 * @param mask called with each secret of an answer before it is checked
 * @throws InstanceRoleError, SessionRejectedError
 */
export async function instanceSession(
  onlyHardened: boolean,
  policy: RetryPolicy,
  mask: (secret: string) => void,
): Promise<InstanceSession> {
  const call = 'metadata request'
  let answered = false
  let withoutToken: Error | undefined
  const ask: Ask = async (method, path, headers, callTimeoutMs = CALL_TIMEOUT_MS) => {
    const request = { method, url: new URL(path, METADATA), headers }
    const limits = { callTimeoutMs, connectTimeoutMs: CONNECT_TIMEOUT_MS, linkLocal: true }
    const answer = await send(request, { call, policy, ...limits })
    answered = true
    if (isTransientStatus(answer.status))
      throw unusableAnswer(answer, 'status', say`the metadata service answered with status ${answer.status}`)
    return answer
  }
  const attempt = async (): Promise<InstanceSession> => {
    withoutToken = undefined
    try {
      const headers = await hardenedToken(ask, onlyHardened, mask).catch((failure: unknown) => {
        if (onlyHardened || !(failure instanceof Error)) throw failure
        withoutToken = failure
        policy.trace(say`${[call]}: no token; asking without one`)
        return {}
      })
      return await sessionOfRole(ask, headers, withoutToken, mask)
    } catch (failure) {
      // If nothing has ever answered, there is no service here, and waiting does not help.
      if (!answered && failure instanceof TransportError && failure.code !== 'broken')
        throw noService(failure, withoutToken)
      throw failure
    }
  }
  try {
    return await withRetries(call, attempt, policy)
  } catch (failure) {
    if (!(failure instanceof RetriesExhaustedError)) throw failure
    throw new InstanceRoleError(
      'metadata-failed',
      say`the metadata service of this machine returned no usable answer. ${failure.text}. Run the job again; if this machine is not an ECS instance, use another source.${withoutToken === undefined ? [] : CONTAINERS}`,
      failure,
    )
  }
}

const CONTAINERS: Prose = [
  " In a container on an ECS instance the service's answers may be lost one network hop too far: raise HttpPutResponseHopLimit of the instance's metadata options to 2, or run the container in the host's network.",
]

function noService(failure: TransportError, withoutToken: Error | undefined): InstanceRoleError {
  const both = withoutToken === undefined ? [] : CONTAINERS
  return new InstanceRoleError(
    'no-metadata-service',
    say`this machine has no metadata service (${failure.text}). It exists on ECS instances only: on GitHub's own runners use oidc-provider-arn, elsewhere an access key or oidc-token-file.${both}`,
    failure,
  )
}

/** @returns the headers that show the token */
async function hardenedToken(
  ask: Ask,
  onlyHardened: boolean,
  mask: (secret: string) => void,
): Promise<Readonly<Record<string, string>>> {
  const timeout = onlyHardened ? CALL_TIMEOUT_MS : TOKEN_TIMEOUT_MS
  const terms = { 'x-aliyun-ecs-metadata-token-ttl-seconds': String(TOKEN_TTL_SECONDS) }
  const answer = await ask('PUT', TOKEN_PATH, terms, timeout)
  if (answer.status === 200) {
    const token = answer.body.trim()
    // Anything else could not travel in a header.
    if (!/^[\x21-\x7e]+$/.test(token)) throw nonsense(answer, 'with something that is not a token')
    mask(token)
    return { 'x-aliyun-ecs-metadata-token': token }
  }
  const cure =
    answer.status === 404 || answer.status === 405
      ? "ALIBABA_CLOUD_IMDSV1_DISABLED forbids asking without one. Switch the instance's metadata access to hardened mode (HttpTokens), or unset the variable"
      : "Check that the instance's metadata access is on (HttpEndpoint), or use another source"
  throw new InstanceRoleError(
    'metadata-refused',
    say`the metadata service returned no token (status ${answer.status}). ${[cure]}.`,
  )
}

/** @param withoutToken why there is no token in the headers */
async function sessionOfRole(
  ask: Ask,
  headers: Readonly<Record<string, string>>,
  withoutToken: Error | undefined,
  mask: (secret: string) => void,
): Promise<InstanceSession> {
  const role = await ask('GET', CREDENTIALS_PATH, headers)
  if (withoutToken !== undefined && (role.status === 401 || role.status === 403)) {
    // The service insists on a token, so the failure that counts is the first. It may be transient.
    if (withoutToken instanceof TransportError) throw withoutToken
    throw new InstanceRoleError(
      'metadata-refused',
      say`the metadata service returned no token, and refuses a session without one (status ${role.status}). Check that the instance's metadata access is on (HttpEndpoint), or use another source.${CONTAINERS}`,
      withoutToken,
    )
  }
  const roleName = attachedRole(role)
  const answer = await ask('GET', `${CREDENTIALS_PATH}${roleName}`, headers)
  return sessionIn(roleName, answer, mask)
}

function attachedRole(answer: HttpAnswer): string {
  const { status, body } = answer
  if (status === 404) {
    throw new InstanceRoleError('no-instance-role', [
      'this instance has no RAM role. Attach one to it (ECS AttachInstanceRamRole, or in the ECS console), or use another source.',
    ])
  }
  if (status !== 200)
    throw new InstanceRoleError(
      'metadata-refused',
      say`the metadata service returned no role name (status ${status}).`,
    )
  const roleName = body.trim()
  if (!/^(?!\.+$)[\w.-]+$/.test(roleName)) throw nonsense(answer, "with something that is not a role's name")
  return roleName
}

function sessionIn(roleName: string, answer: HttpAnswer, mask: (secret: string) => void): InstanceSession {
  const { status } = answer
  const fields = jsonObject(answer.body)
  const key = temporaryKey(fields, mask)
  const code = textField(fields, 'Code')
  if (status !== 200 || (code !== undefined && code !== 'Success')) {
    throw new InstanceRoleError(
      'metadata-refused',
      say`the metadata service returned no session for the instance's role ${roleName} (status ${status}, code ${code ?? 'none'}). Check that the role exists and trusts ecs.aliyuncs.com.`,
    )
  }
  const expiration = utcTime(fields?.Expiration)
  if (code === undefined || key === undefined || expiration === undefined)
    throw nonsense(answer, 'without all fields of a session')
  assertNotExpired(expiration, answer.headers, ['The metadata service'])
  return { key, expiration }
}

function nonsense(answer: HttpAnswer, what: string): TransportError {
  return unusableAnswer(answer, 'nonsense', say`the metadata service answered ${[what]}`)
}
