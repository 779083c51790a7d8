import { startStandIn, type StandIn } from '../../stand-in/stand-in.js'
import { GITHUB_ISSUER } from '../../stand-in/issuer.js'

/** The accounts that the examples name. */
export const ACCOUNT = '1234567890123456'
export const STAGING = '1111111111111111'
export const PRODUCTION = '2222222222222222'

/** The hosts of STS in the regions that the examples name. */
export const STS_HOSTS: readonly string[] = [
  ...['cn-hangzhou', 'cn-shanghai', 'eu-central-1'].map((region) => `sts.${region}.aliyuncs.com`),
  'sts-vpc.cn-hangzhou.aliyuncs.com',
]

/** The issuers that are not GitHub's own, by the names of their providers in the examples. */
export const ISSUERS = {
  'ack-rrsa-c0123456789': 'https://oidc-ack-cn-hangzhou.oss-cn-hangzhou.aliyuncs.com/c0123456789',
  forgejo: 'https://forgejo.example/api/actions',
  ghes: 'https://ghes.example/_services/token',
} as const

/** The subject of a service account that the runners' pods have. */
export const SERVICE_ACCOUNT = 'system:serviceaccount:runners:default'

export interface Accounts {
  readonly standIn: StandIn
  /** The key of ACCOUNT's user `ci`, who may assume every role. */
  readonly key: { readonly accessKeyId: string; readonly accessKeySecret: string }
}

/**
 * Alibaba Cloud as the examples need it: three accounts that know GitHub, each with a role
 * `deploy`, and STS under its own names.
 * @param issuer of the jobs' OIDC tokens. Default: github.com's
 */
export async function startAccounts(issuer: string = GITHUB_ISSUER): Promise<Accounts> {
  const standIn = await startStandIn({ tls: true, hostNames: STS_HOSTS, issuer })
  const { ram } = standIn
  for (const accountId of [ACCOUNT, STAGING, PRODUCTION]) {
    ram.addOidcProvider({ name: 'github', accountId, issuer: GITHUB_ISSUER, clientIds: ['sts.aliyuncs.com'] })
    ram.addRole({
      name: 'deploy',
      accountId,
      maxSessionDuration: 7200,
      trustPolicy: {
        Version: '1',
        Statement: [
          byOidc(accountId, 'github', 'repo:octo-org/octo-repo:ref:refs/heads/main'),
          byOidc(accountId, 'our-issuer', 'deployer'),
          byOidc(accountId, 'ghes', 'repo:octo-org/octo-repo:ref:refs/heads/main', ISSUERS.ghes),
          byOidc(accountId, 'forgejo', 'repo:octo-org-1/octo-repo-2:ref:refs/heads/main', ISSUERS.forgejo),
          byOidc(accountId, 'ack-rrsa-c0123456789', SERVICE_ACCOUNT, ISSUERS['ack-rrsa-c0123456789']),
          {
            Effect: 'Allow',
            Action: 'sts:AssumeRole',
            Principal: { RAM: [`acs:ram::${ACCOUNT}:root`, `acs:ram::${STAGING}:role/ci`] },
          },
        ],
      },
    })
  }
  ram.addOidcProvider({ name: 'our-issuer', issuer: GITHUB_ISSUER, clientIds: ['sts.aliyuncs.com'] })
  for (const [name, iss] of Object.entries(ISSUERS))
    ram.addOidcProvider({ name, issuer: iss, clientIds: ['sts.aliyuncs.com'] })
  ram.addRole({
    name: 'plan',
    trustPolicy: {
      Version: '1',
      Statement: [byOidc(ACCOUNT, 'github', 'repo:octo-org/octo-repo:pull_request')],
    },
  })
  const mayAssume = {
    Version: '1',
    Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: '*' }],
  }
  ram.addRole({
    name: 'ci',
    accountId: STAGING,
    trustPolicy: { Version: '1', Statement: [byOidc(STAGING, 'github', 'repo:octo-org/octo-repo:*')] },
    policies: [mayAssume],
  })
  return { standIn, key: ram.addUser({ name: 'ci', policies: [mayAssume] }).accessKey }
}

function byOidc(
  accountId: string,
  provider: string,
  subject: string,
  issuer: string = GITHUB_ISSUER,
): object {
  return {
    Effect: 'Allow',
    Action: 'sts:AssumeRole',
    Principal: { Federated: [`acs:ram::${accountId}:oidc-provider/${provider}`] },
    Condition: {
      StringEquals: { 'oidc:iss': issuer, 'oidc:aud': 'sts.aliyuncs.com' },
      StringLike: { 'oidc:sub': subject },
    },
  }
}
