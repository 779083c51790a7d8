/**
 * The end of a step's process. Node ends a process when nothing is pending, and so would wait for
 * ever for a proxy that swallowed a request which is no longer needed. The step ends when its work
 * is done, when a signal comes, or when its deadline has passed. By then all that it wrote to
 * stdout has been read: stdout is a pipe, which Node writes asynchronously and `process.exit` cuts
 * off after 64 KiB.
 */

import { setTimeout as pause } from 'node:timers/promises'

/** How long a slow reader of stdout may hold up the end, in milliseconds. */
const FLUSH_MS = 10_000
/** The same after a signal: the runner kills 7.5 s after SIGINT, and 2.5 s after SIGTERM. */
const FLUSH_AFTER_SIGNAL_MS = 2_000

/**
 * How long what nobody needs any more may hold up the end of a step that has failed, in
 * milliseconds: a name look-up that was given up, or a file system that does not answer.
 */
const THREADS_MS = 3_000

/** Whether the work is done. What is left then has bounds of its own. */
let done = false

/**
 * Ends the process once the work is done, with the exit code that it set, or once a signal comes.
 */
export function endAfter(work: Promise<void>): void {
  // A runner that has closed its end does not read the rest.
  process.stdout.on('error', () => undefined)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const onSignal = (): void => {
      void flushed(FLUSH_AFTER_SIGNAL_MS).then(() => {
        process.off(signal, onSignal)
        process.kill(process.pid, signal)
      })
    }
    process.on(signal, onSignal)
  }
  void work
    .catch(() => {
      // Without its message, which has not been searched for secrets.
      process.stdout.write('::error::The step failed with an unexpected error.\n')
      process.exitCode = 1
    })
    .then(async () => {
      done = true
      await flushed(FLUSH_MS)
      // `process.exit` waits for look-ups. glibc ends them soon, as main asks it to; the resolvers
      // of macOS, and systemd's, take their own time. A signal is a failure as well, so that a
      // success has to wait.
      if (process.exitCode !== undefined && process.exitCode !== 0 && !(await threadsDone(THREADS_MS)))
        process.kill(process.pid, 'SIGKILL')
    })
    .finally(() => process.exit())
}

/** Whether nothing is left that runs in Node's thread pool. */
async function threadsDone(atMostMs: number): Promise<boolean> {
  const end = performance.now() + atMostMs
  const busy = (): boolean =>
    process.getActiveResourcesInfo().some((name) => /^(GetAddrInfo|FS)Req/.test(name))
  while (busy() && performance.now() < end) await pause(20)
  return !busy()
}

/**
 * The last resort, for what no deadline of its own ends, such as a file system that does not
 * answer. It has to be a signal: `process.exit` would wait for it as well.
 *
 * @param time on the clock of `performance.now()`
 * @param report says why
 */
export function endNotLaterThan(time: number, report: () => void): void {
  const end = (): void => {
    if (done) return
    report()
    void flushed(FLUSH_AFTER_SIGNAL_MS).then(() => process.kill(process.pid, 'SIGKILL'))
  }
  setTimeout(end, time - performance.now()).unref()
}

async function flushed(atMostMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    setTimeout(resolve, atMostMs)
    process.stdout.write('', () => {
      resolve()
    })
  })
}
