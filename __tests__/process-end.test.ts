import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { NODES } from './support/job.js'
import { posixOnly } from './support/platform.js'

const MODULE = pathToFileURL(join(import.meta.dirname, '../src/runner/process-end.ts')).href

let folder: string
let fifo: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'end-'))
  fifo = join(folder, 'fifo')
  if (process.platform !== 'win32') execFileSync('mkfifo', [fifo])
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

describe.each(NODES)('on %s', (node) => {
  const start = (script: string): ChildProcess =>
    spawn(
      node,
      [
        '--import',
        'tsx',
        '--input-type=module',
        '-e',
        `import { endAfter, endNotLaterThan } from '${MODULE}'\n${script}`,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'], cwd: join(import.meta.dirname, '..') },
    )
  /** Reads all of stdout, but nothing before the process has had time to end. */
  const outcome = async (child: ChildProcess, readAfter = 0): Promise<[string, unknown, unknown]> => {
    const closed = once(child, 'close')
    let out = ''
    await pause(readAfter)
    child.stdout?.setEncoding('utf8').on('data', (part: string) => (out += part))
    const [code, signal] = (await closed) as [unknown, unknown]
    return [out, code, signal]
  }

  test('the process ends only when a megabyte on stdout has been read, however slowly', async () => {
    const script =
      "process.stdout.write('x'.repeat(1_000_000) + 'END'); process.exitCode = 3; endAfter(Promise.resolve())"
    const [out, code] = await outcome(start(script), 1_500)
    expect([out.length, out.slice(-3), code]).toEqual([1_000_003, 'END', 3])
  })

  test('the process ends although requests and timers are pending', async () => {
    const script = `
      setInterval(() => undefined, 1000)
      const { createServer } = await import('node:net')
      createServer().listen(0, '127.0.0.1')
      endAfter(Promise.resolve().then(() => { console.log('done') }))`
    expect(await outcome(start(script))).toEqual(['done\n', 0, null])
  })

  test('an unexpected error fails the step, and its message is not printed', async () => {
    const script = "endAfter(Promise.reject(new Error('a secret')))"
    expect(await outcome(start(script))).toEqual([
      '::error::The step failed with an unexpected error.\n',
      1,
      null,
    ])
  })

  const signalled = posixOnly('Windows has no signals')
  signalled.each(['SIGINT', 'SIGTERM'] as const)(
    '%s ends it at once, with what was written',
    async (signal) => {
      const script = `
      endAfter(new Promise((done) => { setTimeout(done, 60_000) }))
      process.stdout.write('x'.repeat(200_000) + 'END')`
      const child = start(script)
      await once(child.stdout ?? child, 'readable')
      child.kill(signal)
      const [out, code, by] = await outcome(child)
      expect([out.slice(-3), code, by]).toEqual(['END', null, signal])
    },
  )

  const withPipe = posixOnly('Windows has no pipes among files')
  withPipe('a failure is not held up by what Node itself would wait for', async () => {
    const script = `
      const { readFile } = await import('node:fs/promises')
      readFile('${fifo}')
      process.exitCode = 1
      endNotLaterThan(performance.now() + 100, () => { console.log('too late') })
      endAfter(Promise.resolve().then(() => { console.log('done') }))`
    expect(await outcome(start(script))).toEqual(['done\n', null, 'SIGKILL'])
  })

  withPipe('what no deadline of its own ends is ended, though Node itself would wait for it', async () => {
    const script = `
      const { readFile } = await import('node:fs/promises')
      endNotLaterThan(performance.now() + 100, () => { console.log('too late') })
      endAfter(readFile('${fifo}'))`
    expect(await outcome(start(script))).toEqual(['too late\n', null, 'SIGKILL'])
  })
})
