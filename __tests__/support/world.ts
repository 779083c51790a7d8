/**
 * A small Alibaba Cloud for the scenarios: one account, a user who may assume roles, an OIDC
 * provider for GitHub, a role for each.
 */
import { startStandIn, type StandIn, type StandInOptions } from '../../stand-in/stand-in.js'
import type { StepInputs } from './job.js'

export const ACCOUNT = '1234567890123456'
export const PROVIDER_ARN = `acs:ram::${ACCOUNT}:oidc-provider/github`
export const DEPLOY_ROLE = `acs:ram::${ACCOUNT}:role/deploy`
export const OIDC_ROLE = `acs:ram::${ACCOUNT}:role/deploy-oidc`

export interface World {
  readonly standIn: StandIn
  /** The user's key. */
  readonly key: { readonly accessKeyId: string; readonly accessKeySecret: string }
  /** Inputs that succeed. */
  readonly byKey: StepInputs
  readonly byOidc: StepInputs
}

export function assumeRolePolicy(...resources: string[]): object {
  return { Version: '1', Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: resources }] }
}

export function oidcTrust(subject: string): object {
  return {
    Version: '1',
    Statement: [
      {
        Effect: 'Allow',
        Action: 'sts:AssumeRole',
        Principal: { Federated: [PROVIDER_ARN] },
        Condition: {
          StringEquals: {
            'oidc:iss': 'https://token.actions.githubusercontent.com',
            'oidc:aud': 'sts.aliyuncs.com',
          },
          StringLike: { 'oidc:sub': subject },
        },
      },
    ],
  }
}

export async function startWorld(options: StandInOptions = {}): Promise<World> {
  const standIn = await startStandIn(options)
  const { ram } = standIn
  const { accessKey } = ram.addUser({ name: 'ci', policies: [assumeRolePolicy('*')] })
  ram.addOidcProvider({ name: 'github', issuer: standIn.issuer.iss, clientIds: ['sts.aliyuncs.com'] })
  ram.addRole({ name: 'deploy', maxSessionDuration: 7200, policies: [assumeRolePolicy('*')] })
  ram.addRole({
    name: 'deploy-oidc',
    maxSessionDuration: 7200,
    trustPolicy: oidcTrust('repo:octo-org/octo-repo:*'),
    policies: [assumeRolePolicy('*')],
  })
  const common: StepInputs = { region: 'cn-hangzhou', 'sts-endpoint': standIn.sts.url }
  return {
    standIn,
    key: accessKey,
    byKey: {
      ...common,
      'access-key-id': accessKey.accessKeyId,
      'access-key-secret': accessKey.accessKeySecret,
      'role-to-assume': DEPLOY_ROLE,
    },
    byOidc: { ...common, 'oidc-provider-arn': PROVIDER_ARN, 'role-to-assume': OIDC_ROLE },
  }
}
