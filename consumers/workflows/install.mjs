// What these tests run beside Node: act, actionlint and zizmor, of fixed versions, in a folder that git ignores. Nothing is fetched that is
// there already. What cannot be had is named; in a CI run that is an error, since a suite that skips what it is for proves nothing.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { PROGRAMS } from './programs.mjs'

/** How to install each, into the folder of its program. */
const COMMANDS = {
  act: (folder, version) => run('go', ['install', `github.com/nektos/act@v${version}`], { GOBIN: folder }),
  actionlint: (folder, version) => run('go', ['install', `github.com/rhysd/actionlint/cmd/actionlint@v${version}`], { GOBIN: folder }),
  zizmor(folder, version) {
    const environment = dirname(folder)
    run('python3', ['-m', 'venv', environment])
    run(join(folder, 'pip'), ['install', '--quiet', '--disable-pip-version-check', `zizmor==${version}`])
  },
}

/** Jest's globalSetup. */
export default function install() {
  for (const [name, { version, path }] of Object.entries(PROGRAMS)) {
    if (existsSync(path)) continue
    const folder = dirname(path)
    try {
      mkdirSync(folder, { recursive: true })
      COMMANDS[name](folder, version)
    } catch (error) {
      if (process.env.CI !== undefined) throw error
      process.stderr.write(`skipped: ${name} ${version}, which cannot be installed here: ${String(error.message).split('\n')[0]}\n`)
    }
  }
}

function run(command, args, env = {}) {
  execFileSync(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] })
}
