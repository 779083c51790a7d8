/** The files beside config.json: ours, and those with which other programs will replace it. */
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { basename, dirname, join } from 'node:path'

/**
 * A temporary file that its writer has not changed for so long belongs to a killed program.
 * Milliseconds.
 */
const LEFT_BEHIND_AFTER_MS = 10_000

/** Begins what a file of ours has behind the name of the file that it belongs to. */
const OURS = '.ci-'

/** The record: the file of the undo log. */
export function recordPathOf(target: string): string {
  return `${target}${OURS}record`
}

/** The lock, see lock.ts. */
export function lockPathOf(target: string): string {
  return `${target}${OURS}lock`
}

/** A new name each time, known to `removeTemporaryFiles`. */
export function temporaryPathOf(file: string): string {
  return `${file}${OURS}${randomBytes(8).toString('hex')}.tmp`
}

/**
 * Whether another program is about to replace config.json: the text that it will put there is
 * beside it, under a longer name, such as the aliyun CLI's `.config.json.tmp-1234567890`. (It syncs
 * that file before it renames it: atomicWriteFile in config/configuration.go, from 3.4.9.)
 */
export function isAboutToBeReplaced(target: string): boolean {
  const name = basename(target)
  return namesBeside(target).some((other) => {
    if (other === name || other.startsWith(name + OURS)) return false
    return other.replace(/^\./, '').startsWith(name) && isFresh(join(dirname(target), other))
  })
}

function isFresh(file: string): boolean {
  const stats = fs.lstatSync(file, { throwIfNoEntry: false })
  return stats?.isFile() === true && Math.abs(Date.now() - stats.mtimeMs) < LEFT_BEHIND_AFTER_MS
}

/** Whether a record, a lock or a temporary file is there: each may be alone, after a kill. */
export function hasTraces(target: string): boolean {
  return namesBeside(target).some((name) => name.startsWith(basename(target) + OURS))
}

/** Whether a killed writer left temporary files. */
export function hasTemporaryFiles(target: string): boolean {
  return temporaryFiles(target).length > 0
}

/** Removes what killed writers left: whoever writes holds the lock, and we hold it. */
export function removeTemporaryFiles(target: string): void {
  for (const file of temporaryFiles(target)) removeQuietly(file)
}

function temporaryFiles(target: string): string[] {
  const name = basename(target)
  const isOurs = (candidate: string): boolean => {
    const stem = /^(.*)\.ci-[0-9a-f]{16}\.tmp$/s.exec(candidate)?.[1]
    return stem === name || stem === recordPathOf(name)
  }
  return namesBeside(target)
    .filter(isOurs)
    .map((candidate) => join(dirname(target), candidate))
}

function namesBeside(target: string): string[] {
  try {
    return fs.readdirSync(dirname(target))
  } catch {
    return []
  }
}

/** Removes a file, or leaves it if the system refuses. */
export function removeQuietly(file: string): void {
  try {
    fs.unlinkSync(file)
  } catch {
    // Gone, or held open by another program: the next run tries again.
  }
}
