/** The step's outputs. */
import type { Inputs } from '../inputs/inputs.js'
import type { Session } from '../sts/role-chain.js'

/** Name and value of each output that is set; what is unknown is not set. */
export function outputsFor(inputs: Inputs, session: Session): [name: string, value: string][] {
  const outputs: [string, string | undefined][] = [
    ['account-id', session.accountId],
    ['arn', session.arn],
    ['role-session-name', session.roleSessionName],
    ['expiration', session.expiration],
    ['credential-source', inputs.source.kind],
    ['region', inputs.region],
    ['profile', inputs.profile?.name],
  ]
  if (inputs.outputCredentials) {
    const { accessKeyId, accessKeySecret, securityToken } = session.key
    outputs.push(
      ['access-key-id', accessKeyId],
      ['access-key-secret', accessKeySecret],
      ['security-token', securityToken],
      // The names of aliyun/configure-aliyun-credentials-action, for workflows that come from
      // there.
      ['aliyun-access-key-id', accessKeyId],
      ['aliyun-access-key-secret', accessKeySecret],
      ['aliyun-security-token', securityToken],
    )
  }
  return outputs.flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] satisfies [string, string]],
  )
}
