/**
 * The programs that use what the step leaves behind, each with a way to learn whom it takes itself
 * for.
 */
import { execFile, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startOss } from '../stand-in/oss.js'
import type { StandIn } from '../stand-in/stand-in.js'
import { CACHE, missingTool, onPath } from './install.js'

/** What a later step of a job has. */
export interface Place {
  readonly standIn: StandIn
  readonly home: string
  readonly env: Readonly<Record<string, string>>
}

/**
 * Whom the services took the program for, by a signature that they verified; or what the program
 * said.
 */
export type Answer = { readonly arn: string; readonly version: string } | { readonly error: string }

export interface Program {
  /** Its name in the results. */
  readonly name: string
  /** What the step's warnings call it. */
  readonly calledInWarnings: RegExp
  /** Why it cannot be had on this machine. */
  readonly missing: string | undefined
  readonly ask: (place: Place) => Promise<Answer>
  /**
   * Lets one process, with one client, ask again and again for so many seconds; undefined if a
   * process asks only once.
   */
  readonly keepAsking?: (place: Place, seconds: number) => Promise<Answer>
  /** What a user has to add for it to use the variables. */
  readonly byVariables: string
  /** What a user has to add for it to use the profile; undefined if it reads none. */
  readonly byProfile: { readonly how: string; readonly env?: Readonly<Record<string, string>> } | undefined
}

const CURRENT = { how: 'yes' }
const SDKS = /\bSDKs?\b/

export type ProgramName =
  'go' | 'node' | 'nodeV1' | 'python' | 'java' | 'cli' | 'terraform' | 'tofu' | 'ossPython' | 'serverlessDevs'

export const PROGRAMS: Readonly<Record<ProgramName, Program>> = {
  go: sdk('Go: credentials-go', 'go', join(CACHE, 'go/whoami'), []),
  node: sdk('Node.js: @alicloud/credentials', 'node', 'node', [
    join(CACHE, 'node/whoami.mjs'),
    '@alicloud/sts20150401',
  ]),
  nodeV1: sdk('Node.js: the same with @alicloud/sts20150401 1.1.4', 'node', 'node', [
    join(CACHE, 'node/whoami.mjs'),
    'sts-v1',
  ]),
  python: sdk('Python: alibabacloud_credentials', 'python', join(CACHE, 'python/venv/bin/python'), [
    join(CACHE, 'python/whoami.py'),
  ]),
  java: {
    ...sdk('Java: credentials-java', 'java', 'java', [
      '-XX:TieredStopAtLevel=1',
      '-XX:+UseSerialGC',
      '-cp',
      `${CACHE}/java/classes:${CACHE}/java/lib/*`,
      'WhoAmI',
    ]),
    byProfile: { how: 'with `-Duser.home="$HOME"` if HOME is not the account\'s' },
  },
  cli: {
    name: 'aliyun CLI',
    calledInWarnings: /aliyun CLI/,
    missing: absent('aliyun'),
    ask: askCli,
    byVariables: 'yes',
    byProfile: CURRENT,
  },
  terraform: stateWriter('Terraform, backend oss', 'terraform'),
  tofu: stateWriter('OpenTofu, backend oss', 'tofu'),
  ossPython: {
    name: 'OSS SDK for Python: alibabacloud-oss-v2',
    calledInWarnings: /OSS SDKs/,
    missing: without('python'),
    ask: askOss,
    byVariables: 'with `export-for: oss`',
    byProfile: undefined,
  },
  serverlessDevs: {
    name: 'Serverless Devs: @serverless-devs/credential',
    calledInWarnings: /Serverless Devs/,
    missing: without('node'),
    ask: askServerlessDevs,
    byVariables: 'with `export-for: serverless-devs`',
    byProfile: { how: 'with `access: ${aliyun-cli}`', env: { SERVERLESS_DEVS_ACCESS: '${aliyun-cli}' } },
  },
}

function absent(command: string): string | undefined {
  return onPath(command) === undefined ? `no ${command} on PATH` : undefined
}

function without(client: Parameters<typeof missingTool>[0]): string | undefined {
  const tool = missingTool(client)
  return tool === undefined ? undefined : `no ${tool} on PATH`
}

function sdk(
  name: string,
  client: Parameters<typeof missingTool>[0],
  command: string,
  args: readonly string[],
): Program {
  const run = async (place: Place, ...more: readonly string[]): Promise<Answer> => {
    const own = client === 'java' ? await javaOptions(place) : []
    const { exitCode, stdout, stderr } = await runIn(place, command, [...own, ...args, ...more])
    // Java's logger writes to stdout, before the answer.
    return exitCode === 0
      ? (JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as { arn: string; version: string })
      : { error: stderr }
  }
  return {
    name,
    calledInWarnings: SDKS,
    missing: without(client),
    byVariables: 'yes',
    byProfile: CURRENT,
    ask: async (place) => run(place),
    keepAsking: async (place, seconds) => run(place, String(seconds)),
  }
}

/** The JVM asks the account data base, not HOME, and knows CAs from a store of its own format. */
async function javaOptions({ standIn, home }: Place): Promise<string[]> {
  const store = `${standIn.caFile ?? ''}.p12`
  if (!existsSync(store))
    await promisify(execFile)('keytool', [
      '-importcert',
      '-noprompt',
      '-storepass',
      'changeit',
      '-file',
      standIn.caFile ?? '',
      '-keystore',
      store,
    ])
  return [
    `-Duser.home=${home}`,
    `-Djavax.net.ssl.trustStore=${store}`,
    '-Djavax.net.ssl.trustStorePassword=changeit',
  ]
}

/** The CLI speaks TLS to whatever it is given; its errors go to stderr. */
async function askCli(place: Place): Promise<Answer> {
  const { exitCode, stdout, stderr } = await runIn(place, 'aliyun', [
    'sts',
    'GetCallerIdentity',
    '--endpoint',
    place.standIn.sts.host,
  ])
  // A file that it cannot read is an error with exit code 0.
  if (exitCode !== 0 || !stdout.includes('Arn')) return { error: `${stdout}${stderr}` }
  const version = await runIn(place, 'aliyun', ['version'])
  return { arn: (JSON.parse(stdout) as { Arn: string }).Arn, version: version.stdout.trim() }
}

/** Terraform or OpenTofu, with a state in OSS. */
function stateWriter(name: string, command: string): Program {
  return {
    name,
    calledInWarnings: /Terraform/,
    missing: absent(command),
    byVariables: 'yes',
    byProfile: {
      how: 'with `ALICLOUD_PROFILE` or `profile` in the backend',
      env: { ALICLOUD_PROFILE: 'ci' },
    },
    async ask(place) {
      const oss = await startOss(place.standIn)
      const folder = mkdtempSync(join(tmpdir(), 'state-'))
      try {
        cpSync(join(import.meta.dirname, 'clients/terraform'), folder, { recursive: true })
        const env = {
          CHECKPOINT_DISABLE: '1',
          TF_IN_AUTOMATION: '1',
          ALICLOUD_OSS_ENDPOINT: oss.url,
          ...place.env,
        }
        for (const args of [['init'], ['apply', '-auto-approve']]) {
          const { exitCode, stderr } = await runIn(
            { ...place, env },
            command,
            [...args, '-input=false', '-no-color'],
            folder,
          )
          if (exitCode !== 0) return { error: stderr }
        }
        const { stdout } = await runIn({ ...place, env }, command, ['version', '-json'], folder)
        if (!(oss.objects.get('state/env:/terraform.tfstate') ?? '').includes('terraform_data'))
          return { error: 'no state was written' }
        return {
          arn: onlyCaller(oss.requests),
          version: (JSON.parse(stdout) as { terraform_version: string }).terraform_version,
        }
      } finally {
        rmSync(folder, { recursive: true })
        await oss.close()
      }
    },
  }
}

async function askOss(place: Place): Promise<Answer> {
  const oss = await startOss(place.standIn)
  try {
    const env = { ...place.env, OSS_ENDPOINT: oss.url }
    const { exitCode, stdout, stderr } = await runIn(
      { ...place, env },
      join(CACHE, 'python/venv/bin/python'),
      [join(CACHE, 'python/oss.py')],
    )
    if (exitCode !== 0) return { error: stderr }
    return { arn: onlyCaller(oss.requests), version: (JSON.parse(stdout) as { version: string }).version }
  } finally {
    await oss.close()
  }
}

/** It resolves a key and, from variables, makes no call: the stand-in is asked whose it is. */
async function askServerlessDevs(place: Place): Promise<Answer> {
  const { exitCode, stdout, stderr } = await runIn(place, 'node', [join(CACHE, 'node/serverless-devs.mjs')])
  if (exitCode !== 0) return { error: stderr }
  const { credential, version } = JSON.parse(stdout) as {
    credential: Record<string, string>
    version: string
  }
  const found = place.standIn.authenticate(credential.AccessKeyID ?? '', credential.SecurityToken)
  if ('code' in found) return { error: found.code }
  return found.accessKeySecret === credential.AccessKeySecret
    ? { arn: found.arn, version }
    : { error: 'a wrong secret' }
}

function onlyCaller(requests: readonly { readonly caller: string | undefined }[]): string {
  return [...new Set(requests.map(({ caller }) => caller ?? 'nobody'))].join(' and ')
}

interface Ended {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs a program as a later step would; it finds the stand-in by STS_ENDPOINT and trusts its CA.
 */
export async function runIn(
  place: Place,
  command: string,
  args: readonly string[],
  cwd = place.home,
): Promise<Ended> {
  const { standIn, home } = place
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: home,
    GITHUB_ACTIONS: 'true',
    // Else the SDKs' chains end at the metadata service of an ECS instance.
    ALIBABA_CLOUD_ECS_METADATA_DISABLED: 'true',
    STS_ENDPOINT: standIn.sts.host,
    ...(standIn.caFile === undefined
      ? {}
      : { SSL_CERT_FILE: standIn.caFile, NODE_EXTRA_CA_CERTS: standIn.caFile }),
    ...place.env,
  }
  return new Promise((done, fail) => {
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
      killSignal: 'SIGKILL',
    })
    const ended = { stdout: '', stderr: '' }
    for (const stream of ['stdout', 'stderr'] as const)
      child[stream].setEncoding('utf8').on('data', (part: string) => (ended[stream] += part))
    child.once('error', fail)
    child.once('close', (exitCode) => {
      done({ exitCode, ...ended })
    })
  })
}
