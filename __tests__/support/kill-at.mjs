// Imported into a step: kills it, without notice, right before the system call with the number
// KILL_AT among those that change files, or among those of them whose path contains KILL_PATH; or
// right before the one that renames a file to KILL_BEFORE.
import fs from 'node:fs'

const { KILL_AT, KILL_PATH = '', KILL_BEFORE } = process.env
let count = 0
let inside = false

function watched(name, call) {
  return function (...args) {
    // Node's own calls of another watched function belong to this one.
    if (inside) return call.apply(this, args)
    if (String(args[0]).includes(KILL_PATH)) count += 1
    const isRename = /^rename/.test(name) && args[1] === KILL_BEFORE
    if (count === Number(KILL_AT) || isRename) process.kill(process.pid, 'SIGKILL')
    inside = true
    try {
      return call.apply(this, args)
    } finally {
      inside = false
    }
  }
}

const CHANGING = [
  'appendFile',
  'link',
  'mkdir',
  'open',
  'rename',
  'rm',
  'rmdir',
  'symlink',
  'truncate',
  'unlink',
  'utimes',
  'writeFile',
]
for (const [target, suffix] of [
  [fs, ''],
  [fs, 'Sync'],
  [fs.promises, ''],
]) {
  for (const name of CHANGING) target[`${name}${suffix}`] = watched(name, target[`${name}${suffix}`])
}
