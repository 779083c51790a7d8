/** The keeper of a job as the system sees it: its process, and what a client gets from it. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Job, StepInputs } from './job.js'

export const REFRESH: StepInputs = { profile: 'ci', refresh: 'true' }

/** A process as /proc shows it. */
export interface KeeperProcess {
  readonly pid: number
  readonly environment: Readonly<Record<string, string>>
  readonly commandLine: readonly string[]
}

/** The keepers that the job's steps have started. */
export function keepersOf(job: Job): KeeperProcess[] {
  return job.orphans().flatMap((pid) => {
    try {
      const [commandLine = [], variables = []] = ['cmdline', 'environ'].map((file) =>
        readFileSync(`/proc/${pid}/${file}`, 'utf8').split('\0').slice(0, -1),
      )
      const environment = Object.fromEntries(
        variables.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
      )
      return commandLine.at(-1)?.endsWith('/keeper/index.js') === true
        ? [{ pid, environment, commandLine }]
        : []
    } catch {
      // It ended while it was looked at.
      return []
    }
  })
}

/** The TCP ports at which a process listens (Linux, IPv4). */
export function portsOf(pid: number): number[] {
  const sockets = readdirSync(`/proc/${pid}/fd`).flatMap((descriptor) => {
    try {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${descriptor}`)) ?? []
      return inode ?? []
    } catch {
      // It was closed while it was looked at.
      return []
    }
  })
  // proc(5): number, local address, remote address, state (0A: listening), ..., inode.
  const table = readFileSync(`/proc/${pid}/net/tcp`, 'utf8').split('\n')
  return table.flatMap((line) => {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/)
    return state === '0A' && sockets.includes(inode) ? [parseInt(local.split(':')[1] ?? '', 16)] : []
  })
}

/** Waits until something is so; fails after so many seconds. */
export async function eventually(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  seconds = 20,
): Promise<void> {
  const deadline = performance.now() + seconds * 1000
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`Not so after ${seconds} s: ${what}`)
    await delay(50)
  }
}

export interface ServedAnswer {
  readonly status: number
  readonly body: Readonly<Record<string, string>>
}

/** What a client of the credentials URI gets; undefined if nobody answers. */
export async function served(uri: string | undefined): Promise<ServedAnswer | undefined> {
  try {
    const answer = await fetch(uri ?? '')
    return { status: answer.status, body: (await answer.json()) as Record<string, string> }
  } catch {
    return undefined
  }
}

/** The credentials URI that the job's last step exported. */
export function uriOf(job: Job): string {
  return job.env.get('ALIBABA_CLOUD_CREDENTIALS_URI') ?? ''
}

/** ID of the session that is served now; undefined if there is none. */
export async function sessionOf(job: Job): Promise<string | undefined> {
  return (await served(uriOf(job)))?.body.AccessKeyId
}

/** Waits for another session than this one, and gives its ID. */
export async function renewed(job: Job, than: string | undefined): Promise<string> {
  let id: string | undefined
  await eventually('the session is renewed', async () => {
    id = await sessionOf(job)
    return id !== undefined && id !== than
  })
  return id ?? ''
}

/** Names of what keepers have in RUNNER_TEMP. */
export function foldersLeft(job: Job): string[] {
  return readdirSync(job.temp).filter((name) => name.startsWith('alibaba-cloud'))
}

/**
 * Waits until the job has no keeper, no folder of one, and nothing beside the CLI's configuration.
 */
export async function nothingLeft(job: Job): Promise<void> {
  await eventually('no process, folder or entry is left', () => {
    const home = dirname(job.configFile)
    return (
      keepersOf(job).length === 0 &&
      foldersLeft(job).length === 0 &&
      (!existsSync(home) || readdirSync(home).length === 0)
    )
  })
}
