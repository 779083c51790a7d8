/** The house rules that no linter of ours knows: names, imports, comments. */
import { readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { basename, dirname, join } from 'node:path/posix'
import { expect, test } from '@jest/globals'
import ts from 'typescript'

const ROOT = resolve(import.meta.dirname, '..')

interface Import {
  /** The file that is imported, or the package. */
  readonly from: string
  /** `*` for all names, as by `import()`. */
  readonly names: readonly string[]
}

interface Export {
  readonly name: string
  /** A type may be exported for its readers alone, who see it in the signature of a function. */
  readonly isType: boolean
}

interface Module {
  readonly path: string
  readonly text: string
  readonly exports: readonly Export[]
  readonly imports: readonly Import[]
}

function filesIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.includes('node_modules'))
    .map((path) => join(folder, path.replaceAll('\\', '/')))
}

function parse(path: string): Module {
  const text = readFileSync(join(ROOT, path), 'utf8')
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true)
  const target = (specifier: string): string =>
    specifier.startsWith('.') ? join(dirname(path), specifier).replace(/\.js$/, '.ts') : specifier
  const imports: Import[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      const bindings = node.importClause?.namedBindings
      const names =
        bindings !== undefined && ts.isNamedImports(bindings)
          ? bindings.elements.map((element) => (element.propertyName ?? element.name).text)
          : ['*']
      imports.push({ from: target(node.moduleSpecifier.text), names })
    }
    const [specifier] = ts.isCallExpression(node) ? node.arguments : []
    if (
      ts.isCallExpression(node) &&
      node.expression.kind === ts.SyntaxKind.ImportKeyword &&
      specifier !== undefined &&
      ts.isStringLiteral(specifier)
    )
      imports.push({ from: target(specifier.text), names: ['*'] })
    ts.forEachChild(node, visit)
  }
  visit(source)
  return { path, text, exports: source.statements.flatMap(exportedNames), imports }
}

function exportedNames(statement: ts.Statement): Export[] {
  const modifiers = ts.canHaveModifiers(statement) ? (ts.getModifiers(statement) ?? []) : []
  if (!modifiers.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) return []
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.map(({ name }) => ({ name: name.getText(), isType: false }))
  const { name } = statement as ts.DeclarationStatement
  const isType = ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)
  return name === undefined ? [] : [{ name: name.getText(), isType }]
}

/** What is there more than once. */
function repeated(values: readonly string[]): string[] {
  return [...new Set(values.filter((value, index) => values.indexOf(value) !== index))]
}

const SOURCES = filesIn('src').map(parse)
const OTHERS = ['__tests__', 'stand-in', 'demo', 'bench', 'scripts', 'consumers'].flatMap(filesIn).map(parse)

test('no two files of the sources have one name', () => {
  expect(repeated(SOURCES.map(({ path }) => basename(path)))).toEqual([])
})

test('no name is exported twice', () => {
  expect(repeated(SOURCES.flatMap(({ exports }) => exports.map(({ name }) => name)))).toEqual([])
})

test('what is exported is imported somewhere', () => {
  const used = new Set(
    [...SOURCES, ...OTHERS].flatMap(({ imports }) =>
      imports.flatMap(({ from, names }) => names.map((name) => `${name} of ${from}`)),
    ),
  )
  const unused = [...SOURCES, ...OTHERS]
    .filter(({ path }) => !used.has(`* of ${path}`))
    .flatMap(({ path, exports }) =>
      exports
        .filter(({ name, isType }) => !isType && !used.has(`${name} of ${path}`))
        .map(({ name }) => `${name} of ${path}`),
    )
  expect(unused).toEqual([])
})

test('the sources import each other without a cycle, even of types alone', () => {
  const importsOf = new Map(SOURCES.map(({ path, imports }) => [path, imports.map(({ from }) => from)]))
  const done = new Set<string>()
  const cycleFrom = (path: string, way: readonly string[]): readonly string[] | undefined => {
    if (way.includes(path)) return [...way.slice(way.indexOf(path)), path]
    if (done.has(path)) return undefined
    for (const next of importsOf.get(path) ?? []) {
      const cycle = cycleFrom(next, [...way, path])
      if (cycle !== undefined) return cycle
    }
    done.add(path)
    return undefined
  }
  for (const { path } of SOURCES) expect(cycleFrom(path, [])).toBeUndefined()
})

test("only the entries and the runner's room know the runner's toolkit and this process's variables", () => {
  const outer = /^src\/(main|post|keeper)\.ts$|^src\/runner\//
  const inner = SOURCES.filter(({ path }) => !outer.test(path))
  const toolkit = inner.filter(({ imports }) =>
    imports.some(({ from }) => /@actions\/(core|github)/.test(from)),
  )
  expect(toolkit.map(({ path }) => path)).toEqual([])
  // The proxy is chosen by the toolkit's own rule, which reads them too.
  const variables = inner.filter(
    ({ text, path }) => text.includes('process.env') && path !== 'src/net/proxy.ts',
  )
  expect(variables.map(({ path }) => path)).toEqual([])
})

const WIDEST_COMMENT = 100

test(`comments are at most ${WIDEST_COMMENT} columns wide`, () => {
  const wide = [...SOURCES, ...OTHERS].flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, index) => {
      const isComment = /^\s*(\/\/|\/?\*)/.test(line)
      const isDirective = /^\s*\/\/ (eslint|@ts)-/.test(line)
      return isComment && !isDirective && line.length > WIDEST_COMMENT ? [`${path}:${index + 1}`] : []
    }),
  )
  expect(wide).toEqual([])
})
