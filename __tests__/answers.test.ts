import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { assertNotExpired, temporaryKey, utcTime } from '../src/identity/session-fields.js'
import type { HttpAnswer } from '../src/net/request.js'
import { assumedRole, callerIdentity, successOf, type AssumedRole } from '../src/sts/answers.js'
import { jsonObject, type Json } from '../src/net/json.js'

const ROLE = 'acs:ram::1234567890123456:role/Deploy_1'
const NOW = '2026-01-02T03:04:05Z'

const SESSION = {
  RequestId: 'R-1',
  AssumedRoleUser: { Arn: `${ROLE}/session`, AssumedRoleId: '1:session' },
  Credentials: {
    AccessKeyId: 'STS.id',
    AccessKeySecret: 'secret',
    SecurityToken: 'token',
    Expiration: '2026-01-02T04:04:05Z',
  },
}

function answer(body: unknown, status = 200, date = NOW): HttpAnswer {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return {
    status,
    body: text,
    headers: { date: new Date(date).toUTCString() },
    host: 'sts.example',
    proxy: undefined,
  }
}

function success(given: HttpAnswer): Json {
  return successOf('AssumeRole', given, jsonObject(given.body), [])
}

/** What an answer comes to: the session, or the code of its error. */
function outcomeOf(body: unknown, status = 200, date = NOW): AssumedRole | string {
  const given = answer(body, status, date)
  try {
    return assumedRole('AssumeRole', ROLE, success(given), given, () => undefined)
  } catch (failure) {
    return (failure as { code: string }).code
  }
}

const withCredentials = (fields: object): unknown => ({
  ...SESSION,
  Credentials: { ...SESSION.Credentials, ...fields },
})
const withArn = (Arn: unknown): unknown => ({ ...SESSION, AssumedRoleUser: { Arn } })

const GOOD: AssumedRole = {
  key: { accessKeyId: 'STS.id', accessKeySecret: 'secret', securityToken: 'token' },
  expiration: '2026-01-02T04:04:05Z',
  arn: `${ROLE}/session`,
  accountId: '1234567890123456',
  sourceIdentity: undefined,
  requestId: 'R-1',
}

describe('a session of STS', () => {
  test('is read from the answer of STS', () => {
    expect(outcomeOf(SESSION)).toEqual(GOOD)
  })

  test.each([200, 201, 202, 204, 206, 226, 100, 304, 400, 404])('with status %d', (status) => {
    expect(outcomeOf(SESSION, status)).toEqual(
      status === 200 ? GOOD : status === 304 ? 'redirect' : 'nonsense',
    )
  })

  test('fields that are not needed may be anything', () => {
    const anything = fc.jsonValue()
    fc.assert(
      fc.property(fc.record({ a: anything, b: anything, c: anything, d: anything }), ({ a, b, c, d }) => {
        const odd = {
          ...SESSION,
          RequestId: typeof a === 'string' ? 7 : a,
          OIDCTokenInfo: { ClientIds: [a], Subject: b, ExpirationTime: c },
          SourceIdentity: typeof b === 'string' ? [b] : b,
          AssumedRoleUser: { ...SESSION.AssumedRoleUser, AssumedRoleId: d },
          Whatever: c,
        }
        expect(outcomeOf(odd)).toEqual({ ...GOOD, requestId: undefined })
      }),
    )
  })

  test('fields that are needed are text, of visible ASCII', () => {
    const bad = fc.oneof(
      fc.constantFrom(
        undefined,
        null,
        42,
        true,
        '',
        ' ',
        'a b',
        'a\nb',
        'a\u0000',
        'ключ',
        'a\u007f',
        '\ufeffx',
      ),
      fc.array(fc.string()),
      fc.dictionary(fc.string(), fc.string()),
    )
    const name = fc.constantFrom('AccessKeyId', 'AccessKeySecret', 'SecurityToken')
    fc.assert(
      fc.property(name, bad, (field, value) => {
        expect(outcomeOf(withCredentials({ [field]: value }))).toBe('nonsense')
      }),
    )
    expect(outcomeOf(withCredentials({ SecurityToken: `+/=${'~!'.repeat(5_000)}` }))).toMatchObject({
      arn: GOOD.arn,
    })
  })

  test.each([
    ['no credentials', { ...SESSION, Credentials: null }],
    ['credentials in a list', { ...SESSION, Credentials: [SESSION.Credentials] }],
    ['credentials as text', { ...SESSION, Credentials: JSON.stringify(SESSION.Credentials) }],
    ['no role', { ...SESSION, AssumedRoleUser: undefined }],
    ['an ARN that is a number', withArn(42)],
    ['an ARN of no account', withArn('acs:ram:::role/Deploy_1/session')],
    ['a list', [SESSION]],
    ['nothing', ''],
  ])('without %s an answer is not a session', (_, body) => {
    expect(outcomeOf(body)).toBe('nonsense')
  })

  test('each secret of an answer is masked before the answer is checked', () => {
    const masked: string[] = []
    const given = answer(withCredentials({ AccessKeyId: 'a b', Expiration: 'soon' }))
    expect(() =>
      assumedRole('AssumeRole', ROLE, success(given), given, (secret) => masked.push(secret)),
    ).toThrow()
    expect(masked).toEqual(['a b', 'secret', 'token'])
  })

  test.each([
    'acs:ram::1234567890123456:role/Deploy_1/session',
    'acs:ram::1234567890123456:role/deploy_1/session',
    'acs:ram::1234567890123456:role/DEPLOY_1/other/session',
    'acs:sts::1234567890123456:assumed-role/deploy_1/session',
  ])('a session of %s belongs to the requested role', (arn) => {
    expect(outcomeOf(withArn(arn))).toEqual({ ...GOOD, arn })
  })

  test.each([
    'acs:ram::1234567890123456:role/Deploy/session',
    'acs:ram::1234567890123456:role/Deploy_12/session',
    'acs:ram::1234567890123457:role/Deploy_1/session',
    'acs:ram::123456789012345:role/Deploy_1/session',
    'acs:ram::1234567890123456:user/Deploy_1',
    'acs:ram::1234567890123456:root',
  ])('a session of %s does not belong to it, and the error names both roles', (arn) => {
    const given = answer(withArn(arn))
    expect(outcomeOf(withArn(arn))).toBe('session-of-another-role')
    expect(() => assumedRole('AssumeRole', ROLE, success(given), given, () => undefined)).toThrow(
      new RegExp(`${ROLE}[^]*${arn}`),
    )
  })

  test.each([
    ['2026-01-02T03:04:06Z', NOW, true],
    ['2026-01-02T03:04:05Z', NOW, false],
    ['2020-01-02T03:04:05Z', NOW, false],
    // By the server's clock: this machine's may be years off.
    ['2020-01-02T03:04:05Z', '2020-01-01T00:00:00Z', true],
    ['2099-01-02T03:04:05Z', '2099-01-03T00:00:00Z', false],
  ])('until %s at %s: %s', (expiration, date, good) => {
    const outcome = outcomeOf(withCredentials({ Expiration: expiration }), 200, date)
    expect(outcome).toEqual(good ? { ...GOOD, expiration } : 'session-expired')
  })

  test('a session expires by our own clock if the server sends no Date header', () => {
    const later = new Date(Date.now() + 60_000).toISOString()
    const earlier = new Date(Date.now() - 1_000).toISOString()
    for (const headers of [{}, { date: 'soon' }, { date: '1.5' }]) {
      expect(() => {
        assertNotExpired(later, headers, ['STS'])
      }).not.toThrow()
      expect(() => {
        assertNotExpired(earlier, headers, ['STS'])
      }).toThrow(/expired already/)
    }
  })
})

describe('utcTime', () => {
  test.each([
    ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z'],
    ['2026-01-02T03:04:05.678Z', '2026-01-02T03:04:05Z'],
    ['2026-01-02T03:04:05.999999999Z', '2026-01-02T03:04:05Z'],
    ['2026-01-02T03:04:05+00:00', '2026-01-02T03:04:05Z'],
    ['2028-02-29T23:59:59Z', '2028-02-29T23:59:59Z'],
  ])('%s is %s', (text, time) => {
    expect(utcTime(text)).toBe(time)
  })

  test.each([
    undefined,
    null,
    1_767_323_045,
    '',
    'soon',
    '1767323045',
    '2026-01-02',
    '2026-01-02T03:04:05',
    '2026-01-02 03:04:05Z',
    '2026-01-02T03:04Z',
    '2026-01-02T03:04:05+08:00',
    '2026-01-02T03:04:05-00:30',
    '2026-01-02T11:04:05 CST',
    'Fri, 02 Jan 2026 03:04:05 GMT',
    '2026-02-30T03:04:05Z',
    '2027-02-29T03:04:05Z',
    '2026-13-02T03:04:05Z',
    '2026-01-02T24:00:00Z',
    '2026-01-02T03:04:60Z',
    '+002026-01-02T03:04:05Z',
    ' 2026-01-02T03:04:05Z',
    '2026-01-02T03:04:05Z\n::error::x',
  ])('%j is not accepted as a time', (text) => {
    expect(utcTime(text)).toBeUndefined()
  })

  test('a time that was read once can be read again, and means the same instant to Date', () => {
    const instants = fc.date({
      min: new Date('1970-01-01'),
      max: new Date('9999-12-31'),
      noInvalidDate: true,
    })
    fc.assert(
      fc.property(instants, (date) => {
        const time = utcTime(date.toISOString()) ?? ''
        expect(utcTime(time)).toBe(time)
        expect(Date.parse(time)).toBe(Math.floor(date.getTime() / 1000) * 1000)
      }),
    )
  })
})

test('any answer becomes a session or an error with a code', () => {
  const field = fc.oneof(fc.jsonValue(), fc.string(), fc.constantFrom(...Object.values(SESSION.Credentials)))
  const credentials = fc.record(
    { AccessKeyId: field, AccessKeySecret: field, SecurityToken: field, Expiration: field },
    { requiredKeys: [] },
  )
  const body = fc.record(
    {
      Credentials: fc.oneof(credentials, field),
      AssumedRoleUser: fc.oneof(fc.record({ Arn: field }), field),
      Code: field,
      Message: field,
      AccessDeniedDetail: field,
      SourceIdentity: field,
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(fc.oneof(body, field), fc.integer({ min: 100, max: 599 }), (object, status) => {
      const outcome = outcomeOf(object, status)
      if (typeof outcome !== 'string') {
        expect(status).toBe(200)
        const parts = Object.values(outcome.key) as string[]
        expect(parts.every((part) => /^[\x21-\x7e]+$/.test(part))).toBe(true)
      }
    }),
    { numRuns: 1_000 },
  )
})

describe("GetCallerIdentity's answer", () => {
  const read = (body: Json): unknown => callerIdentity(body, answer(body))

  test('contains an ARN and an account ID', () => {
    expect(read({ Arn: 'acs:ram::42:user/ci', AccountId: '42', UserId: 7, RoleId: [] })).toEqual({
      arn: 'acs:ram::42:user/ci',
      accountId: '42',
    })
  })

  test.each([
    [{ Arn: 'acs:ram::42:user/ci' }],
    [{ AccountId: '42' }],
    [{ Arn: 'acs:ram::42:user/ci', AccountId: 42 }],
    [{ Arn: 'acs:ram::42:user/ci', AccountId: '42\n43' }],
    [{ Arn: ['acs:ram::42:user/ci'], AccountId: '42' }],
    [{ Arn: 'acs:ram::43:user/ci', AccountId: '42' }],
    [{ Arn: 'acs:ram::42:user/ci\ncommand', AccountId: '42' }],
    [{ Arn: 'acs:ram::42:user/\u001b[2Jci', AccountId: '42' }],
    [{ Arn: 'ci', AccountId: '42' }],
  ])('%j is none', (body) => {
    expect(() => read(body)).toThrow(/without all of its fields/)
  })
})

test('a session has all three parts of its key or is rejected', () => {
  expect(temporaryKey(undefined, () => undefined)).toBeUndefined()
  expect(temporaryKey(SESSION.Credentials, () => undefined)).toEqual(GOOD.key)
})
