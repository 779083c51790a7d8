/**
 * One home on a disk of a few kilobytes, which is filled between main and post. To be started with
 * a mount namespace of its own; writes what became of it to stdout, as JSON. Arguments: an empty
 * folder to mount on, and `small` or `big` for a file of the user's that fits beside another one or
 * does not.
 */
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { dirname, join } from 'node:path'
import { installProfile } from '../../src/profile/install.js'
import { uninstallProfile } from '../../src/profile/uninstall.js'
import { plain } from '../../src/text/prose.js'
import { profileOf } from './profile-arbitraries.js'

export interface FullDiskOutcome {
  /** Whether the disk was full before post, and could take not one byte. */
  readonly full: boolean
  readonly warnings: readonly string[]
  /** Beside the filling. */
  readonly files: readonly string[]
  /**
   * Whether config.json is what it was before main, once there is space and another run came by.
   */
  readonly restored: boolean
  readonly filesInTheEnd: readonly string[]
}

async function run(folder: string, kind: string): Promise<FullDiskOutcome> {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', folder])
  const path = join(folder, '.aliyun', 'config.json')
  const before = kind === 'clean' ? undefined : JSON.stringify({ current: 'me', profiles: [{ name: 'me' }] })
  if (before !== undefined) {
    fs.mkdirSync(dirname(path))
    fs.writeFileSync(path, before)
  }
  const read = (): string | undefined => (fs.existsSync(path) ? fs.readFileSync(path, 'utf8') : undefined)
  const main = (id: string): Promise<unknown> =>
    installProfile({
      path,
      id,
      job: 'job',
      profile: profileOf('ci', id),
      setCurrent: true,
      expiration: undefined,
      now: new Date(),
      waitAtMostMs: 5_000,
    })
  await main('1')
  const filling = join(folder, 'filling')
  const full = fill(filling)
  const { warnings } = await uninstallProfile({ path, id: '1', now: undefined })
  const files = fs.readdirSync(dirname(path)).sort()
  fs.rmSync(filling)
  await main('2')
  await uninstallProfile({ path, id: '2', now: undefined })
  return {
    full,
    warnings: warnings.map(plain),
    files,
    restored: read() === before,
    filesInTheEnd: fs.readdirSync(dirname(path)).sort(),
  }
}

function fill(file: string): boolean {
  try {
    for (;;) fs.appendFileSync(file, 'x'.repeat(512))
  } catch {
    return true
  }
}

const [folder = '', kind = ''] = process.argv.slice(2)
if (process.argv[1] === import.meta.filename) process.stdout.write(JSON.stringify(await run(folder, kind)))
