/**
 * The process that runs the job, on Linux. It is known by its ID and its start time together: IDs
 * are reused. In a container, or if /proc hides other users' processes, it cannot be seen.
 */
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { nodeCodeOf } from '../net/node-codes.js'

/** One process, however often its ID is reused. */
export interface WorkerProcess {
  readonly pid: number
  /** In clock ticks since boot, as /proc has it. */
  readonly startTime: string
}

/** GitHub's runner starts one worker for each job; act is the whole run. */
const WORKER_NAMES = ['Runner.Worker', 'act']
const MOST_ANCESTORS = 64

interface Stat {
  /** Of the main thread, which a program may change. */
  readonly name: string
  /** The file name of the program as it was started; undefined if it cannot be read. */
  readonly program?: string | undefined
  readonly state: string
  readonly parent: number
  readonly startTime: string
}

/** Why a process cannot be seen: the system knows none of this ID, or does not let it be read. */
type Unseen = 'gone' | 'unreadable'

/**
 * The nearest ancestor that runs the job, beginning with the process `pid`; undefined if there is
 * none to be seen.
 */
export function findWorkerProcess(pid: number, readStat = statOf): WorkerProcess | undefined {
  let candidate = pid
  for (let hops = 0; hops < MOST_ANCESTORS && candidate > 0; hops++) {
    const stat = readStat(candidate)
    if (isUnseen(stat)) return undefined
    if (WORKER_NAMES.some((name) => name === stat.name || name === stat.program))
      return { pid: candidate, startTime: stat.startTime }
    candidate = stat.parent
  }
  return undefined
}

/**
 * False if the process is gone, is another one of the same ID, or has ended and nobody has taken
 * note. One that cannot be read, as on a machine out of file descriptors, is not gone.
 */
export function isAlive({ pid, startTime }: WorkerProcess, readStat = statOf): boolean {
  const stat = readStat(pid)
  if (isUnseen(stat)) return stat !== 'gone'
  return stat.startTime === startTime && !['Z', 'X'].includes(stat.state)
}

function isUnseen(stat: Stat | Unseen): stat is Unseen {
  return typeof stat === 'string'
}

function statOf(pid: number): Stat | Unseen {
  try {
    const stat = parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))
    const [program = ''] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    return stat === undefined ? 'unreadable' : { ...stat, program: basename(program) }
  } catch (failure) {
    // A process that ends while it is read is ESRCH.
    return ['ENOENT', 'ESRCH'].includes(nodeCodeOf(failure) ?? '') ? 'gone' : 'unreadable'
  }
}

/**
 * proc(5): `pid (name) state ppid ...`, the start time being the 22nd field. A name may hold
 * anything, `) ` too.
 */
export function parseStat(text: string): Stat | undefined {
  const match = /^\d+ \((.*)\) (\S) (\d+) (.*)$/s.exec(text.trimEnd())
  const [, name, state, parent, rest] = match ?? []
  const startTime = rest?.split(' ')[17]
  if (name === undefined || state === undefined || parent === undefined || startTime === undefined)
    return undefined
  return { name, state, parent: Number(parent), startTime }
}
