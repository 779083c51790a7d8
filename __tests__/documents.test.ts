/** Holds what the pages say to what the code does, and what scripts write to what is there. */
import { existsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { withDenial } from '../scripts/readme-denial.js'
import { withTables } from '../scripts/readme-tables.js'
import { variablesFor } from '../src/handover/variables.js'
import { parseInputs } from '../src/inputs/inputs.js'
import {
  DEFAULT_DURATION_SECONDS,
  DEFAULTS,
  EXPORT_TARGETS,
  INPUT_NAMES,
  type InputName,
} from '../src/inputs/table.js'
import type { AccessKey } from '../src/identity/credentials.js'
import { environmentKey } from '../src/identity/environment.js'
import {
  anchorsOfPage,
  cellsOf,
  codeIn,
  PAGES,
  readPage,
  ROOT,
  sectionOf,
  tableAfter,
  withoutBlocks,
} from './support/pages.js'

interface Manifest {
  readonly description: string
  readonly inputs: Readonly<Record<string, { description?: string; default?: string }>>
  readonly outputs: Readonly<Record<string, { description?: string }>>
  readonly runs: Readonly<Record<string, string>>
}
const manifest = parse(readPage('action.yml')) as Manifest
const readme = readPage('README.md')

/** The rows of all tables of a section. */
function rowsOf(section: string): string[][] {
  return section.split('\n').flatMap((line) => (line.startsWith('| `') ? [cellsOf(line)] : []))
}

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

  test("keep the marketplace's limit of 125 characters", () => {
    expect(manifest.description.length).toBeLessThan(125)
  })

  test("call the official action's outputs deprecated, each beside its new name", () => {
    const deprecated = Object.entries(manifest.outputs).filter(([name]) => name.startsWith('aliyun-'))
    expect(deprecated.map(([name]) => name)).toEqual([
      'aliyun-access-key-id',
      'aliyun-access-key-secret',
      'aliyun-security-token',
    ])
    for (const [name, { description }] of deprecated) {
      expect(description).toContain('Deprecated')
      expect(manifest.outputs).toHaveProperty([name.replace('aliyun-', '')])
    }
  })

  test("node24's differs in the runtime and in the paths alone", () => {
    expect(parse(readPage('node24/action.yml'))).toEqual({
      ...manifest,
      runs: {
        using: 'node24',
        main: `../${manifest.runs.main ?? ''}`,
        post: `../${manifest.runs.post ?? ''}`,
      },
    })
    expect(manifest.runs.using).toBe('node20')
    for (const entry of ['main', 'post'])
      expect(existsSync(join(ROOT, manifest.runs[entry] ?? 'absent'))).toBe(true)
  })
})

describe('README.md', () => {
  test('its tables are what `npm run tables` writes', () => {
    expect(readme).toBe(withTables(readme))
  })

  test('its denial is what `npm run denial` writes: the step still prints it', async () => {
    expect(readme).toBe(await withDenial(readme))
  })

  test('has every input once, with its default', () => {
    const rows = rowsOf(sectionOf(readme, 'Inputs').split('### Which')[0] ?? '')
    expect(rows.map(([name]) => codeIn(name)[0]).toSorted()).toEqual(Object.keys(manifest.inputs).toSorted())
    const stated = rows.flatMap(([name, , value]) =>
      value === '' ? [] : [[codeIn(name)[0], codeIn(value)[0]]],
    )
    const defaults = Object.entries(manifest.inputs).flatMap(([name, { default: preset }]) =>
      preset === undefined ? [] : [[name, preset]],
    )
    expect(Object.fromEntries(stated)).toEqual({
      ...Object.fromEntries(defaults),
      'role-duration-seconds': String(DEFAULT_DURATION_SECONDS),
    })
  })

  test('has every output, in order', () => {
    expect(rowsOf(sectionOf(readme, 'Outputs')).map(([name]) => codeIn(name)[0])).toEqual(
      Object.keys(manifest.outputs),
    )
  })

  test('a page that has lost its marks is not written', () => {
    expect(() => withTables('# A page')).toThrow('marks')
  })

  test('gives the reason of every dependency, and CONTRIBUTING.md that of every package for development', () => {
    const { dependencies = {}, devDependencies = {} } = JSON.parse(readPage('package.json')) as Record<
      string,
      Record<string, string>
    >
    for (const [rows, packages] of [
      [tableAfter(readme, 'Versions are pinned'), dependencies],
      [tableAfter(readPage('CONTRIBUTING.md'), '## Development dependencies'), devDependencies],
    ] as const) {
      expect(rows.map(([name]) => codeIn(name)[0]).toSorted()).toEqual(Object.keys(packages).toSorted())
      for (const [, reason] of rows) expect(reason).toMatch(/\w{3,}/)
    }
  })
})

describe('the variables', () => {
  const key = { accessKeyId: 'id', accessKeySecret: 'secret', securityToken: 'token' }
  const exported = variablesFor({ key, accountId: '1' }, 'cn-hangzhou', EXPORT_TARGETS)
  const sets = {
    always: variablesFor({ key, accountId: '1' }, undefined, []),
    region: variablesFor({ key, accountId: '1' }, 'cn-hangzhou', []),
    ...Object.fromEntries(
      EXPORT_TARGETS.map((name) => [
        `export-for: ${name}`,
        variablesFor({ key, accountId: '1' }, 'cn-hangzhou', [name]),
      ]),
    ),
  }
  const conditionOf = (variable: string): string | undefined =>
    Object.entries(sets).find(([, set]) => set.has(variable))?.[0]
  /** Each variable with the condition that its row states. */
  const statedIn = (
    rows: readonly string[][],
    condition: (row: readonly string[]) => string,
  ): [string, string][] =>
    rows.flatMap((row) =>
      codeIn(row[0]?.replace(/\(with .*\)$/, '')).map((name): [string, string] => [name, condition(row)]),
    )

  test.each([
    [
      'README.md',
      statedIn(
        rowsOf(sectionOf(readme, 'What later steps find')),
        ([, when]) => codeIn(when)[0] ?? String(when),
      ),
    ],
    [
      'docs/programs.md',
      statedIn(
        rowsOf(sectionOf(readPage('docs/programs.md'), 'Variables')),
        ([cell]) => /\(with `(.*)`\)$/.exec(cell ?? '')?.[1] ?? 'always',
      ),
    ],
  ])('%s: each is there once, and says when it is exported', (_page, stated) => {
    expect(stated.map(([name]) => name).toSorted()).toEqual([...exported.keys()].toSorted())
    for (const [variable, condition] of stated)
      expect([variable, conditionOf(variable)]).toEqual([variable, condition])
  })

  test("docs/environment.md has the environment's variables, in the order in which they are asked", () => {
    const rows = tableAfter(readPage('docs/environment.md'), '## Which variables').map((row) =>
      row.slice(1).flatMap(codeIn),
    )
    expect(rows).toHaveLength(4)
    for (const [index, [id = '', secret = '', token = '']] of rows.entries()) {
      // This row and those after it are set, each variable to its own name.
      const env = Object.fromEntries(rows.slice(index).flatMap((row) => row.map((name) => [name, name])))
      expect(environmentKey(env)).toEqual({ accessKeyId: id, accessKeySecret: secret, securityToken: token })
    }
    expect(environmentKey({})).toBeUndefined()
  })
})

type Given = Partial<Record<InputName, string>>

describe('the matrix of inputs and sources', () => {
  const role: Given = { 'role-to-assume': 'acs:ram::1234567890123456:role/deploy' }
  const chain: Given = {
    'role-to-assume': 'acs:ram::1234567890123456:role/ci acs:ram::1234567890123456:role/deploy',
  }
  const temporary: Given = {
    'access-key-id': 'STS.Example',
    'access-key-secret': 'ExampleSecret',
    'security-token': 'ExampleToken',
  }
  /** What each column needs at least. */
  const sources: Readonly<Record<string, Given>> = {
    OIDC: { ...role, 'oidc-provider-arn': 'acs:ram::1234567890123456:oidc-provider/github' },
    'Access key': { ...role, 'access-key-id': 'LTAI5tExample', 'access-key-secret': 'ExampleSecret' },
    Environment: { ...role, 'credential-source': 'environment' },
    'ECS RAM role': { ...role, 'credential-source': 'ecs-ram-role' },
  }
  const examples: Given = {
    ...role,
    ...temporary,
    'oidc-provider-arn': 'acs:ram::1234567890123456:oidc-provider/github',
    'oidc-token-file': '/run/token',
    'role-duration-seconds': '900',
    'role-session-name': 'example',
    'inline-session-policy': '{"Version":"1","Statement":[]}',
    'role-external-id': 'example',
    'source-identity': 'example',
  }

  const accepts = (
    given: Given,
    held: AccessKey = { accessKeyId: 'STS.Held', accessKeySecret: 'Secret', securityToken: 'Token' },
  ): boolean => {
    try {
      parseInputs((name) => given[name], {
        defaultSessionName: 'example',
        environmentKey: held,
        otherFaults: [],
        namesGiven: [],
        secrets: [],
      })
      return true
    } catch {
      return false
    }
  }
  const without = (given: Given, ...names: InputName[]): Given =>
    Object.fromEntries(Object.entries(given).filter(([name]) => !names.includes(name as InputName)))

  /** Whether the code does what a cell says. */
  const holds = (cell: string, name: InputName, base: Given): boolean => {
    const given = { ...base, [name]: examples[name] }
    // The same without a role, where temporary credentials are passed on.
    const roleless = without({ ...base, ...('access-key-id' in base ? temporary : {}) }, 'role-to-assume')
    switch (cell) {
      case 'required':
        return accepts(base) && !accepts(without(base, name))
      case 'optional':
        return accepts(given) && accepts(without(base, name))
      case 'no':
        return !accepts(given)
      case 'with a role':
        return accepts(given) && accepts(roleless) && !accepts({ ...roleless, [name]: examples[name] })
      case 'in a chain':
        return !accepts(given) && accepts({ ...given, ...chain })
      case 'required unless the key is temporary':
        return !accepts(without(base, name)) && accepts(without({ ...base, ...temporary }, name))
      case 'required if the key is temporary':
        return (
          accepts(base) &&
          accepts({ ...base, ...temporary }) &&
          !accepts(without({ ...base, ...temporary }, name))
        )
      default: {
        const withSource = { ...base, 'credential-source': codeIn(cell)[0] ?? '' }
        return (
          accepts(withSource) && accepts(without(base, 'credential-source')) === cell.endsWith('or omitted')
        )
      }
    }
  }

  const matrix = sectionOf(readme, 'Inputs').split('### Which inputs go with which source')[1] ?? ''
  const [head = [], ...rows] = matrix
    .split('\n')
    .flatMap((line) => (/^\| (Input|`)/.test(line) ? [cellsOf(line)] : []))
  const cells = rows.flatMap(([input, ...row]) =>
    row.map((cell, index) => ({ name: codeIn(input)[0] as InputName, source: head[index + 1] ?? '', cell })),
  )

  test('is there', () => {
    expect(head.slice(1)).toEqual(Object.keys(sources))
    expect(cells.length).toBe(12 * 4)
  })

  test.each(cells)('$name with $source: $cell', ({ name, source, cell }) => {
    expect(holds(cell, name, sources[source] ?? {})).toBe(true)
  })

  test('a long-lived key needs a role, in the environment too', () => {
    const long: AccessKey = {
      accessKeyId: 'LTAI5tExample',
      accessKeySecret: 'Secret',
      securityToken: undefined,
    }
    expect(accepts(sources.Environment ?? {}, long)).toBe(true)
    expect(accepts({ 'credential-source': 'environment' }, long)).toBe(false)
  })
})

test.each(PAGES)('%s: the files and commands of this project that it names exist', (page) => {
  const text = withoutBlocks(readPage(page))
  const paths = codeIn(text).filter((code) =>
    /^(src|stand-in|scripts|consumers|demo|bench|__tests__|node24|dist)\/[\w./-]*$/.test(code),
  )
  expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([])
  const { scripts = {} } = JSON.parse(readPage('package.json')) as Record<string, Record<string, string>>
  const commands = [...readPage(page).matchAll(/npm run ([\w-]+(?::[\w-]+)*)/g)].map(([, name = '']) => name)
  expect(commands.filter((name) => !(name in scripts))).toEqual([])
})

test.each(PAGES)('%s: its links and anchors lead somewhere', (page) => {
  const broken = [...withoutBlocks(readPage(page)).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
    if (/^(https:|mailto:)/.test(link)) return []
    const [path = '', anchor] = link.split('#')
    const target = path === '' ? page : join(dirname(page), path)
    if (!existsSync(join(ROOT, target))) return [link]
    if (anchor === undefined || statSync(join(ROOT, target)).isDirectory()) return []
    return anchorsOfPage(readPage(target)).includes(anchor) ? [] : [link]
  })
  expect(broken).toEqual([])
})
