/** The network that the tests run in, and what they need of it. */

/** Set to 1 where the tests have a network of their own, in which the real hosts' names lead to 127.0.0.1. */
export const NETWORK_VARIABLE = 'CONSUMERS_OWN_NETWORK'

/** Hosts that programs call by themselves: the SDKs with an OIDC token, Terraform to assume a role. */
export const REAL_HOSTS = ['sts.aliyuncs.com', 'sts.cn-hangzhou.aliyuncs.com', 'location-readonly.aliyuncs.com']

export const hasOwnNetwork = (): boolean => process.env[NETWORK_VARIABLE] === '1'
