/**
 * The keeper's process, as main starts it: early, so that Node boots while STS is asked. Until it
 * has its order it does nothing, and without one it ends by itself, as when main is killed.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { dirname, join, parse, resolve } from 'node:path'
import { say } from '../text/prose.js'
import { KeeperError } from './keeper-error.js'

/** A keeper that waits for its order. */
export interface LaunchedKeeper {
  /**
   * Gives the keeper its order, and lets go of it.
   *
   * @returns the port at which it listens
   * @throws KeeperError, with no process left behind
   */
  readonly give: (order: string) => Promise<number>
  /** Ends a keeper that will get no order. */
  readonly dismiss: () => void
}

/** How long a process of Node may take to start on a busy machine. */
const START_WITHIN_MS = 15_000
/** What the keeper's process needs of the job's environment; none of it is secret. */
const KEPT_VARIABLES = [
  // By this the runner finds what a job has left running.
  'RUNNER_TRACKING_ID',
  'NODE_USE_SYSTEM_CA',
  // How long a name look-up may take.
  'RES_OPTIONS',
  'TMPDIR',
  'TEMP',
  'TMP',
]
/**
 * The keeper computes next to nothing, so that it does without compilers: 5 MB less in memory. A
 * small space for young objects keeps it from growing. Both flags are in Node's documentation.
 */
const NODE_FLAGS = ['--jitless', '--max-semi-space-size=1']
const KEPT_PATHS = ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'OPENSSL_CONF', 'OPENSSL_MODULES']
/** Of NODE_OPTIONS: whom main trusts, and how it finds and reaches a host. */
const NETWORK_OPTION =
  /(?<=^|\s)--(?:use-(?:openssl|system|bundled)-ca|tls-(?:min|max)-v1\.\d|no-network-family-autoselection|(?:tls-cipher-list|dns-result-order|network-family-autoselection-attempt-timeout)[= ]\S+)(?=\s|$)/g

/** @param variables the job's environment */
export function launchKeeper(variables: Readonly<NodeJS.ProcessEnv>): LaunchedKeeper {
  const script = join(dirname(process.argv[1] ?? ''), '../keeper/index.js')
  const keeper = spawn(process.execPath, [...NODE_FLAGS, script], {
    cwd: parse(process.execPath).root,
    env: keeperEnvironment(variables),
    // No stream of this step: the runner would wait for it, and then kill its holder.
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
    windowsHide: true,
  })
  const { stdin, stdout } = keeper
  const ended = new Promise<never>((_, fail) => {
    keeper.once('error', (cause: NodeJS.ErrnoException) => {
      fail(didNotStart(cause.code ?? 'unknown cause', cause))
    })
    keeper.once('exit', (code, signal) => {
      fail(didNotStart(`it ended with ${code ?? signal ?? 'an unknown status'}`))
    })
  })
  // Reported to whoever gives the order, if anyone does.
  ended.catch(() => undefined)
  stdin.on('error', () => undefined)

  const letGo = (): void => {
    stdin.destroy()
    stdout.destroy()
    keeper.unref()
  }
  return {
    give: async (order) => {
      let timer: NodeJS.Timeout | undefined
      const tooLate = new Promise<never>((_, fail) => {
        timer = setTimeout(() => {
          fail(didNotStart(`no answer within ${START_WITHIN_MS / 1000} s`))
        }, START_WITHIN_MS)
      })
      stdin.end(order)
      try {
        return await Promise.race([portFrom(stdout), ended, tooLate])
      } catch (failure) {
        keeper.kill('SIGKILL')
        throw failure
      } finally {
        clearTimeout(timer)
        letGo()
      }
    },
    dismiss: letGo,
  }
}

function didNotStart(reason: string, cause?: unknown): KeeperError {
  return new KeeperError(say`refresh: the background process could not be started (${reason}).`, { cause })
}

async function portFrom(stdout: NonNullable<ChildProcess['stdout']>): Promise<number> {
  let answer = ''
  return new Promise((done) => {
    stdout.setEncoding('utf8').on('data', (part: string) => {
      answer += part
      const port = /^(\d{1,5})\n/.exec(answer)?.[1]
      if (port !== undefined) done(Number(port))
    })
  })
}

function keeperEnvironment(variables: Readonly<NodeJS.ProcessEnv>): Record<string, string> {
  const options = variables.NODE_OPTIONS?.match(NETWORK_OPTION) ?? []
  const paths = Object.entries(heldVariables(variables, KEPT_PATHS))
  return {
    ...heldVariables(variables, KEPT_VARIABLES),
    // The keeper works in another folder.
    ...Object.fromEntries(paths.map(([name, path]) => [name, resolve(path)])),
    ...(options.length === 0 ? {} : { NODE_OPTIONS: options.join(' ') }),
  }
}

/** The variables of these names that hold something. */
export function heldVariables(
  variables: Readonly<NodeJS.ProcessEnv>,
  names: readonly string[],
): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = variables[name] ?? ''
      return value === '' ? [] : [[name, value]]
    }),
  )
}
