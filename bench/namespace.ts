/**
 * Real host names on one machine: the benchmark runs itself again in a private network and mount
 * namespace, where nothing but loopback exists and /etc/hosts is a file of its own. The machine's
 * own network and files are not touched, and nothing has to be undone.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const HOSTS_VARIABLE = 'BENCH_HOSTS_FILE'
const ENTER = `ip link set lo up && mount --bind "$${HOSTS_VARIABLE}" /etc/hosts`

/** Leads host names to an address. Undefined outside a namespace of one's own. */
export type NameService = (names: readonly string[], address: string) => void

export function nameService(): NameService | undefined {
  const hosts = process.env[HOSTS_VARIABLE]
  if (hosts === undefined) return undefined
  return (names, address) => {
    // Written in place: the mount is of this very file.
    writeFileSync(hosts, `127.0.0.1 localhost\n${address} ${names.join(' ')}\n`)
  }
}

/**
 * Runs this program again, with its arguments, in a namespace of its own, and waits for its end.
 *
 * @returns its exit code, or undefined if this machine allows no namespaces
 */
export function runInNamespace(): number | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'bench-hosts-'))
  try {
    const hosts = join(folder, 'hosts')
    writeFileSync(hosts, '127.0.0.1 localhost\n')
    const env = { ...process.env, [HOSTS_VARIABLE]: hosts }
    const unshare = (script: string, ...command: string[]) => ['-rnm', 'sh', '-c', script, 'sh', ...command]
    if (spawnSync('unshare', unshare(ENTER), { env, stdio: 'ignore' }).status !== 0) return undefined
    const again = [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
    return (
      spawnSync('unshare', unshare(`${ENTER} && exec "$@"`, ...again), { env, stdio: 'inherit' }).status ?? 1
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
