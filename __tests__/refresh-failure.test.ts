import { expect, test } from '@jest/globals'
import { OidcTokenError } from '../src/identity/oidc-token.js'
import { RetriesExhaustedError } from '../src/net/retry.js'
import { explainFailure, RenewalTimeoutError } from '../src/refresh/mint.js'
import { AssumeRoleError } from '../src/sts/role-chain.js'
import { StsError } from '../src/sts/sts-error.js'

const denial = new StsError({
  call: 'AssumeRole',
  code: 'NoPermission',
  reason: 'You are not authorized',
  status: 403,
  host: 'sts.aliyuncs.com',
  requestId: 'R-1',
  recommend: undefined,
  accessDeniedDetail: undefined,
  clockSkewMs: undefined,
  retryAfterMs: undefined,
})
const exhausted = new RetriesExhaustedError('AssumeRole', 5, 60_000, 'attempts', ['five'], denial)
const ofRole = (cause: unknown): unknown =>
  new AssumeRoleError('acs:ram::1234567890123456:role/deploy', 1, 1, undefined, cause)

test.each([
  ['a denial', ofRole(denial), 'NoPermission', false],
  ['attempts that ran out', ofRole(exhausted), 'NoPermission', true],
  ['a renewal that hangs', new RenewalTimeoutError(['no end']), 'renewal-timeout', true],
  ['a token file that is gone', new OidcTokenError('token-file', ['gone']), 'token-file', false],
  ['what nobody foresaw', new TypeError('x is not a function'), 'RenewalFailed', false],
])('%s', (_, failure, code, transient) => {
  expect(explainFailure(failure, [])).toMatchObject({ code, transient })
})
