/**
 * Installs the client libraries, runs the tests with them in a network of their own, where no
 * program can reach anything but the stand-ins, then the workflows' tests, and prints what each
 * program did. Arguments go to jest; with any, docs/programs.md is not held to the results.
 */
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { CACHE, CLIENT_NAMES, install, missingTool } from './install.js'
import { OWN_NETWORK, REAL_HOSTS } from './network.js'
import { disagreements, forgetResults, readResults, tableOf } from './results.js'

const ROOT = resolve(import.meta.dirname, '..')
const REPORT = join(CACHE, 'jest.json')
const SUITES = ['jest.config.mjs', 'workflows/jest.config.mjs']
const HOSTS = join(CACHE, 'hosts')

interface JestReport {
  readonly testResults: readonly {
    readonly message: string
    readonly status: string
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[]
      readonly title: string
      readonly status: string
    }[]
  }[]
}

async function main(args: readonly string[]): Promise<number> {
  mkdirSync(CACHE, { recursive: true })
  writeFileSync(HOSTS, `127.0.0.1 localhost ${REAL_HOSTS.join(' ')}\n`)
  const begin = Date.now()
  if (spawnSync('unshare', [...NAMESPACE, 'true']).status !== 0)
    throw new Error(
      'No network namespace can be had here. On Ubuntu: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0',
    )
  await Promise.all(CLIENT_NAMES.filter((client) => missingTool(client) === undefined).map(install))
  console.log(`Client libraries installed: ${Math.round((Date.now() - begin) / 1000)} s`)

  forgetResults()
  const files: JestReport['testResults'][number][] = []
  for (const suite of SUITES) files.push(...(await runJest(suite, args)).testResults)

  const results = readResults()
  console.log(`\n${tableOf(results)}`)
  const faults =
    args.length > 0 ? [] : disagreements(readFileSync(join(ROOT, 'docs/programs.md'), 'utf8'), results)
  for (const fault of faults) console.log(`\ndocs/programs.md: ${fault}`)

  const tests = files.flatMap(({ assertionResults }) => assertionResults)
  const count = (...states: string[]): number => tests.filter(({ status }) => states.includes(status)).length
  const skipped = tests
    .filter(({ status }) => status === 'pending')
    .map(({ ancestorTitles, title }) => ancestorTitles[0] ?? title)
  console.log('')
  for (const name of new Set(skipped)) console.log(`skipped: ${name}`)
  const failedFiles = files.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
  ).length
  const failed = count('failed') + failedFiles + faults.length
  console.log(`${count('passed')} passed, ${failed} failed, ${skipped.length} skipped`)
  return failed === 0 && count('passed') > 0 ? 0 : 1
}

const ENTER = 'ip link set lo up && mount --bind "$0" /etc/hosts && exec "$@"'
const NAMESPACE = ['-rnm', 'sh', '-c', ENTER, HOSTS]

async function runJest(suite: string, args: readonly string[]): Promise<JestReport> {
  const jest = [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    join(ROOT, 'node_modules/jest/bin/jest.js'),
    `--config=${join(import.meta.dirname, suite)}`,
    '--json',
    `--outputFile=${REPORT}`,
    '--passWithNoTests',
    ...args,
  ]
  const apart = suite === SUITES[0]
  const command = apart ? ['unshare', ...NAMESPACE, process.execPath, ...jest] : [process.execPath, ...jest]
  rmSync(REPORT, { force: true })
  await new Promise<void>((done, fail) => {
    const env = { ...process.env, ...(apart ? { [OWN_NETWORK]: '1' } : {}) }
    // The report on stdout is in the file as well.
    const child = spawn(command[0] ?? '', command.slice(1), {
      cwd: ROOT,
      env,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    child.once('error', fail)
    child.once('close', () => {
      done()
    })
  })
  return JSON.parse(readFileSync(REPORT, 'utf8')) as JestReport
}

process.exitCode = await main(process.argv.slice(2))
