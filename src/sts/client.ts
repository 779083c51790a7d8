/**
 * STS's three calls as this step needs them: a request in, a checked answer or an error out. Knows
 * nothing of roles' order, inputs or the runner.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { partsOf, type AccessKey } from '../identity/credentials.js'
import type { OidcTokenSource } from '../identity/oidc-token.js'
import { jsonObject, textField, type Json } from '../net/json.js'
import { connectAhead, send, type HttpAnswer, type HttpRequest } from '../net/request.js'
import { withRetries, type RetryPolicy } from '../net/retry.js'
import { userAgentOfRun } from '../net/user-agent.js'
import { withoutSecrets } from '../secrecy/redact.js'
import { say } from '../text/prose.js'
import { assumedRole, callerIdentity, successOf, type AssumedRole, type CallerIdentity } from './answers.js'
import type { AssumeRoleRequest, AssumeRoleWithOidcRequest } from './sdk.js'
import type { StsCall } from './sts-error.js'

/** STS's calls, each checked and retried. */
export interface StsClient {
  /** @throws StsError, TransportError, SessionRejectedError, RetriesExhaustedError */
  readonly assumeRole: (caller: AccessKey, request: AssumeRoleRequest) => Promise<AssumedRole>
  /**
   * @throws StsError, TransportError, SessionRejectedError, RetriesExhaustedError, and whatever
   * `oidcToken` throws
   */
  readonly assumeRoleWithOidc: (
    oidcToken: OidcTokenSource,
    request: AssumeRoleWithOidcRequest,
  ) => Promise<AssumedRole>
  /**
   * @param quick a policy of its own, for a call that only improves an error message
   * @throws StsError, TransportError, RetriesExhaustedError
   */
  readonly getCallerIdentity: (caller: AccessKey, quick?: RetryPolicy) => Promise<CallerIdentity>
}

/**
 * @param endpoint the https URL of an STS host (http for a stand-in on loopback)
 * @param mask called with each secret of an answer before anything else is done with it
 * @param runId GITHUB_RUN_ID, for the User-Agent
 */
export function stsClient(
  endpoint: URL,
  policy: RetryPolicy,
  mask: (secret: string) => void,
  runId: string | undefined,
): StsClient {
  const target = { endpoint, userAgent: userAgentOfRun(runId) }
  // The connection comes about while the SDK is read and compiled, or while the issuer is asked.
  // What fails ahead fails again when it is needed.
  let loading: ReturnType<typeof load> | undefined
  const load = async () => {
    connectAhead(endpoint).catch(() => undefined)
    // A turn of the loop for the requests to leave: compiling the SDK blocks it.
    await nextTurn()
    return import('./sdk.js')
  }
  const loadSdk = async () => (loading ??= load())

  return {
    assumeRole: async (caller, request) => {
      const call = 'AssumeRole'
      const { assumeRoleRequest } = await loadSdk()
      const attempt = async (): Promise<AssumedRole> => {
        const [object, answer] = await ask(
          call,
          await assumeRoleRequest(target, caller, request),
          policy,
          partsOf(caller),
        )
        return assumedRole(call, request.roleArn, object, answer, mask)
      }
      return withRetries(call, attempt, policy)
    },

    assumeRoleWithOidc: async (oidcToken, request) => {
      const call = 'AssumeRoleWithOIDC'
      // The issuer's request goes out first: nothing can be asked of STS before it is answered.
      const [, { assumeRoleWithOidcRequest }] = await Promise.all([oidcToken(false), loadSdk()])
      const attempt = async (freshToken: boolean): Promise<AssumedRole> => {
        const token = await oidcToken(freshToken)
        const [object, answer] = await ask(
          call,
          await assumeRoleWithOidcRequest(target, token, request),
          policy,
          [token],
        )
        return assumedRole(call, request.roleArn, object, answer, mask)
      }
      return withRetries(call, attempt, policy)
    },

    getCallerIdentity: async (caller, quick = policy) => {
      const call = 'GetCallerIdentity'
      const { getCallerIdentityRequest } = await loadSdk()
      const attempt = async (): Promise<CallerIdentity> => {
        const [object, answer] = await ask(
          call,
          await getCallerIdentityRequest(target, caller),
          quick,
          partsOf(caller),
        )
        return callerIdentity(object, answer)
      }
      return withRetries(call, attempt, quick)
    },
  }
}

/**
 * @param secrets what the request holds; STS may quote it back
 * @returns the JSON object of STS's success, and the answer that it came in
 */
async function ask(
  call: StsCall,
  request: HttpRequest,
  policy: RetryPolicy,
  secrets: readonly string[],
): Promise<[Json, HttpAnswer]> {
  const answer = await send(request, { call, policy })
  const object = jsonObject(answer.body)
  const requestId = textField(object, 'RequestId')
  if (requestId !== undefined) policy.trace(say`${[call]}: RequestId ${withoutSecrets(requestId, secrets)}`)
  return [successOf(call, answer, object, secrets), answer]
}
