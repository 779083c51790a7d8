/**
 * The network that the tests run in: loopback alone, where the names of Alibaba Cloud's own hosts
 * lead to the stand-in.
 */
import { startWorld, type World } from '../__tests__/support/world.js'

/**
 * Hosts that programs call by themselves: the SDKs with an OIDC token, Terraform to assume a role,
 * Serverless Devs for the account.
 */
export const REAL_HOSTS = [
  'sts.aliyuncs.com',
  'sts.cn-hangzhou.aliyuncs.com',
  'location-readonly.aliyuncs.com',
]

/** Set to 1 in that network. */
export const OWN_NETWORK = 'CONSUMERS_OWN_NETWORK'

/**
 * Starts a world at the real hosts' port, under a certificate for their names. Throws if these
 * names may lead to the real hosts.
 */
export async function startRealWorld(): Promise<World> {
  if (process.env[OWN_NETWORK] !== '1')
    throw new Error('These tests want a network of their own: npm run test:consumers')
  return startWorld({ tls: true, hostNames: REAL_HOSTS, stsPort: 443 })
}
