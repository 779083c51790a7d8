/** Runs, parses or evaluates every block of the pages: workflows, policies, commands, Terraform. */
import { spawn, spawnSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { parseInputs } from '../src/inputs/inputs.js'
import type { InputName } from '../src/inputs/table.js'
import { createCertificates, type Certificates } from '../stand-in/certificates.js'
import {
  evaluateIdentity,
  evaluateTrust,
  parseIdentityPolicy,
  parseTrustPolicy,
  type Principal,
} from '../stand-in/policy.js'
import { readAction } from '../stand-in/runner/action-manifest.js'
import { startRunnerJob } from '../stand-in/runner/runner-job.js'
import { asRunnerGives } from '../stand-in/runner/with-values.js'
import { startStandIn } from '../stand-in/stand-in.js'
import { startConnectProxy } from './support/connect-proxy.js'
import { blocksIn, blocksOf, PAGES, readPage, ROOT, sectionOf } from './support/pages.js'
import { posixOnly } from './support/platform.js'

const ACTION = 'OWNER/configure-alibaba-cloud-credentials'
const ISSUER_HOST = 'token.actions.githubusercontent.com'
const INPUTS = Object.keys((parse(readPage('action.yml')) as { inputs: object }).inputs)

/** The blocks of one language in all pages, with where each stands. */
function everyBlock(language: string): { at: string; page: string; text: string }[] {
  return PAGES.flatMap((page) =>
    blocksIn(readPage(page), language).map((text, index) => ({ at: `${page}, ${index + 1}`, page, text })),
  )
}

test.each(PAGES)('%s: every block says what it is', (page) => {
  for (const { language } of blocksOf(readPage(page)))
    expect(['hcl', 'json', 'mermaid', 'sh', 'text', 'ts', 'yaml']).toContain(language)
})

interface Workflow {
  readonly permissions?: Readonly<Record<string, string>>
  readonly jobs?: Readonly<Record<string, { 'runs-on'?: unknown; permissions?: object; steps?: StepEntry[] }>>
  readonly steps?: StepEntry[]
}
interface StepEntry {
  readonly uses?: string
  readonly run?: string
  readonly with?: Readonly<Record<string, unknown>>
}

describe('the workflows', () => {
  /** What an expression of a snippet may stand for. */
  const examples: Partial<Record<string, string>> = {
    'access-key-id': 'LTAI5tExample',
    'access-key-secret': 'ExampleSecret',
    'security-token': 'ExampleToken',
    'oidc-provider-arn': 'acs:ram::1234567890123456:oidc-provider/github',
    'role-to-assume': 'acs:ram::1234567890123456:role/deploy',
  }
  const held = { accessKeyId: 'STS.Example', accessKeySecret: 'ExampleSecret', securityToken: 'ExampleToken' }
  const workflows = everyBlock('yaml')

  test.each(workflows)('$at: is YAML whose steps this action accepts', ({ text }) => {
    const workflow = parse(text) as Workflow
    for (const { permissions, steps = [] } of [...Object.values(workflow.jobs ?? {}), workflow]) {
      const own = steps.filter(({ uses }) => uses?.startsWith(ACTION))
      for (const { uses, with: given = {} } of own) {
        expect(uses).toMatch(/credentials(\/node24)?@v1$/)
        expect(INPUTS).toEqual(expect.arrayContaining(Object.keys(given)))
        const value = (name: InputName): string | undefined => {
          if (!(name in given)) return undefined
          const written = asRunnerGives(given[name])
          return written.includes('${{') ? (examples[name] ?? '/example') : written
        }
        expect(() =>
          parseInputs(value, {
            defaultSessionName: 'example',
            environmentKey: held,
            otherFaults: [],
            namesGiven: [],
            secrets: [],
          }),
        ).not.toThrow()
      }
      const asksGithub = own.some(
        ({ with: given = {} }) => 'oidc-provider-arn' in given && !('oidc-token-file' in given),
      )
      if (asksGithub && workflow.jobs !== undefined) {
        // At the job, which needs it, and not at the workflow, whose other jobs do not.
        expect(workflow.permissions ?? {}).not.toHaveProperty('id-token')
        expect(permissions).toEqual({ 'id-token': 'write', contents: 'read' })
      }
    }
  })

  test.each(workflows)(
    '$at: the runner keeps every digit of a number, so account IDs are quoted',
    ({ text }) => {
      JSON.stringify(parse(text), (_, value: unknown) => {
        if (typeof value === 'number') expect(asRunnerGives(value)).toBe(String(value))
        return value
      })
    },
  )

  test.each(workflows)(
    "$at: nothing calls the aliyun CLI on GitHub's runners, which have none",
    ({ text }) => {
      for (const job of Object.values((parse(text) as Workflow).jobs ?? {})) {
        if (job['runs-on'] !== 'ubuntu-latest') continue
        for (const { run = '' } of job.steps ?? []) expect(run).not.toMatch(/^aliyun /m)
      }
    },
  )

  test('are found in the pages', () => {
    expect(workflows.filter(({ text }) => text.includes(ACTION)).length).toBeGreaterThan(15)
  })
})

interface Statement {
  readonly Action: string | string[]
  readonly Resource: string | string[]
  readonly Principal?: { readonly RAM?: string[]; readonly Federated?: string[] }
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | string[]>>>>
}
const listed = (value: string | string[] | undefined): string[] => (value === undefined ? [] : [value].flat())
/** A value that a pattern matches. */
const oneOf = (pattern: string): string => pattern.replaceAll('*', 'x')

/** What a statement's conditions say of a key, whatever the operator. */
function valuesOf({ Condition = {} }: Statement, key: string): string[] {
  return Object.values(Condition).flatMap((keys) => listed(keys[key]))
}

/**
 * A trust policy accepts what it names, and nothing that a stranger, a pull request or a forgotten
 * condition would send.
 */
function expectGoodTrust(text: string): void {
  const policy = parseTrustPolicy(text)
  for (const statement of (JSON.parse(text) as { Statement: Statement[] }).Statement) {
    for (const providerArn of listed(statement.Principal?.Federated)) {
      const subjects = valuesOf(statement, 'oidc:sub')
      const [iss = '', aud = ''] = [valuesOf(statement, 'oidc:iss')[0], valuesOf(statement, 'oidc:aud')[0]]
      const verdict = (claims: { sub?: string; iss?: string; aud?: string }): string =>
        evaluateTrust(
          policy,
          { kind: 'Federated', providerArn },
          {
            'oidc:iss': [claims.iss ?? iss],
            'oidc:aud': [claims.aud ?? aud],
            'oidc:sub': claims.sub === undefined ? [] : [claims.sub],
          },
        )
      expect(subjects).not.toEqual([])
      for (const sub of subjects.map(oneOf)) {
        expect([sub, verdict({ sub })]).toEqual([sub, 'Allow'])
        expect(verdict({ sub, iss: 'https://example.com' })).toBe('ImplicitDeny')
        expect(verdict({ sub, aud: 'example' })).toBe('ImplicitDeny')
        expect(verdict({ sub: sub.replace(/octo-org|runners/, 'somebody') })).toBe('ImplicitDeny')
      }
      expect(verdict({})).toBe('ImplicitDeny')
      for (const prefix of ['repo:octo-org/octo-repo', 'repo:octo-org@65/octo-repo@74'])
        expect(verdict({ sub: `${prefix}:pull_request` })).toBe('ImplicitDeny')
    }
    for (const arn of listed(statement.Principal?.RAM)) {
      const caller = (name: string): Principal => ({ kind: 'RAM', accountId: '1234567890123456', arn: name })
      const externalId = { 'sts:ExternalId': valuesOf(statement, 'sts:ExternalId') }
      expect([arn, evaluateTrust(policy, caller(arn), externalId)]).toEqual([arn, 'Allow'])
      expect(evaluateTrust(policy, caller('acs:ram::1234567890123456:user/somebody'), externalId)).toBe(
        'ImplicitDeny',
      )
    }
  }
}

/** A permission policy allows what it names, and nothing else. */
function expectGoodPermissions(text: string): void {
  const policy = parseIdentityPolicy(text)
  for (const { Action, Resource } of (JSON.parse(text) as { Statement: Statement[] }).Statement) {
    for (const action of listed(Action)) {
      for (const resource of listed(Resource))
        expect(evaluateIdentity([policy], oneOf(action), oneOf(resource))).toBe('Allow')
    }
  }
  expect(evaluateIdentity([policy], 'ram:CreateUser', 'acs:ram::1234567890123456:user/somebody')).toBe(
    'ImplicitDeny',
  )
}

describe('the policies', () => {
  test.each(everyBlock('json'))('$at: accepts what it names, and no more', ({ text }) => {
    const document = JSON.parse(text) as { Statement?: unknown; include_claim_keys?: unknown }
    if (document.Statement === undefined) {
      // A subject template: GitHub writes the claims in the order of the keys.
      expect(document).toEqual({
        use_default: false,
        include_claim_keys: expect.arrayContaining(['repo', 'context']) as unknown,
      })
      return
    }
    if (text.includes('"Principal"')) expectGoodTrust(text)
    else expectGoodPermissions(text)
  })

  const github = 'acs:ram::1234567890123456:oidc-provider/github'
  const trust = (page: string, index: number, sub: string): string => {
    const policy = parseTrustPolicy(
      blocksIn(readPage(page), 'json').filter((text) => text.includes('oidc:sub'))[index] ?? '',
    )
    const token = {
      'oidc:iss': [`https://${ISSUER_HOST}`],
      'oidc:aud': ['sts.aliyuncs.com'],
      'oidc:sub': [sub],
    }
    return evaluateTrust(policy, { kind: 'Federated', providerArn: github }, token)
  }
  const workflowRef = 'job_workflow_ref:octo-org/octo-automation/.github/workflows/deploy.yml'

  test.each([
    ['README.md', 0, 'repo:octo-org/octo-repo:ref:refs/heads/main', 'Allow'],
    ['README.md', 0, 'repo:octo-org@65/octo-repo@74:ref:refs/heads/main', 'ImplicitDeny'],
    ['docs/oidc.md', 0, 'repo:octo-org/octo-repo:ref:refs/heads/release/1.0', 'Allow'],
    ['docs/oidc.md', 0, 'repo:octo-org@65/octo-repo@74:environment:production', 'Allow'],
    ['docs/oidc.md', 0, 'repo:octo-org/octo-repo:pull_request', 'ImplicitDeny'],
    ['docs/oidc.md', 0, 'repo:octo-org/octo-repo:environment:staging', 'ImplicitDeny'],
    ['docs/setup-at-scale.md', 0, 'repo:octo-org/octo-repo:environment:production', 'Allow'],
    ['docs/setup-at-scale.md', 0, 'repo:octo-org@65/octo-repo@74:environment:production', 'Allow'],
    ['docs/setup-at-scale.md', 0, 'repo:octo-org@66/octo-repo@74:environment:production', 'ImplicitDeny'],
    [
      'docs/setup-at-scale.md',
      1,
      'repo:octo-org@65/octo-repo@74:environment:production:ref:refs/heads/main',
      'Allow',
    ],
    [
      'docs/setup-at-scale.md',
      1,
      'repo:octo-org@65/octo-repo@74:environment:production:ref:refs/heads/topic',
      'ImplicitDeny',
    ],
    [
      'docs/setup-at-scale.md',
      2,
      `repo:octo-org@65/shop@75:environment:production:${workflowRef}@refs/heads/main`,
      'Allow',
    ],
    [
      'docs/setup-at-scale.md',
      2,
      `repo:octo-org@65/shop@75:environment:production:${workflowRef}@refs/heads/topic`,
      'ImplicitDeny',
    ],
    [
      'docs/setup-at-scale.md',
      2,
      `repo:somebody@66/shop@75:environment:production:${workflowRef}@refs/heads/main`,
      'ImplicitDeny',
    ],
    [
      'docs/setup-at-scale.md',
      2,
      `repo:octo-org@65/shop@75:pull_request:${workflowRef}@refs/heads/main`,
      'ImplicitDeny',
    ],
  ])('%s, trust policy %i: %s is answered with %s', (page, index, subject, verdict) => {
    expect(trust(page, index, subject)).toBe(verdict)
  })

  test('the ROS template makes a good trust policy', () => {
    interface Template {
      readonly Parameters: Readonly<Record<string, { Default?: string }>>
      readonly Resources: Readonly<
        Record<string, { Type: string; Properties: { AssumeRolePolicyDocument?: object } }>
      >
    }
    const [text = ''] = everyBlock('yaml').flatMap((block) =>
      block.text.includes('ROSTemplateFormatVersion') ? [block.text] : [],
    )
    const { Parameters, Resources } = parse(text) as Template
    /** As ROS resolves its functions. */
    const resolved = JSON.stringify(
      Resources.Role?.Properties.AssumeRolePolicyDocument,
      (_, value: unknown) => {
        const { Ref, 'Fn::Sub': template } = Object(value) as { Ref?: string; 'Fn::Sub'?: string }
        return Ref !== undefined
          ? Parameters[Ref]?.Default
          : (template?.replace('${ALIYUN::TenantId}', '1234567890123456') ?? value)
      },
    )
    expect(resolved).toContain('"acs:ram::1234567890123456:oidc-provider/github"')
    expectGoodTrust(resolved)
  })
})

const onPath = (program: string): boolean =>
  spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0
const shellTest = posixOnly("the pages' commands are for a POSIX shell")
/** A test that needs a program, or the same skipped, with the reason in its title. */
const testWith = (...programs: string[]) => {
  if (process.platform === 'win32') return { run: shellTest, title: (words: string) => words }
  const missing = programs.filter((program) => !onPath(program))
  return missing.length === 0
    ? { run: test, title: (words: string) => words }
    : { run: test.skip, title: (words: string) => `${words} (skipped: ${missing.join(', ')} is not on PATH)` }
}

describe('the commands', () => {
  const pages = PAGES.filter((page) => blocksIn(readPage(page), 'sh').length > 0)

  shellTest.each(everyBlock('sh'))('$at: bash can parse it', ({ text }) => {
    expect(spawnSync('bash', ['-n'], { input: text, encoding: 'utf8' })).toMatchObject({
      status: 0,
      stderr: '',
    })
  })

  // A paste into zsh, the shell of macOS, takes "#" and what follows for arguments.
  test.each(everyBlock('sh'))('$at: has no comment, which zsh would not take for one', ({ text }) => {
    expect(text.replace(/<<'EOF'\n[^]*?^EOF$/gm, '').match(/(^|\s)#.*/g)).toBeNull()
  })

  const shellcheck = testWith('shellcheck')
  // The blocks of a page follow each other in one shell.
  // SC2164: a reader of a page sees that a "cd" has failed.
  shellcheck.run.each(pages)(shellcheck.title('%s: shellcheck has nothing to say'), (page) => {
    const script = blocksIn(readPage(page), 'sh').join('\n')
    const { stdout } = spawnSync('shellcheck', ['--shell=bash', '--exclude=SC2164', '-'], {
      input: script,
      encoding: 'utf8',
    })
    expect(stdout).toBe('')
  })

  /** Runs commands with stand-ins for the programs that would reach out. */
  function runWith(
    script: string,
    programs: Readonly<Record<string, string>>,
  ): { status: number | null; calls: string[][]; folder: string } {
    const folder = mkdtempSync(join(tmpdir(), 'commands-'))
    const bin = mkdtempSync(join(tmpdir(), 'bin-'))
    const log = join(bin, 'calls')
    writeFileSync(log, '')
    for (const [name, body] of Object.entries(programs)) {
      const record = `require('fs').appendFileSync(${JSON.stringify(log)}, JSON.stringify([${JSON.stringify(name)}, ...process.argv.slice(2)]) + '\\n')`
      writeFileSync(join(bin, name), `#!${process.execPath}\n${record}\n${body}\n`)
      chmodSync(join(bin, name), 0o755)
    }
    const { status } = spawnSync('bash', ['-euo', 'pipefail', '-c', script], {
      cwd: folder,
      env: { PATH: `${bin}:${process.env.PATH ?? ''}` },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const calls = readFileSync(log, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as string[])
    rmSync(bin, { recursive: true })
    rmSync(folder, { recursive: true })
    return { status, calls, folder }
  }
  const valueAfter = (call: readonly string[] | undefined, option: string): string =>
    call?.[call.indexOf(option) + 1] ?? ''
  const fingerprint = 'd69b561148f01c77c54578c10926df5b856976ad'
  const programs = {
    aliyun: `if (process.argv[3] === 'GetCallerIdentity') console.log('{"AccountId":"1234567890123456"}')`,
    gh: `console.log('repo:' + process.argv[3].split('/').slice(1, 3).join('/'))`,
    node: `console.log('${fingerprint}')`,
  }

  const jq = testWith('jq')
  jq.run(
    jq.title('the quick start makes what it shows, and its workflow then gets its role from the stand-in'),
    async () => {
      const section = sectionOf(readPage('README.md'), 'Quick start')
      const { status, calls } = runWith(blocksIn(section, 'sh').join('\n'), programs)
      expect(status).toBe(0)
      const call = (action: string): string[] | undefined => calls.find((words) => words.includes(action))
      expect(valueAfter(call('CreateOIDCProvider'), '--Fingerprints')).toBe(fingerprint)
      expect(valueAfter(call('CreateOIDCProvider'), '--ClientIds')).toBe('sts.aliyuncs.com')
      expect(call('api')).toEqual([
        'gh',
        'api',
        'repos/octo-org/octo-repo/actions/oidc/customization/sub',
        '--jq',
        '.sub_claim_prefix',
      ])
      const document = valueAfter(call('CreateRole'), '--AssumeRolePolicyDocument')
      expect(JSON.parse(document)).toEqual(JSON.parse(blocksIn(section, 'json')[0] ?? ''))
      expectGoodTrust(document)
      expect(call('AttachPolicyToRole')).toContain(valueAfter(call('CreateRole'), '--RoleName'))

      const [, step] = (parse(blocksIn(section, 'yaml')[0] ?? '') as Workflow).jobs?.deploy?.steps ?? []
      const standIn = await startStandIn()
      const { issuer, ram, sts } = standIn
      const runner = {
        ACTIONS_ID_TOKEN_REQUEST_URL: issuer.requestUrl,
        ACTIONS_ID_TOKEN_REQUEST_TOKEN: issuer.requestToken,
      }
      const job = startRunnerJob({ action: readAction('this action', ROOT), runnerEnv: runner })
      try {
        const provider = call('CreateOIDCProvider')
        ram.addOidcProvider({
          name: valueAfter(provider, '--OIDCProviderName'),
          issuer: valueAfter(provider, '--IssuerUrl'),
          clientIds: [valueAfter(provider, '--ClientIds')],
        })
        ram.addRole({ name: valueAfter(call('CreateRole'), '--RoleName'), trustPolicy: document })
        issuer.claims.sub = 'repo:octo-org/octo-repo:ref:refs/heads/main'
        const inputs = { ...step?.with, 'sts-endpoint': sts.url }
        const { exitCode, outputs } = await job.main({ inputs })
        expect(exitCode).toBe(0)
        expect(outputs.get('arn')).toMatch(/^acs:ram::1234567890123456:role\/deploy\//)
      } finally {
        job.remove()
        await standIn.close()
      }
    },
  )

  jq.run(jq.title('the loop over repositories makes a good trust policy for each'), () => {
    const [script = ''] = blocksIn(sectionOf(readPage('docs/setup-at-scale.md'), 'The CLI in a loop'), 'sh')
    const { status, calls } = runWith(script, programs)
    expect(status).toBe(0)
    const roles = calls.filter((words) => words.includes('CreateRole'))
    expect(roles.map((call) => valueAfter(call, '--RoleName'))).toEqual([
      'shop-production',
      'docs-production',
    ])
    for (const role of roles) expectGoodTrust(valueAfter(role, '--AssumeRolePolicyDocument'))
    // A role without a policy may do nothing.
    const attached = calls.filter((words) => words.includes('AttachPolicyToRole'))
    expect(attached.map((call) => valueAfter(call, '--RoleName'))).toEqual([
      'shop-production',
      'docs-production',
    ])
  })

  shellTest(
    "the repositories' variables name the roles that the loop makes, in the provider's account",
    () => {
      const page = readPage('docs/setup-at-scale.md')
      const [script = ''] = blocksIn(sectionOf(page, 'One workflow for all repositories'), 'sh')
      const { status, calls } = runWith(script, programs)
      expect(status).toBe(0)
      expect(calls.map((call) => [call[3], valueAfter(call, '--body')])).toEqual([
        ['ALIBABA_CLOUD_OIDC_PROVIDER', 'acs:ram::1234567890123456:oidc-provider/github'],
        ['ALIBABA_CLOUD_ROLE', 'acs:ram::1234567890123456:role/shop-production'],
        ['ALIBABA_CLOUD_ROLE', 'acs:ram::1234567890123456:role/docs-production'],
      ])
    },
  )

  test('on the way from keys to OIDC the role accepts the token and the user', () => {
    const page = readPage('docs/from-keys-to-oidc.md')
    const policy = blocksIn(page, 'json').find((text) => text.includes('oidc:sub')) ?? ''
    const trust = parseTrustPolicy(policy)
    const token = {
      'oidc:iss': [`https://${ISSUER_HOST}`],
      'oidc:aud': ['sts.aliyuncs.com'],
      'oidc:sub': ['repo:octo-org/octo-repo:ref:refs/heads/main'],
    }
    const user = 'acs:ram::1234567890123456:user/ci'
    expect([
      evaluateTrust(
        trust,
        { kind: 'Federated', providerArn: 'acs:ram::1234567890123456:oidc-provider/github' },
        token,
      ),
      evaluateTrust(trust, { kind: 'RAM', accountId: '1234567890123456', arn: user }, {}),
    ]).toEqual(['Allow', 'Allow'])
  })
})

describe('the fingerprint of the root CA', () => {
  const script = (page: string): string =>
    blocksIn(readPage(page), 'sh').find((text) => text.startsWith('FINGERPRINT=$(node')) ?? ''
  let certificates: Certificates
  let port = 0
  let close = (): void => undefined

  beforeAll(async () => {
    certificates = await createCertificates([ISSUER_HOST])
    const server = createServer({ key: certificates.key, cert: certificates.cert }).listen(0, '127.0.0.1')
    await new Promise((ready) => server.once('listening', ready))
    port = (server.address() as AddressInfo).port
    close = () => {
      server.close()
    }
  })
  afterAll(async () => {
    close()
    await certificates.remove()
  })

  const run = async (
    text: string,
    env: Readonly<Record<string, string>>,
  ): Promise<{ stdout: string; stderr: string }> =>
    new Promise((done, fail) => {
      const child = spawn('bash', ['-c', `${text}\necho "$FINGERPRINT"`], {
        env: { PATH: process.env.PATH, NODE_EXTRA_CA_CERTS: certificates.caFile, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const written = { stdout: '', stderr: '' }
      for (const stream of ['stdout', 'stderr'] as const)
        child[stream].on('data', (part: Buffer) => (written[stream] += part.toString()))
      child.once('error', fail)
      child.once('close', () => {
        done(written)
      })
    })
  const expected = (): string =>
    `${new X509Certificate(readFileSync(certificates.caFile)).fingerprint.replaceAll(':', '').toLowerCase()}\n`

  shellTest.each(['README.md', 'docs/setup-at-scale.md'])(
    '%s: is printed though the server does not send the root',
    async (page) => {
      const { stdout, stderr } = await run(script(page).replace(ISSUER_HOST, `localhost:${port}`), {})
      expect(stderr).toBe('Root CA: Stand-in test CA\n')
      expect(stdout).toBe(expected())
    },
  )

  shellTest('is printed via a proxy with a password', async () => {
    const proxy = await startConnectProxy({ [ISSUER_HOST]: port }, { user: 'ci', password: 'p@ss' })
    try {
      const { stdout, stderr } = await run(script('docs/setup-at-scale.md'), {
        HTTPS_PROXY: `http://ci:p%40ss@${proxy.host}`,
      })
      expect(stderr).toBe('Root CA: Stand-in test CA\n')
      expect(stdout).toBe(expected())
      expect(proxy.asked).toEqual([`${ISSUER_HOST}:443`])
      const refused = await run(script('docs/setup-at-scale.md'), {
        HTTPS_PROXY: `http://ci:wrong@${proxy.host}`,
      })
      expect(refused).toEqual({ stdout: '\n', stderr: 'The proxy answers 407\n' })
    } finally {
      await proxy.close()
    }
  })
})

describe('Terraform', () => {
  const terraform = testWith('terraform')
  const env = { ...process.env, CHECKPOINT_DISABLE: '1', TF_CLI_CONFIG_FILE: '/dev/null' }

  terraform.run.each(everyBlock('hcl'))(terraform.title('$at: is as terraform fmt writes it'), ({ text }) => {
    expect(spawnSync('terraform', ['fmt', '-'], { input: text, encoding: 'utf8', env })).toMatchObject({
      status: 0,
      stdout: text,
    })
  })

  terraform.run(
    terraform.title('computes a good trust policy for each role, and an attachment for each of its policies'),
    () => {
      const [configuration = '', values = ''] = blocksIn(readPage('docs/setup-at-scale.md'), 'hcl')
      const folder = mkdtempSync(join(tmpdir(), 'terraform-'))
      try {
        // Without the resources, which would need the provider's plugin.
        const computed = [...configuration.matchAll(/^(?:variable|locals)\b[^]*?^}\n/gm)].map(
          ([block]) => block,
        )
        writeFileSync(join(folder, 'main.tf'), computed.join('\n'))
        writeFileSync(join(folder, 'terraform.tfvars'), values)
        const evaluated = (expression: string): unknown => {
          const { stdout } = spawnSync('terraform', ['console'], {
            cwd: folder,
            input: `jsonencode(${expression})\n`,
            encoding: 'utf8',
            env,
          })
          return JSON.parse(JSON.parse(stdout) as string)
        }
        const trust = evaluated('local.trust') as Readonly<Record<string, unknown>>
        expect(Object.keys(trust)).toEqual(['docs', 'shop-production', 'shop-staging'])
        for (const policy of Object.values(trust)) expectGoodTrust(JSON.stringify(policy))
        expect(evaluated('local.attachments')).toMatchObject({
          'docs/AliyunOSSReadOnlyAccess': { role: 'docs', policy: 'AliyunOSSReadOnlyAccess', type: 'System' },
          'shop-production/shop-deploy': { role: 'shop-production', type: 'Custom' },
        })
      } finally {
        rmSync(folder, { recursive: true })
      }
    },
  )
})
