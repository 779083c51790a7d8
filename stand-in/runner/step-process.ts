/**
 * One process of a step, as GitHub's runner starts it, waits for it and cancels it
 * (ProcessInvoker.cs of actions/runner).
 */
import { spawn, type ChildProcess } from 'node:child_process'

/** Milliseconds after the start of the process, or the moment at which a promise is kept. */
export type Moment = number | PromiseLike<unknown>

/** What befalls a process before it has ended by itself. */
export interface Interruption {
  /** `kill`: the machine is gone, nothing is announced. `cancel`: somebody cancels the run. */
  readonly kind: 'kill' | 'cancel'
  readonly at: Moment
  /** Milliseconds from SIGINT to SIGTERM. Default 7,500. */
  readonly afterInterrupt?: number
  /** Milliseconds from SIGTERM to SIGKILL. Default 2,500. */
  readonly afterTerminate?: number
}

export interface ProcessOptions {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly interruption?: Interruption | undefined
  /** Milliseconds that the streams may stay open after the process has ended. Default 5,000. */
  readonly heldStreamsLimit?: number | undefined
}

export interface ProcessRun {
  /** Null if a signal ended it. */
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
  /**
   * From the start of the process to its end and that of its streams. Nothing else happens between
   * the two.
   */
  readonly milliseconds: number
  /** Whether another process kept the streams open until the runner's patience ended. */
  readonly heldStreams: boolean
}

const AFTER_INTERRUPT = 7_500
const AFTER_TERMINATE = 2_500
const HELD_STREAMS_LIMIT = 5_000

/** @throws Error if the command cannot be started */
export async function runProcess({
  command,
  args,
  cwd,
  env,
  interruption,
  heldStreamsLimit = HELD_STREAMS_LIMIT,
}: ProcessOptions): Promise<ProcessRun> {
  return new Promise((done, fail) => {
    const parts = { stdout: '', stderr: '' }
    let heldStreams = false
    let patience: NodeJS.Timeout | undefined
    const start = performance.now()
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true })
    for (const stream of ['stdout', 'stderr'] as const)
      child[stream].setEncoding('utf8').on('data', (part: string) => (parts[stream] += part))
    const stopInterruption = interruption === undefined ? undefined : interrupt(child, interruption)
    child.once('error', fail)
    let closed = false
    const giveUp = (turnsLeft: number): void => {
      // On a busy machine the timer may come with the streams' ends, and then before them.
      if (turnsLeft > 0) setImmediate(giveUp, turnsLeft - 1)
      else if (!closed) {
        heldStreams = true
        child.stdout.destroy()
        child.stderr.destroy()
      }
    }
    child.once('exit', () => {
      patience = setTimeout(giveUp, heldStreamsLimit, 3)
    })
    child.once('close', (exitCode, signal) => {
      const milliseconds = performance.now() - start
      closed = true
      clearTimeout(patience)
      stopInterruption?.()
      done({ exitCode, signal, ...parts, milliseconds, heldStreams })
    })
  })
}

/**
 * Arranges for the interruption; what is returned calls it off. Windows knows no signals: there, a
 * cancelled process is killed.
 */
function interrupt(
  child: ChildProcess,
  { kind, at, afterInterrupt = AFTER_INTERRUPT, afterTerminate = AFTER_TERMINATE }: Interruption,
): () => void {
  let timer: NodeJS.Timeout | undefined
  let ended = false
  const signals: readonly (readonly [NodeJS.Signals, number])[] =
    kind === 'kill' || process.platform === 'win32'
      ? [['SIGKILL', 0]]
      : [
          ['SIGINT', afterInterrupt],
          ['SIGTERM', afterTerminate],
          ['SIGKILL', 0],
        ]
  const send = ([first, ...rest]: typeof signals): void => {
    if (ended || first === undefined) return
    const [signal, wait] = first
    child.kill(signal)
    if (rest.length > 0) timer = setTimeout(send, wait, rest)
  }
  const begin = (): void => {
    send(signals)
  }
  if (typeof at === 'number') timer = setTimeout(begin, at)
  else void Promise.resolve(at).then(begin, begin)
  return () => {
    ended = true
    clearTimeout(timer)
  }
}
