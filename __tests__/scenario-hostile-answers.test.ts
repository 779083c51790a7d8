/**
 * Every server that the step speaks to says what it likes, in every field of every answer. Stdout
 * is read by the runner's own rule: there is no command in it but the step's own.
 */
import { createServer, type AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Fault } from '../stand-in/faults.js'
import type { Case } from './support/in-namespace.js'
import { startJob, type Job, type StepInputs, type StepResult } from './support/job.js'
import { outsideCode } from './support/markdown.js'
import { obstacle, outcomesOf } from './support/namespace.js'
import { commandLines, HOSTILE_TEXTS } from './support/runner-rule.js'
import { linesOf } from '../stand-in/runner/workflow-commands.js'
import { startWorld, type World } from './support/world.js'

const SHORT = HOSTILE_TEXTS.filter((text) => text.length < 1000)
/** Each as the beginning of a value, all the short ones together, and what is long. */
const TEXTS = [
  ['commands', '::stop-commands::x ##[save-state name=state]{}'],
  ['all of them', SHORT.join('')],
  ['400 KB of backticks', '`'.repeat(400_000)],
  ['60,000 line breaks', '\n'.repeat(60_000)],
] as const

/** The commands that the step itself gives. */
const OWN = /^::(add-mask|group|endgroup|warning|error|debug)(::| title=)/
// What an escape sequence of a terminal, a line break or a mark of direction could still do to a
// reader.
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u

function refuseEffects({
  stdout,
  summary,
  errors,
  exitCode,
}: Pick<StepResult, 'stdout' | 'summary' | 'errors' | 'exitCode'>): void {
  const strange = commandLines(stdout).filter((line) => !OWN.test(line))
  expect(strange.map((line) => line.slice(0, 200))).toEqual([])
  const printed = linesOf(stdout)
    .filter((line) => !line.startsWith('::add-mask::'))
    .join('\n')
  expect(printed).not.toContain('##[')
  expect(printed.split('\n').filter((line) => UNSEEN.test(line))).toEqual([])
  expect(printed.length).toBeLessThan(60_000)
  for (const error of errors) {
    expect(error.length).toBeLessThanOrEqual(4096)
    expect(error.split('\n').filter((line) => UNSEEN.test(line))).toEqual([])
  }
  expect(errors).toHaveLength(exitCode === 0 ? 0 : 1)
  expect(outsideCode(summary).replace(/: <https:.*>$/m, '')).not.toMatch(/[`<>|[\]$]/)
}

let world: World
let job: Job
/** What a run with honest servers exports, sets and saves. */
let known: readonly string[]

const namesOf = ({ env, outputs, state }: StepResult): string[] => [
  ...env.keys(),
  ...outputs.keys(),
  ...state.keys(),
]

beforeAll(async () => {
  world = await startWorld()
  job = startJob({ standIn: world.standIn })
  known = namesOf(await job.main({ ...world.byKey, 'output-credentials': 'true' }))
  job.remove()
})
afterAll(async () => {
  await world.standIn.close()
})
afterEach(() => {
  job.remove()
  world.standIn.forget()
  world.standIn.sts.clearFaults()
  world.standIn.issuer.clearFaults()
  for (const name of Object.keys(world.standIn.issuer.claims))
    Reflect.deleteProperty(world.standIn.issuer.claims, name)
})

/** Runs main and post, and looks at what they print, export, set and save. */
async function run(inputs: StepInputs, env: Readonly<Record<string, string>> = {}): Promise<StepResult> {
  job = startJob({ standIn: world.standIn, env })
  const main = await job.main({ 'retry-max-attempts': '1', 'output-credentials': 'true', ...inputs })
  refuseEffects(main)
  expect(namesOf(main).filter((name) => !known.includes(name))).toEqual([])
  const [post] = await job.posts()
  if (post === undefined) throw new Error('no post ran')
  refuseEffects(post)
  expect(post.exitCode).toBe(0)
  return main
}

/** In every field; short enough that the whole is an answer that the step reads. */
const error = (long: string): Fault => {
  const text = long.slice(0, 30_000)
  return {
    kind: 'error',
    status: 403,
    code: text,
    message: text,
    fields: {
      RequestId: text,
      Recommend: text,
      HostId: text,
      AccessDeniedDetail: {
        AuthAction: text,
        AuthPrincipalType: text,
        AuthPrincipalOwnerId: text,
        AuthPrincipalDisplayName: text,
        NoPermissionType: 'ExplicitDeny',
        PolicyType: text,
        EncodedDiagnosticMessage: text,
      },
    },
  }
}

describe.each(TEXTS)('%s', (_name, text) => {
  test.each(['byKey', 'byOidc'] as const)("STS's error, in every field: %s", async (source) => {
    const { standIn } = world
    standIn.sts.failNext(error(text), { times: 2 })
    const main = await run(world[source])
    expect(main.exitCode).toBe(1)
  })

  test.each(['NoPermission', 'SignatureDoesNotMatch', 'Throttling.User'])(
    "STS's error %s, in every other field",
    async (code) => {
      const fault = { ...error(text), code } as Fault
      world.standIn.sts.failNext(fault, { times: 3 })
      const main = await run({ ...world.byKey, 'retry-max-attempts': '2' })
      expect(main.errors[0]).toContain(`(${code})`)
    },
  )

  test("STS's message, at any length", async () => {
    world.standIn.sts.failNext(
      { kind: 'error', status: 400, code: 'NoPermission', message: text },
      { times: 2 },
    )
    expect((await run(world.byKey)).errors[0]).toContain('(NoPermission)')
  })

  test.each([
    'RequestId',
    'SourceIdentity',
    'AssumedRoleUser.Arn',
    'AssumedRoleUser.AssumedRoleId',
    'Credentials.Expiration',
    'Credentials.AccessKeyId',
  ])("STS's success, %s", async (field) => {
    // The posts' environment holds what main has exported, and a system has its limits.
    world.standIn.sts.failNext(
      { kind: 'fields', fields: { [field]: text.slice(0, 30_000).replaceAll('\0', '') } },
      { times: 2 },
    )
    await run(world.byKey)
  })

  test.each(['AccountId', 'Arn', 'IdentityType'])("GetCallerIdentity's success, %s", async (field) => {
    const session = world.standIn.issueSession({
      roleArn: world.byKey['role-to-assume'] ?? '',
      roleSessionName: 'given',
    })
    world.standIn.sts.failNext({ kind: 'fields', fields: { [field]: text } }, { times: 2 })
    await run({
      ...world.byKey,
      'role-to-assume': '',
      'access-key-id': session.accessKeyId,
      'access-key-secret': session.accessKeySecret,
      'security-token': session.securityToken,
    })
  })

  test.each([
    ['a refusal in JSON', { kind: 'response', status: 403, body: JSON.stringify({ message: text }) }],
    ['a refusal in text', { kind: 'response', status: 401, body: text }],
    ['an error of its own', { kind: 'response', status: 500, body: text }],
    ['a success without a token', { kind: 'response', status: 200, body: JSON.stringify({ value: text }) }],
    ['no JSON', { kind: 'response', status: 200, body: text }],
  ] satisfies [string, Fault][])("the issuer's answer: %s", async (_answer, fault) => {
    world.standIn.issuer.failNext(fault, { times: 2 })
    const main = await run(world.byOidc)
    expect(main.exitCode).toBe(1)
  })

  test("the token's claims", async () => {
    const value = text.slice(0, 500)
    const names = ['repository', 'ref', 'environment', 'job_workflow_ref', 'event_name', 'actor']
    Object.assign(
      world.standIn.issuer.claims,
      { sub: `x${value}` },
      Object.fromEntries(names.map((name) => [name, value])),
    )
    const main = await run(world.byOidc)
    expect(main.errors[0]).toContain('AuthenticationFail.NoPermission')
  })

  test('inputs and the variables of the run', async () => {
    const value = text.slice(0, 3000).replaceAll('\0', '')
    const main = await run(
      {
        ...world.byKey,
        region: value,
        'role-to-assume': value,
        'export-for': value,
        cleanup: value,
        'sts-endpoint': value,
      },
      {
        GITHUB_REPOSITORY: `${value}/x`,
        GITHUB_ACTION_REF: value,
        GITHUB_ACTION_REPOSITORY: 'a/b',
      },
    )
    expect(main.exitCode).toBe(1)
  })

  test("a proxy's status line", async () => {
    // One line is all that there is room for.
    const line = text.replaceAll(/[\r\n\0]/g, ' ').slice(0, 5000)
    const proxy = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.once('data', () => socket.end(`HTTP/1.1 403 ${line}\r\ncontent-length: 0\r\n\r\n`))
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    try {
      const { port } = proxy.address() as AddressInfo
      const main = await run(
        { ...world.byKey, 'sts-endpoint': '' },
        { HTTPS_PROXY: `http://127.0.0.1:${port}`, https_proxy: '', NO_PROXY: '', no_proxy: '' },
      )
      expect(main.exitCode).toBe(1)
    } finally {
      proxy.close()
    }
  })
})

test('any text in any field of any answer is printed without a workflow command', async () => {
  const text = fc
    .array(fc.oneof(fc.constantFrom(...SHORT), fc.string({ unit: 'binary', maxLength: 60 })), {
      minLength: 1,
      maxLength: 6,
    })
    .map((parts) => parts.join(''))
  const fault = fc.oneof(
    text.map((value) => error(value)),
    text.map((value): Fault => ({
      ...(error(value) as Extract<Fault, { kind: 'error' }>),
      code: 'NoPermission',
    })),
    fc
      .tuple(fc.constantFrom('RequestId', 'AssumedRoleUser.Arn', 'Credentials.Expiration'), text)
      .map(([field, value]): Fault => ({ kind: 'fields', fields: { [field]: value } })),
    text.map((body): Fault => ({ kind: 'response', status: 200, body })),
  )
  await fc.assert(
    fc.asyncProperty(fault, async (each) => {
      world.standIn.sts.clearFaults()
      world.standIn.sts.failNext(each, { times: 2 })
      await run(world.byKey)
      job.remove()
    }),
    { numRuns: 10 },
  )
}, 300_000)

describe('the metadata service', () => {
  const answers = TEXTS.flatMap(([name, text]) => [
    [`${name}: the token`, { kind: 'response', status: 200, body: text }, 'Token'],
    [`${name}: the role's name`, { kind: 'response', status: 200, body: text }, 'RoleName'],
    [`${name}: the session's code`, { kind: 'fields', fields: { Code: text } }, 'Credentials'],
    [`${name}: the session's end`, { kind: 'fields', fields: { Expiration: text } }, 'Credentials'],
    [`${name}: no JSON`, { kind: 'response', status: 500, body: text }, 'Credentials'],
  ]) as [string, Fault, string][]

  test('may return anything', async () => {
    if (obstacle !== undefined) return
    const cases = Object.fromEntries(
      answers.map(([name, fault, action]): [string, Case] => [
        name,
        {
          node: process.execPath,
          service: { hardened: true, allowV1: false },
          inputs: { 'retry-max-attempts': '1' },
          faults: [[fault, { action }]],
        },
      ]),
    )
    for (const outcome of Object.values(await outcomesOf(cases))) refuseEffects(outcome)
  }, 300_000)
})
