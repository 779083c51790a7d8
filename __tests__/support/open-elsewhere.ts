/** Other programs that have a file open. On Windows nobody else can then replace or remove it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTemporaryFolder, removeFolder } from '../../stand-in/runner/temporary-folder.js'

/**
 * libuv's flag for a file that nobody else may open meanwhile. Node does not list it among its
 * constants.
 */
const UV_FS_O_EXLOCK = 0x1000_0000

/**
 * Tells that it runs, and ends when a file appears. Its standard input is the file that it keeps
 * open.
 */
const HOLDER = `
const { existsSync } = require('node:fs')
process.stdout.write('held')
const poll = setInterval(() => existsSync(process.argv[2]) && clearInterval(poll), 5)
`

/**
 * Opens `file` in a process of its own, as Go programs such as the aliyun CLI do: others can read
 * it, and nobody can rename over it or remove it. Node itself opens files less strictly, so the
 * handle is one that cmd redirects.
 *
 * @returns closes it, when the process has ended
 */
export async function openInProgram(file: string): Promise<() => Promise<void>> {
  const folder = createTemporaryFolder('open-')
  const [script, stop] = [join(folder, 'holder.cjs'), join(folder, 'stop')]
  writeFileSync(script, HOLDER)
  const child = spawn(
    process.env.ComSpec ?? 'cmd.exe',
    ['/d', '/s', '/c', `""${process.execPath}" "${script}" "${stop}" < "${file}""`],
    { stdio: ['ignore', 'pipe', 'inherit'], windowsHide: true, windowsVerbatimArguments: true },
  )
  const closed = once(child, 'close')
  const [said] = (await Promise.race([once(child.stdout, 'data'), closed])) as [unknown]
  if (!Buffer.isBuffer(said)) throw new Error(`${file} could not be opened in another program`)
  return async () => {
    writeFileSync(stop, '')
    await closed
    removeFolder(folder)
  }
}

/**
 * Opens `file` as a virus scanner may: nobody else can so much as read it.
 *
 * @returns closes it
 */
export function openExclusively(file: string): () => void {
  const handle = openSync(file, constants.O_RDONLY | UV_FS_O_EXLOCK)
  return () => {
    closeSync(handle)
  }
}
