import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import OpenApiV1 from '@alicloud/openapi-client'
import { $OpenApiUtil } from '@alicloud/openapi-core'
import StsV3, { AssumeRoleRequest, AssumeRoleWithOIDCRequest } from '@alicloud/sts20150401'
import StsV1, {
  AssumeRoleRequest as AssumeRoleRequestV1,
  AssumeRoleWithOIDCRequest as AssumeRoleWithOIDCRequestV1,
} from 'sts-v1'

import { ALIYUN_STS_ASSUME_ROLE_ACCESS, trustOfOidc, trustOfRam } from '../stand-in/policy.js'
import {
  acs3CanonicalRequest,
  acs3Signature,
  headersToSign,
  sha256Hex,
  v1Signature,
  v1StringToSign,
} from '../stand-in/signature.js'
import { startStandIn } from '../stand-in/stand-in.js'
import type { StandIn } from '../stand-in/stand-in.js'

const ACCOUNT = '1234567890123456'
const USER = { accessKeyId: 'LTAI5tUser', accessKeySecret: 'user+/secret=' }
const ROOT = { accessKeyId: 'LTAI5tRoot', accessKeySecret: 'root-secret' }
const USER_ARN = `acs:ram::${ACCOUNT}:user/ci`
const ROLE = `acs:ram::${ACCOUNT}:role/deploy`
const NEXT_ROLE = `acs:ram::${ACCOUNT}:role/next`
const OIDC_ROLE = `acs:ram::${ACCOUNT}:role/oidc`
const PROVIDER = `acs:ram::${ACCOUNT}:oidc-provider/github`

interface Key {
  readonly accessKeyId: string
  readonly accessKeySecret: string
  readonly securityToken?: string
}

interface AssumeInput {
  roleArn?: string
  roleSessionName?: string
  durationSeconds?: number
  policy?: string
  externalId?: string
  sourceIdentity?: string
}

interface OidcInput {
  OIDCToken: string
  OIDCProviderArn?: string
  roleArn?: string
  roleSessionName?: string
}

let standIn: StandIn

beforeEach(async () => {
  // The clock stands still, so that sessions and tokens end when the test says so; clients sign by
  // their own.
  const start = Date.now()
  standIn = await startStandIn({
    clock: () => start,
    ram: {
      users: [{ name: 'ci', accessKey: USER, policies: [ALIYUN_STS_ASSUME_ROLE_ACCESS] }],
      rootKeys: [{ accessKey: ROOT }],
      roles: [
        {
          name: 'deploy',
          roleId: '300000000000000001',
          maxSessionDuration: 7200,
          policies: [ALIYUN_STS_ASSUME_ROLE_ACCESS],
        },
        { name: 'next' },
        {
          name: 'oidc',
          trustPolicy: trustOfOidc(PROVIDER, { StringLike: { 'oidc:sub': 'repo:octo-org/octo-repo:*' } }),
        },
      ],
      oidcProviders: [
        {
          name: 'github',
          issuer: 'https://token.actions.githubusercontent.com',
          clientIds: ['sts.aliyuncs.com'],
        },
      ],
    },
  })
})

afterEach(async () => {
  await standIn.close()
})

/** The two generations of the vendor's client; what they share is all that is used here. */
const ACS3 = {
  name: 'the SDK that signs ACS3',
  make: (key: Key) => {
    const client = new StsV3.default(
      new $OpenApiUtil.Config({ ...key, endpoint: standIn.sts.host, protocol: 'HTTP' }),
    )
    return {
      assumeRole: async (input: AssumeInput = {}) =>
        (await client.assumeRole(new AssumeRoleRequest({ roleArn: ROLE, roleSessionName: 'sess', ...input })))
          .body,
      assumeRoleWithOidc: async (input: OidcInput) =>
        (
          await client.assumeRoleWithOIDC(
            new AssumeRoleWithOIDCRequest({
              roleArn: OIDC_ROLE,
              OIDCProviderArn: PROVIDER,
              roleSessionName: 'sess',
              ...input,
            }),
          )
        ).body,
      getCallerIdentity: async () => (await client.getCallerIdentity()).body,
    }
  },
}

const V1 = {
  name: 'the SDK that signs version 1.0',
  make: (key: Key) => {
    const client = new StsV1.default(
      new OpenApiV1.Config({ ...key, endpoint: standIn.sts.host, protocol: 'HTTP' }),
    )
    return {
      assumeRole: async (input: AssumeInput = {}) =>
        (
          await client.assumeRole(
            new AssumeRoleRequestV1({ roleArn: ROLE, roleSessionName: 'sess', ...input }),
          )
        ).body,
      assumeRoleWithOidc: async (input: OidcInput) =>
        (
          await client.assumeRoleWithOIDC(
            new AssumeRoleWithOIDCRequestV1({
              roleArn: OIDC_ROLE,
              OIDCProviderArn: PROVIDER,
              roleSessionName: 'sess',
              ...input,
            }),
          )
        ).body,
      getCallerIdentity: async () => (await client.getCallerIdentity()).body,
    }
  },
}

type Client = ReturnType<(typeof ACS3 | typeof V1)['make']>

/** The key of a session that a client got, ready to make the next client of. */
function sessionKey(body: { readonly credentials?: Partial<Key> } | undefined): Required<Key> {
  const { accessKeyId = '', accessKeySecret = '', securityToken = '' } = body?.credentials ?? {}
  return { accessKeyId, accessKeySecret, securityToken }
}

function refusedWith(code: string) {
  return expect.objectContaining({ code })
}

describe.each([ACS3, V1])('$name', ({ make }) => {
  test('assumes a role, and the next role with the session', async () => {
    const body = await make(USER).assumeRole({ durationSeconds: 7200 })
    expect(body).toMatchObject({
      requestId: expect.stringMatching(/^[0-9A-F-]{36}$/),
      assumedRoleUser: { arn: `${ROLE}/sess`, assumedRoleId: '300000000000000001:sess' },
      credentials: {
        accessKeyId: expect.stringMatching(/^STS\.[A-Za-z0-9]{24}$/),
        accessKeySecret: expect.stringMatching(/^[A-Za-z0-9]{44}$/),
        securityToken: expect.stringMatching(/^CAIS.*\+\/.*=$/),
        expiration: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      },
    })
    const session = make(sessionKey(body))
    expect(await session.getCallerIdentity()).toMatchObject({
      identityType: 'AssumedRoleUser',
      arn: `acs:ram::${ACCOUNT}:assumed-role/deploy/sess`,
      principalId: '300000000000000001:sess',
      roleId: '300000000000000001',
      accountId: ACCOUNT,
    })
    const next = make(sessionKey(await session.assumeRole({ roleArn: NEXT_ROLE, roleSessionName: 'sess2' })))
    expect(await next.getCallerIdentity()).toMatchObject({
      arn: `acs:ram::${ACCOUNT}:assumed-role/next/sess2`,
    })

    expect(standIn.assumptions).toMatchObject([
      {
        action: 'AssumeRole',
        roleArn: ROLE,
        durationSeconds: 7200,
        signer: USER.accessKeyId,
        caller: USER_ARN,
      },
      {
        roleArn: NEXT_ROLE,
        roleSessionName: 'sess2',
        durationSeconds: 3600,
        signer: sessionKey(body).accessKeyId,
        caller: `acs:ram::${ACCOUNT}:assumed-role/deploy/sess`,
      },
    ])
    expect(
      standIn.requests.map(({ action, status, caller }) => [action, status, caller?.split(':')[4]]),
    ).toEqual([
      ['AssumeRole', 200, 'user/ci'],
      ['GetCallerIdentity', 200, 'assumed-role/deploy/sess'],
      ['AssumeRole', 200, 'assumed-role/deploy/sess'],
      ['GetCallerIdentity', 200, 'assumed-role/next/sess2'],
    ])
  })

  test('learns its identity from GetCallerIdentity', async () => {
    expect(await make(USER).getCallerIdentity()).toMatchObject({
      identityType: 'RAMUser',
      arn: USER_ARN,
      accountId: ACCOUNT,
    })
    expect(await make(ROOT).getCallerIdentity()).toMatchObject({
      identityType: 'Account',
      accountId: ACCOUNT,
    })
  })

  test('assumes a role with an OIDC token', async () => {
    const token = await standIn.issuer.mint({ aud: 'sts.aliyuncs.com' })
    const body = await make(USER).assumeRoleWithOidc({ OIDCToken: token })
    expect(body).toMatchObject({
      assumedRoleUser: { arn: `${OIDC_ROLE}/sess` },
      OIDCTokenInfo: {
        subject: 'repo:octo-org/octo-repo:ref:refs/heads/main',
        issuer: 'https://token.actions.githubusercontent.com',
        clientIds: 'sts.aliyuncs.com',
        verificationInfo: 'Success',
      },
    })
    expect(await make(sessionKey(body)).getCallerIdentity()).toMatchObject({
      arn: `acs:ram::${ACCOUNT}:assumed-role/oidc/sess`,
    })
    expect(standIn.requests[0]?.query.OIDCToken).toBe(token)
    expect(standIn.assumptions).toMatchObject([
      {
        action: 'AssumeRoleWithOIDC',
        signer: undefined,
        caller: 'repo:octo-org/octo-repo:ref:refs/heads/main',
      },
    ])
  })

  test('is rejected if its key is wrong', async () => {
    await expect(make({ ...USER, accessKeySecret: 'wrong' }).getCallerIdentity()).rejects.toEqual(
      refusedWith('SignatureDoesNotMatch'),
    )
    await expect(make({ ...USER, accessKeyId: 'LTAI5tNobody' }).getCallerIdentity()).rejects.toEqual(
      refusedWith('InvalidAccessKeyId.NotFound'),
    )
    standIn.ram.setAccessKeyStatus(USER.accessKeyId, 'Inactive')
    await expect(make(USER).getCallerIdentity()).rejects.toEqual(refusedWith('InvalidAccessKeyId.Inactive'))
    standIn.ram.setAccessKeyStatus(USER.accessKeyId, 'Active')
    await expect(make(USER).getCallerIdentity()).resolves.toBeDefined()
    expect(standIn.requests.map(({ code, accessKeyId, caller }) => [code, accessKeyId, caller])).toEqual([
      ['SignatureDoesNotMatch', USER.accessKeyId, undefined],
      ['InvalidAccessKeyId.NotFound', 'LTAI5tNobody', undefined],
      ['InvalidAccessKeyId.Inactive', USER.accessKeyId, undefined],
      [undefined, USER.accessKeyId, USER_ARN],
    ])
  })

  test('is rejected if its security token is wrong', async () => {
    const key = sessionKey(await make(USER).assumeRole())
    const other = sessionKey(await make(USER).assumeRole())
    const { accessKeyId, accessKeySecret } = key
    await expect(make({ accessKeyId, accessKeySecret }).getCallerIdentity()).rejects.toEqual(
      refusedWith('MissingSecurityToken'),
    )
    await expect(make({ ...key, securityToken: other.securityToken }).getCallerIdentity()).rejects.toEqual(
      refusedWith('InvalidSecurityToken.MismatchWithAccessKey'),
    )
    await expect(make({ ...USER, securityToken: key.securityToken }).getCallerIdentity()).rejects.toEqual(
      refusedWith('InvalidSecurityToken.MismatchWithAccessKey'),
    )
    await expect(
      make({ ...key, securityToken: key.securityToken.slice(1) }).getCallerIdentity(),
    ).rejects.toEqual(refusedWith('InvalidSecurityToken.Malformed'))
    standIn.advanceClock(3599)
    await expect(make(key).getCallerIdentity()).resolves.toBeDefined()
    standIn.advanceClock(1)
    await expect(make(key).getCallerIdentity()).rejects.toEqual(refusedWith('InvalidSecurityToken.Expired'))
  })

  test('is rejected if its clock is wrong', async () => {
    standIn.setClockSkew(1000)
    await expect(make(USER).getCallerIdentity()).rejects.toEqual(refusedWith('InvalidTimeStamp.Expired'))
    standIn.setClockSkew(-1000)
    await expect(make(USER).getCallerIdentity()).rejects.toEqual(refusedWith('InvalidTimeStamp.Expired'))
    standIn.setClockSkew(800)
    await expect(make(USER).getCallerIdentity()).resolves.toBeDefined()
  })

  test('gets the reason for a denial', async () => {
    standIn.ram.detachUserPolicies(USER_ARN)
    await expect(make(USER).assumeRole()).rejects.toEqual(
      expect.objectContaining({
        code: 'NoPermission',
        message: expect.stringMatching(
          /code: 403, You are not authorized to do this action. You should be authorized by RAM. request id: /,
        ),
        accessDeniedDetail: expect.objectContaining({
          AuthAction: 'sts:AssumeRole',
          NoPermissionType: 'ImplicitDeny',
        }),
      }),
    )
  })
})

describe('AssumeRole', () => {
  function client(key: Key = USER): Client {
    return ACS3.make(key)
  }

  test.each([
    [{ roleArn: 'acs:ram::1:role/' }, 'InvalidParameter.RoleArn'],
    [{ roleArn: 'arn:aws:iam::1:role/x' }, 'InvalidParameter.RoleArn'],
    [{ roleArn: `${ROLE} ` }, 'InvalidParameter.RoleArn'],
    [{ roleArn: `acs:ram::1:role/${'r'.repeat(65)}` }, 'InvalidParameter.RoleArn'],
    [{ roleArn: `${ROLE}s` }, 'EntityNotExist.Role'],
    [{ roleSessionName: 'a' }, 'InvalidParameter.RoleSessionName'],
    [{ roleSessionName: 'a'.repeat(65) }, 'InvalidParameter.RoleSessionName'],
    [{ roleSessionName: 'a b' }, 'InvalidParameter.RoleSessionName'],
    [{ roleSessionName: 'a/b' }, 'InvalidParameter.RoleSessionName'],
    [{ durationSeconds: 899 }, 'InvalidParameter.DurationSeconds'],
    [{ durationSeconds: 7201 }, 'InvalidParameter.DurationSeconds'],
    [{ durationSeconds: 3600.5 }, 'InvalidParameter.DurationSeconds'],
    [{ durationSeconds: -900 }, 'InvalidParameter.DurationSeconds'],
    [{ policy: '{' }, 'InvalidParameter.PolicyGrammar'],
    [{ policy: '{"Version":"1","Statement":[]}' }, 'InvalidParameter.PolicyGrammar'],
    [{ policy: JSON.stringify(ALIYUN_STS_ASSUME_ROLE_ACCESS).padEnd(2049) }, 'InvalidParameter.PolicySize'],
    [{ externalId: 'x' }, 'InvalidParameter.ExternalId'],
    [{ externalId: 'a b' }, 'InvalidParameter.ExternalId'],
    [{ externalId: 'x'.repeat(1225) }, 'InvalidParameter.ExternalId'],
    [{ sourceIdentity: 'acs:alice' }, 'InvalidParameter.SourceIdentity'],
    [{ sourceIdentity: 'a' }, 'InvalidParameter.SourceIdentity'],
  ])('refuses %j', async (input, code) => {
    await expect(client().assumeRole(input)).rejects.toEqual(refusedWith(code))
    expect(standIn.assumptions).toEqual([])
  })

  test.each([
    { roleSessionName: 'ab' },
    { roleSessionName: `${'a'.repeat(60)}.@-_` },
    { durationSeconds: 900 },
    { policy: JSON.stringify(ALIYUN_STS_ASSUME_ROLE_ACCESS).padEnd(2048) },
    { externalId: 'x+=,.@:/-_'.repeat(122) },
    { sourceIdentity: 'a+=,.@-_z' },
  ])('takes %j', async (input) => {
    await expect(client().assumeRole(input)).resolves.toBeDefined()
    expect(standIn.assumptions).toMatchObject([input])
  })

  test('rejects the root account as a caller', async () => {
    await expect(client(ROOT).assumeRole()).rejects.toEqual(
      expect.objectContaining({
        code: 'NoPermission',
        message: expect.stringContaining('Roles may not be assumed by root accounts.'),
      }),
    )
  })

  test('requires the trust of the role', async () => {
    standIn.ram.setTrustPolicy(ROLE, trustOfRam([`acs:ram::${ACCOUNT}:user/other`]))
    await expect(client().assumeRole()).rejects.toEqual(
      expect.objectContaining({
        code: 'NoPermission',
        accessDeniedDetail: expect.objectContaining({ PolicyType: 'AssumeRolePolicy' }),
      }),
    )
    standIn.ram.setTrustPolicy(ROLE, JSON.stringify(trustOfRam([USER_ARN])))
    await expect(client().assumeRole()).resolves.toBeDefined()
  })

  test("requires the external ID in the role's trust policy", async () => {
    standIn.ram.setTrustPolicy(ROLE, trustOfRam([USER_ARN], { StringEquals: { 'sts:ExternalId': 'abc' } }))
    await expect(client().assumeRole()).rejects.toEqual(refusedWith('NoPermission'))
    await expect(client().assumeRole({ externalId: 'abd' })).rejects.toEqual(refusedWith('NoPermission'))
    await expect(client().assumeRole({ externalId: 'abc' })).resolves.toBeDefined()
    expect(standIn.assumptions).toMatchObject([{ externalId: 'abc' }])
  })

  test('across accounts requires permission on both sides', async () => {
    const { accessKey } = standIn.ram.addUser({
      name: 'ci',
      accountId: '2',
      policies: [ALIYUN_STS_ASSUME_ROLE_ACCESS],
    })
    await expect(client(accessKey).assumeRole()).rejects.toEqual(refusedWith('NoPermission'))
    standIn.ram.setTrustPolicy(ROLE, trustOfRam(['acs:ram::2:root']))
    await expect(client(accessKey).assumeRole()).resolves.toBeDefined()
  })

  test('in a chain requires a permission of the first role, and the trust of the second', async () => {
    const session = client(sessionKey(await client().assumeRole()))
    standIn.ram.setTrustPolicy(NEXT_ROLE, trustOfRam([USER_ARN]))
    await expect(session.assumeRole({ roleArn: NEXT_ROLE })).rejects.toEqual(refusedWith('NoPermission'))
    standIn.ram.setTrustPolicy(NEXT_ROLE, trustOfRam([ROLE]))
    await expect(session.assumeRole({ roleArn: NEXT_ROLE })).resolves.toBeDefined()
    standIn.ram.detachRolePolicies(ROLE)
    await expect(session.assumeRole({ roleArn: NEXT_ROLE })).rejects.toEqual(refusedWith('NoPermission'))
    standIn.ram.attachRolePolicy(ROLE, {
      Version: '1',
      Statement: [{ Effect: 'Allow', Action: 'sts:*', Resource: NEXT_ROLE }],
    })
    await expect(session.assumeRole({ roleArn: NEXT_ROLE })).resolves.toBeDefined()
  })

  test('in a chain is limited by the session policy', async () => {
    const policy = (resource: string) =>
      JSON.stringify({
        Version: '1',
        Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: resource }],
      })
    const narrow = client(sessionKey(await client().assumeRole({ policy: policy('acs:oss:*:*:*') })))
    await expect(narrow.assumeRole({ roleArn: NEXT_ROLE })).rejects.toEqual(refusedWith('NoPermission'))
    const wide = client(sessionKey(await client().assumeRole({ policy: policy(NEXT_ROLE) })))
    await expect(wide.assumeRole({ roleArn: NEXT_ROLE })).resolves.toBeDefined()
    standIn.ram.detachRolePolicies(ROLE)
    await expect(wide.assumeRole({ roleArn: NEXT_ROLE })).rejects.toEqual(refusedWith('NoPermission'))
  })

  test('in a chain keeps the source identity', async () => {
    const session = client(sessionKey(await client().assumeRole({ sourceIdentity: 'alice' })))
    await expect(session.assumeRole({ roleArn: NEXT_ROLE, sourceIdentity: 'bob' })).rejects.toEqual(
      refusedWith('InvalidParameter.SourceIdentity'),
    )
    await expect(session.assumeRole({ roleArn: NEXT_ROLE })).resolves.toMatchObject({
      sourceIdentity: 'alice',
    })
    await expect(session.assumeRole({ roleArn: NEXT_ROLE, sourceIdentity: 'alice' })).resolves.toMatchObject({
      sourceIdentity: 'alice',
    })
  })

  test('has a short cut for tests that need a temporary key', async () => {
    const issued = standIn.issueSession({ roleArn: ROLE, roleSessionName: 'runner', durationSeconds: 60 })
    expect(await client(issued).getCallerIdentity()).toMatchObject({
      arn: `acs:ram::${ACCOUNT}:assumed-role/deploy/runner`,
    })
    expect(() => standIn.issueSession({ roleArn: `${ROLE}s`, roleSessionName: 'runner' })).toThrow(
      `There is no role ${ROLE}s`,
    )
    standIn.advanceClock(60)
    await expect(client(issued).getCallerIdentity()).rejects.toEqual(
      refusedWith('InvalidSecurityToken.Expired'),
    )
  })
})

interface WireAnswer {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, unknown>
}

async function send(url: string, init: RequestInit): Promise<WireAnswer> {
  const response = await fetch(url, init)
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  }
}

describe('AssumeRoleWithOIDC', () => {
  function assume(form: Record<string, string | undefined>): Promise<WireAnswer> {
    const all = {
      Action: 'AssumeRoleWithOIDC',
      Version: '2015-04-01',
      RoleArn: OIDC_ROLE,
      OIDCProviderArn: PROVIDER,
      RoleSessionName: 'sess',
      ...form,
    }
    const given = Object.entries(all).filter(
      (entry: [string, string | undefined]): entry is [string, string] => entry[1] !== undefined,
    )
    return send(standIn.sts.url, { method: 'POST', body: new URLSearchParams(given) })
  }
  const good = { aud: 'sts.aliyuncs.com' }

  test('accepts the token in a form body', async () => {
    expect(await assume({ OIDCToken: await standIn.issuer.mint(good) })).toMatchObject({
      status: 200,
      body: {
        Credentials: { AccessKeyId: expect.stringMatching(/^STS\./) },
        OIDCTokenInfo: { VerificationInfo: 'Success' },
      },
    })
    expect(standIn.requests[0]).toMatchObject({
      action: 'AssumeRoleWithOIDC',
      query: {},
      form: { RoleArn: OIDC_ROLE },
      accessKeyId: undefined,
    })
  })

  test.each([
    [{ aud: 'other' }, {}, 'AuthenticationFail.OIDCToken.AudienceNotMatch', 'Invalid audience.'],
    [{ ...good, iss: 'https://elsewhere' }, {}, 'AuthenticationFail.OIDCToken.IssuerNotMatch', undefined],
    [{ ...good, exp: 1 }, {}, 'AuthenticationFail.OIDCToken.Expired', 'This JsonWebToken is expired.'],
    [{ ...good, exp: undefined }, {}, 'AuthenticationFail.OIDCToken.Invalid', undefined],
    [{ ...good, nbf: 9_999_999_999 }, {}, 'AuthenticationFail.OIDCToken.Invalid', undefined],
    [good, { stranger: true }, 'AuthenticationFail.OIDCToken.InvalidSignature', undefined],
    [
      { ...good, sub: 'repo:octo-org@65/octo-repo@74:ref:refs/heads/main' },
      {},
      'AuthenticationFail.NoPermission',
      'There is no permission',
    ],
  ])('refuses a token of %j %j', async (claims, options, code, message) => {
    expect(await assume({ OIDCToken: await standIn.issuer.mint(claims, options) })).toMatchObject({
      status: 401,
      body: { Code: code, ...(message === undefined ? {} : { Message: message }) },
    })
  })

  test('rejects a token after five minutes', async () => {
    const token = await standIn.issuer.mint(good)
    standIn.advanceClock(299)
    expect(await assume({ OIDCToken: token })).toMatchObject({ status: 200 })
    standIn.advanceClock(1)
    expect(await assume({ OIDCToken: token })).toMatchObject({
      body: { Code: 'AuthenticationFail.OIDCToken.Expired' },
    })
    expect(await assume({ OIDCToken: await standIn.issuer.mint(good) })).toMatchObject({ status: 200 })
  })

  test('rejects what is not a token', async () => {
    const [header, payload] = (await standIn.issuer.mint(good)).split('.')
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload ?? ''}.`
    for (const [token, code] of [
      ['not-a-token', 'AuthenticationFail.OIDCToken.Invalid'],
      [unsigned, 'AuthenticationFail.OIDCToken.Invalid'],
      [`${header ?? ''}.${payload ?? ''}.AAAA`, 'AuthenticationFail.OIDCToken.InvalidSignature'],
      ['abc', 'InvalidParameter.OIDCToken'],
      ['a'.repeat(20001), 'InvalidParameter.OIDCToken'],
      [undefined, 'MissingOIDCToken'],
    ] as const) {
      expect(await assume({ OIDCToken: token })).toMatchObject({ body: { Code: code } })
    }
  })

  test('names providers and roles that do not exist', async () => {
    const OIDCToken = await standIn.issuer.mint(good)
    expect(await assume({ OIDCToken, OIDCProviderArn: `${PROVIDER}s` })).toMatchObject({
      status: 401,
      body: { Code: 'AuthenticationFail.NoPermission', Message: 'No such OIDC Provider registered.' },
    })
    expect(await assume({ OIDCToken, RoleArn: `${OIDC_ROLE}s` })).toMatchObject({
      status: 404,
      body: { Code: 'EntityNotExist.Role' },
    })
    expect(await assume({ OIDCToken, RoleArn: ROLE })).toMatchObject({
      status: 401,
      body: { Code: 'AuthenticationFail.NoPermission' },
    })
    standIn.ram.addOidcProvider({
      name: 'own',
      issuer: 'https://unreachable',
      clientIds: ['sts.aliyuncs.com'],
    })
    expect(
      await assume({
        OIDCToken: await standIn.issuer.mint({ ...good, iss: 'https://unreachable' }),
        OIDCProviderArn: `acs:ram::${ACCOUNT}:oidc-provider/own`,
      }),
    ).toMatchObject({ body: { Code: 'AuthenticationFail.OIDCToken.IssuerConfigurationBroken' } })
  })

  test('accepts a token in a query of more than 16 KiB', async () => {
    const token = await standIn.issuer.mint({ ...good, filler: 'x'.repeat(11_500) })
    expect(token.length).toBeGreaterThan(16 * 1024)
    const query = new URLSearchParams({
      Action: 'AssumeRoleWithOIDC',
      Version: '2015-04-01',
      RoleArn: OIDC_ROLE,
      OIDCProviderArn: PROVIDER,
      RoleSessionName: 'sess',
      OIDCToken: token,
    })
    expect(await send(`${standIn.sts.url}/?${query.toString()}`, {})).toMatchObject({ status: 200 })
  })
})

describe('requests and responses', () => {
  function acs3(
    query: string,
    body = '',
    overrides: Record<string, string> = {},
  ): { url: string; init: RequestInit } {
    const headers: Record<string, string> = {
      host: standIn.sts.host,
      'x-acs-action': 'GetCallerIdentity',
      'x-acs-version': '2015-04-01',
      'x-acs-date': new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
      'x-acs-signature-nonce': crypto.randomUUID(),
      'x-acs-content-sha256': sha256Hex(body),
      'content-type': 'application/x-www-form-urlencoded',
      ...overrides,
    }
    const signed = headersToSign(headers)
    const canonical = acs3CanonicalRequest(
      {
        method: 'POST',
        path: '/',
        query: [...new URLSearchParams(query)],
        headers,
        bodyHash: sha256Hex(body),
      },
      signed,
    )
    const signature = acs3Signature(canonical, USER.accessKeySecret)
    headers.authorization = `ACS3-HMAC-SHA256 Credential=${USER.accessKeyId},SignedHeaders=${signed.join(';')},Signature=${signature}`
    return { url: `${standIn.sts.url}/?${query}`, init: { method: 'POST', headers, body } }
  }

  function v1(overrides: Record<string, string> = {}, method = 'GET'): URLSearchParams {
    const parameters = new URLSearchParams({
      Action: 'GetCallerIdentity',
      Version: '2015-04-01',
      AccessKeyId: USER.accessKeyId,
      SignatureMethod: 'HMAC-SHA1',
      SignatureVersion: '1.0',
      SignatureNonce: crypto.randomUUID(),
      Timestamp: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
      ...overrides,
    })
    parameters.set('Signature', v1Signature(v1StringToSign(method, [...parameters]), USER.accessKeySecret))
    return parameters
  }

  test('a form body is signed with the rest', async () => {
    const { url, init } = acs3('Odd=%2B!%27()*', 'RoleArn=x')
    expect(await send(url, init)).toMatchObject({ status: 200, body: { IdentityType: 'RAMUser' } })
  })

  test('no part of a signed request can be changed', async () => {
    for (const tamper of [
      ({ url, init }: ReturnType<typeof acs3>) => send(`${url}&More=1`, init),
      ({ url, init }: ReturnType<typeof acs3>) => send(url, { ...init, body: 'RoleArn=y' }),
      ({ url, init }: ReturnType<typeof acs3>) =>
        send(url, { ...init, headers: { ...(init.headers as object), 'x-acs-action': 'AssumeRole' } }),
      ({ url, init }: ReturnType<typeof acs3>) =>
        send(url, { ...init, headers: { ...(init.headers as object), 'x-acs-more': 'unsigned' } }),
      ({ url, init }: ReturnType<typeof acs3>) =>
        send(url, { ...init, headers: { ...(init.headers as object), 'content-type': 'text/plain' } }),
    ]) {
      expect(await tamper(acs3('A=1', 'RoleArn=x'))).toMatchObject({
        status: 400,
        body: { Code: 'SignatureDoesNotMatch' },
      })
    }
    const untrue = acs3('', 'RoleArn=x', { 'x-acs-content-sha256': sha256Hex('') })
    expect(await send(untrue.url, untrue.init)).toMatchObject({
      status: 400,
      body: { Code: 'SignatureDoesNotMatch' },
    })
    const parameters = v1()
    parameters.set('More', '1')
    expect(await send(`${standIn.sts.url}/?${parameters.toString()}`, {})).toMatchObject({
      body: {
        Code: 'SignatureDoesNotMatch',
        Message: expect.stringContaining('server string to sign is:GET&%2F&AccessKeyId'),
      },
    })
  })

  test('a nonce is accepted once', async () => {
    const { url, init } = acs3('')
    expect(await send(url, init)).toMatchObject({ status: 200 })
    expect(await send(url, init)).toMatchObject({ status: 400, body: { Code: 'SignatureNonceUsed' } })
    const parameters = v1().toString()
    expect(await send(`${standIn.sts.url}/?${parameters}`, {})).toMatchObject({ status: 200 })
    expect(await send(`${standIn.sts.url}/?${parameters}`, {})).toMatchObject({
      status: 400,
      body: { Code: 'SignatureNonceUsed' },
    })
  })

  test('a nonce is used up even if a fault answered the request', async () => {
    const { url, init } = acs3('')
    standIn.sts.failNext({ kind: 'response', status: 500, body: '{}' })
    expect(await send(url, init)).toMatchObject({ status: 500 })
    expect(await send(url, init)).toMatchObject({ body: { Code: 'SignatureNonceUsed' } })
  })

  test('a request with signature version 1.0 may be a form', async () => {
    expect(await send(standIn.sts.url, { method: 'POST', body: v1({}, 'POST') })).toMatchObject({
      status: 200,
    })
  })

  test.each([
    ['Version', 'MissingVersion'],
    ['Action', 'InvalidApi.NotFound'],
    ['AccessKeyId', 'MissingAccessKeyId'],
    ['Signature', 'MissingSignature'],
    ['SignatureNonce', 'MissingSignatureNonce'],
    ['Timestamp', 'MissingTimestamp'],
  ])('a request without %s gets %s', async (name, code) => {
    const parameters = v1()
    parameters.delete(name)
    expect(await send(`${standIn.sts.url}/?${parameters.toString()}`, {})).toMatchObject({
      body: { Code: code },
    })
  })

  test.each([
    [{ Action: 'assumeRole' }, 'InvalidApi.NotFound'],
    [{ Version: '2015-04-02' }, 'InvalidVersion'],
    [{ Timestamp: '2026-01-02 03:04:05' }, 'InvalidTimeStamp.Format'],
    [{ Timestamp: '2026-13-02T03:04:05Z' }, 'InvalidTimeStamp.Format'],
    [{ Timestamp: '2001-01-02T03:04:05Z' }, 'InvalidTimeStamp.Expired'],
    [{ SignatureMethod: 'HMAC-SHA256' }, 'InvalidParameter.SignatureMethod'],
    [{ Action: 'AssumeRole', RoleArn: ROLE }, 'MissingRoleSessionName'],
  ])('a request of %j gets %s', async (overrides, code) => {
    expect(await send(`${standIn.sts.url}/?${v1(overrides).toString()}`, {})).toMatchObject({
      body: { Code: code },
    })
  })

  test('a bearer token is not accepted as a signature', async () => {
    const { url, init } = acs3('')
    expect(
      await send(url, { ...init, headers: { ...(init.headers as object), authorization: 'Bearer x' } }),
    ).toMatchObject({
      body: { Code: 'IncompleteSignature' },
    })
  })

  test('an error has the shape of those of STS', async () => {
    const answer = await send(`${standIn.sts.url}/elsewhere?${v1().toString()}`, {})
    const requestId = answer.headers.get('x-acs-request-id') ?? ''
    expect(answer.status).toBe(404)
    expect(answer.body).toEqual({
      RequestId: requestId,
      HostId: 'sts.aliyuncs.com',
      Code: 'InvalidApi.NotFound',
      Message: 'Specified api is not found, please check your url and method.',
      Recommend: `https://api.aliyun.com/troubleshoot?q=InvalidApi.NotFound&product=Sts&requestId=${requestId}`,
    })
    expect(standIn.requests[0]).toMatchObject({ status: 404, code: 'InvalidApi.NotFound', requestId })
  })

  test('a chunked body is read like any other', async () => {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(v1({}, 'POST').toString()))
        controller.close()
      },
    })
    const init = {
      method: 'POST',
      body,
      duplex: 'half',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    } as RequestInit
    expect(await send(standIn.sts.url, init)).toMatchObject({ status: 200 })
    expect(standIn.requests[0]?.headers['transfer-encoding']).toBe('chunked')
  })
})

describe('RAM', () => {
  test.each([
    () => standIn.ram.addUser({ name: 'ci' }),
    () => standIn.ram.addUser({ name: 'with space' }),
    () => standIn.ram.addUser({ name: 'cd', policies: ['{'] }),
    () => standIn.ram.addAccessKey(USER_ARN, USER),
    () => standIn.ram.addAccessKey(USER_ARN, { accessKeyId: 'STS.x', accessKeySecret: 'y' }),
    () => standIn.ram.addAccessKey(`${USER_ARN}s`),
    () => standIn.ram.addRole({ name: 'deploy' }),
    () => standIn.ram.addRole({ name: 'long', maxSessionDuration: 43201 }),
    () => standIn.ram.addRole({ name: 'bad', trustPolicy: { Version: '1' } }),
    () => {
      standIn.ram.setTrustPolicy(ROLE, '{}')
    },
    () => {
      standIn.ram.setTrustPolicy(`${ROLE}s`, trustOfRam([USER_ARN]))
    },
    () => {
      standIn.ram.setAccessKeyStatus('LTAI5tNobody', 'Active')
    },
  ])('refuses what does not fit (%#)', (change) => {
    expect(change).toThrow()
  })

  test('a user may have two keys', async () => {
    const key = standIn.ram.addAccessKey(USER_ARN)
    expect(await ACS3.make(key).getCallerIdentity()).toMatchObject({ arn: USER_ARN })
  })
})
