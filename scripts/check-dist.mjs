// Proves that the committed dist/ is what src/ builds to, byte for byte.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const fresh = mkdtempSync(join(tmpdir(), 'dist-'))
const build = spawnSync(process.execPath, ['scripts/build.mjs', fresh], {
  stdio: ['ignore', 'ignore', 'inherit'],
})
if (build.status !== 0) process.exit(1)

const files = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()
const names = new Set([...files('dist'), ...files(fresh)])
const read = (folder, name) => {
  try {
    return readFileSync(join(folder, name))
  } catch {
    return undefined
  }
}
const differing = [...names].filter((name) => {
  const [committed, built] = [read('dist', name), read(fresh, name)]
  return committed === undefined || built === undefined || !committed.equals(built)
})
rmSync(fresh, { recursive: true, force: true })
if (differing.length > 0) {
  console.error(
    `dist differs from a fresh build in: ${differing.join(', ')}. Run "npm run build" and commit dist.`,
  )
  process.exit(1)
}
console.log(`dist equals a fresh build (${names.size} files).`)
