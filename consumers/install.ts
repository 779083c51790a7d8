/**
 * Installs the client libraries, at the versions that the manifests in clients/ pin, into a cache
 * beside the sources.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'

const CLIENTS = join(import.meta.dirname, 'clients')
export const CACHE = resolve(import.meta.dirname, '../.cache/consumers')

export type ClientName = 'go' | 'java' | 'node' | 'python'

interface Recipe {
  readonly tools: readonly string[]
  /** Commands that run in a copy of the client's folder, in the cache. */
  readonly commands: readonly (readonly [command: string, ...args: string[]])[]
}

const RECIPES: Readonly<Record<ClientName, Recipe>> = {
  go: { tools: ['go'], commands: [['go', 'build', '-mod=readonly', '-trimpath', '-o', 'whoami', '.']] },
  java: {
    tools: ['mvn', 'javac', 'java', 'keytool'],
    commands: [
      ['mvn', '-q', '-B', 'dependency:copy-dependencies', '-DoutputDirectory=lib'],
      ['javac', '-cp', 'lib/*', '-d', 'classes', 'WhoAmI.java'],
    ],
  },
  node: { tools: ['npm'], commands: [['npm', 'ci', '--ignore-scripts']] },
  python: {
    tools: ['python3'],
    commands: [
      ['python3', '-m', 'venv', 'venv'],
      ['venv/bin/pip', 'install', '-q', '-r', 'requirements.txt'],
    ],
  },
}

export const CLIENT_NAMES = Object.keys(RECIPES) as ClientName[]

/** The path of a command on PATH; undefined if it is not there. */
export function onPath(command: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return folders.map((folder) => join(folder, command)).find((path) => existsSync(path))
}

/** The first tool that a client would need and that is not on PATH. */
export function missingTool(client: ClientName): string | undefined {
  return RECIPES[client].tools.find((tool) => onPath(tool) === undefined)
}

/**
 * Does nothing if the same sources have been installed already. Rejects with what the failing
 * command printed.
 */
export async function install(client: ClientName): Promise<void> {
  const source = join(CLIENTS, client)
  const target = join(CACHE, client)
  const stampFile = join(target, '.stamp')
  const stamp = hashOf(source, [process.version, process.platform, process.arch])
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return
  rmSync(target, { recursive: true, force: true })
  mkdirSync(target, { recursive: true })
  cpSync(source, target, { recursive: true })
  for (const [command, ...args] of RECIPES[client].commands) await run(command, args, target)
  writeFileSync(stampFile, stamp)
}

function hashOf(folder: string, more: readonly string[]): string {
  const hash = createHash('sha256')
  for (const name of readdirSync(folder).sort())
    hash.update(`${name}\0`).update(readFileSync(join(folder, name)))
  return hash.update(more.join('\0')).digest('hex')
}

async function run(command: string, args: readonly string[], cwd: string): Promise<void> {
  await new Promise<void>((done, fail) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (part: string) => (output += part))
    child.once('error', fail)
    child.once('close', (code) => {
      if (code === 0) done()
      else fail(new Error(`${[command, ...args].join(' ')} ended with ${String(code)}:\n${output}`))
    })
  })
}
