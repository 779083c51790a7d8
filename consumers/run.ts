/**
 * Installs the client libraries, runs the tests with them in a network of their own, where no program can reach anything but the stand-ins, and
 * prints what each program did. Arguments go to jest; with any, README.md is not held to the results.
 */
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { CACHE, CLIENT_NAMES, install, missingTool } from './install.js'
import { NETWORK_VARIABLE, REAL_HOSTS } from './network.js'
import { disagreements, forgetResults, readResults, tableOf } from './results.js'

const ROOT = resolve(import.meta.dirname, '..')
const REPORT = join(CACHE, 'jest.json')
const HOSTS = join(CACHE, 'hosts')

interface JestReport {
  readonly testResults: readonly {
    readonly message: string
    readonly status: string
    readonly assertionResults: readonly { readonly ancestorTitles: readonly string[]; readonly title: string; readonly status: string }[]
  }[]
}

async function main(args: readonly string[]): Promise<number> {
  mkdirSync(CACHE, { recursive: true })
  const begin = Date.now()
  await Promise.all(CLIENT_NAMES.filter((client) => missingTool(client) === undefined).map(install))
  console.log(`Client libraries installed: ${Math.round((Date.now() - begin) / 1000)} s`)

  forgetResults()
  writeFileSync(HOSTS, `127.0.0.1 localhost ${REAL_HOSTS.join(' ')}\n`)
  await runJest(args)
  const report = JSON.parse(readFileSync(REPORT, 'utf8')) as JestReport

  const results = readResults()
  console.log(`\n${tableOf(results)}`)
  const faults = args.length > 0 ? [] : disagreements(readFileSync(join(ROOT, 'README.md'), 'utf8'), results)
  for (const fault of faults) console.log(`\nREADME.md: ${fault}`)

  const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults)
  const count = (...states: string[]): number => tests.filter(({ status }) => states.includes(status)).length
  const skipped = tests.filter(({ status }) => status === 'pending').map(({ ancestorTitles, title }) => ancestorTitles[0] ?? title)
  console.log('')
  for (const name of new Set(skipped)) console.log(`skipped: ${name}`)
  const failedFiles = report.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
  ).length
  const failed = count('failed') + failedFiles + faults.length
  console.log(`${count('passed')} passed, ${failed} failed, ${skipped.length} skipped`)
  return failed === 0 && count('passed') > 0 ? 0 : 1
}

/** In a namespace where there may be one: with loopback alone, and with the real hosts' names there. */
async function runJest(args: readonly string[]): Promise<void> {
  const jest = [
    process.execPath,
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    join(ROOT, 'node_modules/jest/bin/jest.js'),
    `--config=${join(import.meta.dirname, 'jest.config.mjs')}`,
    '--json',
    `--outputFile=${REPORT}`,
    ...args,
  ]
  const enter = 'ip link set lo up && mount --bind "$0" /etc/hosts && exec "$@"'
  const namespace = ['unshare', '-rnm', 'sh', '-c']
  const apart = spawnSync(namespace[0] ?? '', [...namespace.slice(1), enter, HOSTS, 'true']).status === 0
  const [command = '', ...rest] = apart ? [...namespace, enter, HOSTS, ...jest] : jest
  await new Promise<void>((done, fail) => {
    const env = { ...process.env, ...(apart ? { [NETWORK_VARIABLE]: '1' } : {}) }
    // The report on stdout is in the file as well.
    const child = spawn(command, rest, { cwd: ROOT, env, stdio: ['ignore', 'ignore', 'inherit'] })
    child.once('error', fail)
    child.once('close', () => {
      done()
    })
  })
}

process.exitCode = await main(process.argv.slice(2))
