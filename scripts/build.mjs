// Builds dist/ from src/: one bundle for main, one for post. `node scripts/build.mjs [folder]` builds elsewhere, for the comparison.
// tsc first and ncc on its JavaScript: ncc's own TypeScript loader checks every file of the project for each bundle.
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'

const COMPILED = '.cache/build'
const folder = process.argv[2] ?? 'dist'

const run = (tool, ...args) => {
  const { status } = spawnSync(process.execPath, [tool, ...args], { stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

// Neither tool removes what an earlier build left.
for (const stale of [COMPILED, folder]) rmSync(stale, { recursive: true, force: true })
run('node_modules/typescript/bin/tsc', '--project', 'tsconfig.build.json')
for (const entry of ['main', 'post']) {
  const options = ['--license', 'licenses.txt', '--target', 'es2022', '--minify', '--no-cache']
  run('node_modules/@vercel/ncc/dist/ncc/cli.js', 'build', join(COMPILED, `${entry}.js`), '--out', join(folder, entry), ...options)
}
