/**
 * The stand-in as the benchmark needs it: over TLS, under the real host names if there is a name
 * service, at a distance if one is requested.
 */
import { startStandIn, type StandIn } from '../stand-in/stand-in.js'
import { trustOfOidc } from '../stand-in/policy.js'
import type { WithInputs } from '../stand-in/runner/runner-job.js'
import type { NameService } from './namespace.js'
import { startRelay } from './relay.js'

export const REGION = 'cn-hangzhou'
/** The roles of the longest chain that is measured. */
export const CHAIN_LENGTH = 20

const STS_HOSTS = ['sts.aliyuncs.com', `sts.${REGION}.aliyuncs.com`]
/** One of the hosts that GitHub names in ACTIONS_ID_TOKEN_REQUEST_URL. */
const ISSUER_HOST = 'pipelines.actions.githubusercontent.com'
const HTTPS_PORT = 443
const ISSUER_PORT = 8443
const STAND_IN_ADDRESS = '127.0.0.1'
/** Another, so that a port of the stand-in's can be the relay's too. */
const RELAY_ADDRESS = '127.0.0.2'

export interface Cloud {
  readonly standIn: StandIn
  readonly byOidc: WithInputs
  /** A chain of so many roles, begun with the user's key. */
  readonly byKey: (roles: number) => WithInputs
  /** Opens the way to the services. One at a time. */
  readonly route: (options: RouteOptions) => Promise<Route>
  readonly close: () => Promise<void>
}

export interface RouteOptions {
  readonly rttMs: number
  /** Whether connections must be counted, which costs a hop. */
  readonly counted: boolean
}

export interface Route {
  /** What a step's environment needs. */
  readonly env: Readonly<Record<string, string>>
  /** What its inputs need: nothing under the real host names. */
  readonly inputs: WithInputs
  /** Connections opened so far to both services, used or not; undefined if the way is direct. */
  readonly connections: () => number | undefined
  readonly close: () => Promise<void>
}

export async function startCloud(leadNames: NameService | undefined): Promise<Cloud> {
  const ports = leadNames === undefined ? {} : { stsPort: HTTPS_PORT, issuerPort: ISSUER_PORT }
  const standIn = await startStandIn({ tls: true, hostNames: [...STS_HOSTS, ISSUER_HOST], ...ports })
  const { ram, issuer } = standIn
  const mayAssume = {
    Version: '1',
    Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: '*' }],
  }
  const { accessKey } = ram.addUser({ name: 'ci', policies: [mayAssume] })
  const { arn: providerArn } = ram.addOidcProvider({
    name: 'github',
    issuer: issuer.iss,
    clientIds: ['sts.aliyuncs.com'],
  })
  const { arn: oidcRole } = ram.addRole({
    name: 'deploy',
    trustPolicy: trustOfOidc(providerArn, {
      StringEquals: { 'oidc:iss': issuer.iss, 'oidc:aud': 'sts.aliyuncs.com' },
      StringLike: { 'oidc:sub': 'repo:octo-org/octo-repo:*' },
    }),
  })
  const chain = Array.from(
    { length: CHAIN_LENGTH },
    (_, index) => ram.addRole({ name: `link-${index + 1}`, policies: [mayAssume] }).arn,
  )

  return {
    standIn,
    byOidc: { 'oidc-provider-arn': providerArn, 'role-to-assume': oidcRole },
    byKey: (roles) => ({
      'access-key-id': accessKey.accessKeyId,
      'access-key-secret': accessKey.accessKeySecret,
      'role-to-assume': chain.slice(0, roles).join('\n'),
    }),
    route: async ({ rttMs, counted }) => {
      const relayed = rttMs > 0 || counted
      const host = relayed && leadNames !== undefined ? RELAY_ADDRESS : STAND_IN_ADDRESS
      const relays = relayed
        ? await Promise.all(
            [standIn.sts, standIn.issuer].map(async ({ port }) =>
              startRelay({
                host,
                port: leadNames === undefined ? 0 : port,
                to: { host: STAND_IN_ADDRESS, port },
                rttMs,
              }),
            ),
          )
        : []
      const [stsPort, issuerPort] = [
        relays[0]?.port ?? standIn.sts.port,
        relays[1]?.port ?? standIn.issuer.port,
      ]
      leadNames?.([...STS_HOSTS, ISSUER_HOST], host)
      const requestUrl = new URL(issuer.requestUrl)
      requestUrl.hostname = leadNames === undefined ? host : ISSUER_HOST
      requestUrl.port = String(issuerPort)
      return {
        env: {
          ACTIONS_ID_TOKEN_REQUEST_URL: requestUrl.href,
          ACTIONS_ID_TOKEN_REQUEST_TOKEN: issuer.requestToken,
        },
        inputs: leadNames === undefined ? { 'sts-endpoint': `https://${host}:${stsPort}` } : {},
        connections: () =>
          relayed ? relays.reduce((count, relay) => count + relay.connections(), 0) : undefined,
        close: async () => {
          await Promise.all(relays.map((relay) => relay.close()))
        },
      }
    },
    close: standIn.close,
  }
}
