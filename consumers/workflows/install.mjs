// What these tests run beside Node: act, actionlint and zizmor, of fixed versions, in a folder that
// git ignores. Go checks its modules against the public checksum database; zizmor's checksums are
// in requirements.txt. Nothing is fetched that is there already. What cannot be had is named; in a
// CI run that is an error, since a suite that skips what it is for proves nothing.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { PROGRAMS, REQUIREMENTS } from './programs.mjs'

/** How to install each, into the folder of its program. */
const COMMANDS = {
  act: async (folder, version) =>
    run('go', ['install', `github.com/nektos/act@v${version}`], { GOBIN: folder }),
  actionlint: async (folder, version) =>
    run('go', ['install', `github.com/rhysd/actionlint/cmd/actionlint@v${version}`], { GOBIN: folder }),
  async zizmor(folder) {
    await run('python3', ['-m', 'venv', dirname(folder)])
    const options = ['--quiet', '--disable-pip-version-check', '--only-binary=:all:', '--require-hashes']
    await run(join(folder, 'pip'), ['install', ...options, '--requirement', REQUIREMENTS])
  },
}

/** Jest's globalSetup. */
export default async function install() {
  await Promise.all(
    Object.entries(PROGRAMS).map(async ([name, { version, path }]) => {
      if (existsSync(path)) return
      try {
        mkdirSync(dirname(path), { recursive: true })
        await COMMANDS[name](dirname(path), version)
      } catch (error) {
        if (process.env.CI !== undefined) throw error
        process.stderr.write(
          `skipped: ${name} ${version}, which cannot be installed here: ${String(error.message).split('\n')[0]}\n`,
        )
      }
    }),
  )
}

async function run(command, args, env = {}) {
  await promisify(execFile)(command, args, { env: { ...process.env, ...env } })
}
