/** Holds what the pages say to what the code does: names, defaults, variables, workflows, policies, links. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { variablesFor } from '../src/handover/variables.js'
import { DEFAULT_DURATION_SECONDS, DEFAULTS, EXPORT_TARGETS, INPUT_NAMES, parseInputs, type InputName } from '../src/inputs/inputs.js'
import { environmentKey } from '../src/identity/environment.js'
import { evaluateTrust, parseIdentityPolicy, parseTrustPolicy } from '../stand-in/policy.js'

const ROOT = resolve(import.meta.dirname, '..')
const ACTION = 'OWNER/configure-alibaba-cloud-credentials'

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const PAGES = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`)]

interface Manifest {
  readonly inputs: Readonly<Record<string, { description?: string; default?: string }>>
  readonly outputs: Readonly<Record<string, { description?: string }>>
  readonly runs: Readonly<Record<string, string>>
}
const manifest = parse(read('action.yml')) as Manifest
const readme = read('README.md')

/** The cells of the rows of the first table after a line that begins with `heading`. */
function table(page: string, heading: string): string[][] {
  const lines = page.split('\n')
  const start = lines.findIndex((line, index) => line.startsWith('|') && index > lines.findIndex((title) => title.startsWith(heading)))
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('|'))
  return lines.slice(start + 2, end).map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  )
}

const names = (cell: string | undefined): string[] => [...(cell ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? '')

describe('the manifests', () => {
  test("have the code's inputs and defaults, and describe each", () => {
    expect(Object.keys(manifest.inputs)).toEqual([...INPUT_NAMES])
    const defaults = Object.entries(manifest.inputs).flatMap(([name, input]) =>
      input.default === undefined ? [] : [[name, input.default]],
    )
    expect(Object.fromEntries(defaults)).toEqual(DEFAULTS)
    for (const entry of [...Object.values(manifest.inputs), ...Object.values(manifest.outputs)]) {
      expect(entry.description?.trim()).toMatch(/^[A-Z][^]{10,}\.$/)
    }
  })

  test("node24's differs in the runtime and in the paths alone", () => {
    expect(parse(read('node24/action.yml'))).toEqual({
      ...manifest,
      runs: { using: 'node24', main: `../${manifest.runs.main ?? ''}`, post: `../${manifest.runs.post ?? ''}` },
    })
    expect(manifest.runs.using).toBe('node20')
    for (const entry of ['main', 'post']) expect(existsSync(join(ROOT, manifest.runs[entry] ?? 'absent'))).toBe(true)
  })
})

describe('README.md', () => {
  test('has every input, in order, with its meaning and its default', () => {
    const rows = table(readme, '## Inputs')
    expect(rows.map(([name]) => name)).toEqual(INPUT_NAMES.map((name) => `\`${name}\``))
    for (const [, meaning] of rows) expect(meaning).toMatch(/^[A-Z`].{15,}/)
    const defaults = { ...DEFAULTS, 'role-duration-seconds': String(DEFAULT_DURATION_SECONDS) }
    const stated = rows.flatMap(([name, , value]) => (value === '' ? [] : [[names(name)[0], names(value)[0]]]))
    expect(Object.fromEntries(stated)).toEqual(defaults)
  })

  test('has every output, in order, with its meaning', () => {
    const rows = table(readme, '## Outputs')
    expect(rows.map(([name]) => name)).toEqual(Object.keys(manifest.outputs).map((name) => `\`${name}\``))
    for (const [, meaning] of rows) expect(meaning).toMatch(/^[A-Z].{8,}/)
  })

  test('has every variable that is exported, and no other', () => {
    const key = { accessKeyId: 'id', accessKeySecret: 'secret', securityToken: 'token' }
    const exported = variablesFor({ key, accountId: '1' }, 'cn-hangzhou', EXPORT_TARGETS)
    const rows = table(readme, '## What is exported')
    const stated = rows.flatMap(([variables]) => names(variables?.replace(/\(with .*\)$/, '')))
    expect(new Set(stated)).toEqual(new Set(exported.keys()))
    expect(stated).toHaveLength(exported.size)
    for (const row of rows) expect(row[2]).toBe('by its source')
  })

  test('says which variables come only with a region or with export-for', () => {
    const key = { accessKeyId: 'id', accessKeySecret: 'secret', securityToken: 'token' }
    const sets = {
      undefined: variablesFor({ key, accountId: '1' }, undefined, []),
      region: variablesFor({ key, accountId: '1' }, 'cn-hangzhou', []),
      ...Object.fromEntries(
        EXPORT_TARGETS.map((name) => [`export-for: ${name}`, variablesFor({ key, accountId: '1' }, 'cn-hangzhou', [name])]),
      ),
    }
    for (const [cell] of table(readme, '## What is exported')) {
      const condition = /\(with `(.*)`\)$/.exec(cell ?? '')?.[1]
      for (const variable of names(cell?.replace(/\(with .*\)$/, ''))) {
        const having = Object.entries(sets).flatMap(([name, set]) => (set.has(variable) ? [name] : []))
        expect([variable, having[0]]).toEqual([variable, String(condition)])
      }
    }
  })

  test('gives the reason of every dependency', () => {
    const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<string, Record<string, string>>
    const listed = [...table(readme, 'Versions are pinned'), ...table(readme, 'For development only')]
    const stated = listed.map(([name]) => names(name)[0])
    expect(stated.toSorted()).toEqual(Object.keys({ ...dependencies, ...devDependencies }).toSorted())
    for (const [, reason] of listed) expect(reason).toMatch(/\w{3,}/)
  })
})

test("docs/environment.md has the environment's variables, in the order in which they are asked", () => {
  const rows = table(read('docs/environment.md'), '## Which variables').map((row) => row.slice(1).flatMap(names))
  expect(rows).toHaveLength(4)
  for (const [index, [id = '', secret = '', token = '']] of rows.entries()) {
    // This row and those after it are set, each variable to its own name.
    const env = Object.fromEntries(rows.slice(index).flatMap((row) => row.map((name) => [name, name])))
    expect(environmentKey(env)).toEqual({ accessKeyId: id, accessKeySecret: secret, securityToken: token })
  }
  expect(environmentKey({})).toBeUndefined()
})

/** Fenced blocks of one language. Examples in a longer fence are not looked into. */
function blocks(page: string, language: string): string[] {
  return [...page.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].flatMap(([, found, text = '']) => (found === language ? [text] : []))
}

interface Workflow {
  readonly permissions?: object
  readonly jobs?: Readonly<Record<string, { permissions?: object; steps?: StepEntry[] }>>
  readonly steps?: StepEntry[]
}
interface StepEntry {
  readonly uses?: string
  readonly with?: Readonly<Record<string, unknown>>
}

/** What an expression of a snippet may stand for. */
const EXAMPLES: Partial<Record<InputName, string>> = {
  'access-key-id': 'LTAI5tExample',
  'access-key-secret': 'ExampleSecret',
  'security-token': 'ExampleToken',
}

const SNIPPETS = PAGES.flatMap((page) => blocks(read(page), 'yaml').map((text, index) => ({ at: `${page}, ${index + 1}`, text })))

describe('the workflows of the pages', () => {
  test.each(SNIPPETS)('$at: is YAML whose steps this action accepts', ({ text }) => {
    const workflow = parse(text) as Workflow
    for (const { permissions, steps = [] } of [...Object.values(workflow.jobs ?? {}), workflow]) {
      const own = steps.filter(({ uses }) => uses?.startsWith(ACTION))
      for (const { uses, with: given = {} } of own) {
        expect(uses).toMatch(/credentials(\/node24)?@v1$/)
        expect(INPUT_NAMES).toEqual(expect.arrayContaining(Object.keys(given)))
        const value = (name: InputName): string | undefined => {
          const written = given[name] as string | number | boolean | undefined
          return String(written ?? '').includes('${{')
            ? (EXAMPLES[name] ?? '/example')
            : written === undefined
              ? undefined
              : String(written)
        }
        const held = { accessKeyId: 'STS.Example', accessKeySecret: 'ExampleSecret', securityToken: 'ExampleToken' }
        expect(() => parseInputs(value, { defaultSessionName: 'example', environmentKey: held, otherFaults: [] })).not.toThrow()
        const asksGithub = 'oidc-provider-arn' in given && !('oidc-token-file' in given)
        if (asksGithub && workflow.jobs !== undefined) {
          expect(permissions ?? workflow.permissions).toEqual({ 'id-token': 'write', contents: 'read' })
        }
      }
    }
  })

  test('are there', () => {
    expect(SNIPPETS.filter(({ text }) => text.includes(ACTION)).length).toBeGreaterThan(10)
  })
})

const POLICIES = PAGES.flatMap((page) => blocks(read(page), 'json').map((text, index) => ({ at: `${page}, ${index + 1}`, text })))

describe('the policies of the pages', () => {
  test.each(POLICIES)('$at: RAM would take it', ({ text }) => {
    expect(() => (text.includes('"Principal"') ? parseTrustPolicy(text) : parseIdentityPolicy(text))).not.toThrow()
  })

  const github = 'acs:ram::1234567890123456:oidc-provider/github'
  const trust = (page: string, index: number, sub: string): string => {
    const policy = parseTrustPolicy(blocks(read(page), 'json').filter((text) => text.includes('oidc:sub'))[index] ?? '')
    const token = { 'oidc:iss': ['https://token.actions.githubusercontent.com'], 'oidc:aud': ['sts.aliyuncs.com'], 'oidc:sub': [sub] }
    return evaluateTrust(policy, { kind: 'Federated', providerArn: github }, token)
  }

  test.each([
    ['README.md', 0, 'repo:octo-org/octo-repo:ref:refs/heads/main', 'Allow'],
    ['README.md', 0, 'repo:octo-org@65/octo-repo@74:ref:refs/heads/main', 'ImplicitDeny'],
    ['README.md', 1, 'repo:octo-org@65/octo-repo@74:ref:refs/heads/main', 'Allow'],
    ['README.md', 1, 'repo:octo-org/octo-repo:ref:refs/heads/main', 'ImplicitDeny'],
    ['docs/oidc.md', 0, 'repo:octo-org/octo-repo:ref:refs/heads/release/1.0', 'Allow'],
    ['docs/oidc.md', 0, 'repo:octo-org@65/octo-repo@74:environment:production', 'Allow'],
    ['docs/oidc.md', 0, 'repo:octo-org/octo-repo:pull_request', 'ImplicitDeny'],
    ['docs/oidc.md', 0, 'repo:octo-org/octo-repo:environment:staging', 'ImplicitDeny'],
  ])('%s, trust policy %i: %s is answered with %s', (page, index, subject, verdict) => {
    expect(trust(page, index, subject)).toBe(verdict)
  })
})

/** The anchor that GitHub gives a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-')
}

test.each(PAGES)('%s: its links lead somewhere', (page) => {
  const text = read(page)
  const broken = [...text.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
    if (link.startsWith('https://')) return []
    const [path = '', anchor] = link.split('#')
    const target = path === '' ? page : join(dirname(page), path)
    if (!existsSync(join(ROOT, target))) return [link]
    if (statSync(join(ROOT, target)).isDirectory()) return []
    const headings = [...read(target).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading]) => anchorOf(heading ?? ''))
    return anchor === undefined || headings.includes(anchor) ? [] : [link]
  })
  expect(broken).toEqual([])
})
