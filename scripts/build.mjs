// Builds dist/ from src/. `node scripts/build.mjs [folder]` builds elsewhere, for the comparison.
//
// CommonJS, though the sources are ES modules: Node starts a program of either kind, but one of
// CommonJS some milliseconds sooner. One file for each entry, and one for the SDK, which main and
// the keeper load, and late.
import { build } from 'esbuild'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve as resolvePath } from 'node:path'

const folder = process.argv[2] ?? 'dist'

// What the SDK's packages load at import and this action never reaches: it hands the SDK no
// credentials object and does the sending itself (src/sts/sdk.ts). In the bundle they are empty.
// Whoever reaches for one after all gets a TypeError, which the scenario tests, run on dist, would
// show.
const NEVER_REACHED = [
  '@alicloud/credentials',
  'http-proxy-agent',
  'https-proxy-agent',
  'httpx',
  'lodash',
  'moment',
  'socks-proxy-agent',
  'ws',
  'xml2js',
]
const SDK = /[\\/]node_modules[\\/](@alicloud|@darabonba)[\\/]/

// Modules without side effects at import whose makers do not say so: what is not used of them (the
// toolkit's HTTP client, with the whole of undici behind it) stays out.
const PURE = /[\\/]node_modules[\\/](@actions[\\/][^\\/]+|tunnel|undici)[\\/]/

const PACKAGE_JSON = resolvePath('package.json')

const SDK_ENTRY = '../sts/sdk.js'

const leaveOut = {
  name: 'leave-out',
  setup({ onResolve, onLoad, resolve }) {
    // The dynamic import of the SDK stays one, of the file that main and the keeper share.
    onResolve({ filter: /sdk\.js$/ }, ({ kind }) =>
      kind === 'dynamic-import' ? { path: SDK_ENTRY, external: true } : undefined,
    )
    onResolve({ filter: /^[^.]/ }, ({ path, importer }) =>
      NEVER_REACHED.includes(path) && SDK.test(importer) ? { path, namespace: 'never-reached' } : undefined,
    )
    onLoad({ filter: /.*/, namespace: 'never-reached' }, () => ({
      contents: 'module.exports = {}',
      loader: 'js',
    }))
    // Of package.json the sources read the version alone.
    onLoad({ filter: /package\.json$/ }, ({ path }) =>
      path === PACKAGE_JSON
        ? {
            contents: JSON.stringify({ version: JSON.parse(readFileSync(path, 'utf8')).version }),
            loader: 'json',
          }
        : undefined,
    )
    onResolve({ filter: /.*/ }, async ({ path, pluginData, ...from }) => {
      if (pluginData === leaveOut || from.kind === 'entry-point') return undefined
      const found = await resolve(path, {
        importer: from.importer,
        kind: from.kind,
        resolveDir: from.resolveDir,
        pluginData: leaveOut,
      })
      // Nothing is returned for the others: an answer would lose what esbuild itself knows of a
      // file, such as its package's module type.
      return PURE.test(found.path) ? { ...found, sideEffects: false } : undefined
    })
  },
}

rmSync(folder, { recursive: true, force: true })
const { metafile } = await build({
  entryPoints: {
    'main/index': 'src/main.ts',
    'post/index': 'src/post.ts',
    'keeper/index': 'src/keeper.ts',
    'sts/sdk': 'src/sts/sdk.ts',
  },
  outdir: folder,
  bundle: true,
  minify: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  mainFields: ['module', 'main'],
  // import() becomes require: Node would parse a CommonJS file that is imported once more, for the
  // names that it exports.
  supported: { 'dynamic-import': false },
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
  plugins: [leaveOut],
})
writeFileSync(join(folder, 'package.json'), '{ "type": "commonjs" }\n')
writeFileSync(join(folder, 'licenses.txt'), licenses(Object.keys(metafile.inputs)))

/** The notices of every package of which the bundle holds a file. */
function licenses(inputs) {
  const packages = new Set(
    inputs.flatMap((input) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1] ?? []),
  )
  return [...packages]
    .sort()
    .map((path) => {
      const { name, version, license } = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'))
      const file = readdirSync(path).find((entry) => /^licen[cs]e(\.(md|txt))?$/i.test(entry))
      const text = file === undefined ? '' : `\n${readFileSync(join(path, file), 'utf8').trim()}\n`
      return `${name} ${version} (${license})\n${text}`
    })
    .join('\n\n')
    .replaceAll('\r\n', '\n')
}
