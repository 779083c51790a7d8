import { spawnSync } from 'node:child_process'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { EOL } from 'node:os'
import { join, resolve } from 'node:path'
import { beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { appendFileCommands, FileCommandError } from '../src/runner/file-commands.js'
import { posixOnly } from './support/platform.js'
import { useFolder } from './support/set-up.js'

const folder = useFolder()
let file: string

beforeEach(() => {
  // Another user must be able to look into it.
  chmodSync(folder(), 0o755)
  file = join(folder(), 'set_env')
  writeFileSync(file, '')
})

/** As the runner reads the heredoc form: the value ends before the line that is the delimiter. */
function read(text: string): [string, string][] {
  const pairs: [string, string][] = []
  const lines = text.split(EOL)
  for (let at = 0; at < lines.length - 1; at++) {
    const [name = '', delimiter = ''] = lines[at]?.split('<<') ?? []
    const end = lines.indexOf(delimiter, at + 1)
    pairs.push([name, lines.slice(at + 1, end).join(EOL)])
    at = end
  }
  return pairs
}

describe('appendFileCommands', () => {
  test('appends what the runner then reads', () => {
    appendFileCommands(file, [['BEFORE', 'x']])
    const values: [string, string][] = [
      ['A', 'one line'],
      ['B', `ghadelimiter_${EOL}A<<x${EOL}y${EOL}x`],
      ['EMPTY', ''],
    ]
    appendFileCommands(file, values)
    expect(read(readFileSync(file, 'utf8'))).toEqual([['BEFORE', 'x'], ...values])
  })

  test('writes values so that no value can end its own heredoc', () => {
    const value = fc
      .array(fc.constantFrom('A<<x', 'x', 'ghadelimiter_', EOL, '::', ' '))
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.stringMatching(/^[A-Z]{1,8}$/), value), { maxLength: 5 }),
        (values) => {
          writeFileSync(file, '')
          appendFileCommands(file, values)
          expect(read(readFileSync(file, 'utf8'))).toEqual(values)
        },
      ),
    )
  })

  test('returns a function that undoes the write, and writes nothing if there are no values', () => {
    appendFileCommands(file, [['BEFORE', 'x']])
    const before = readFileSync(file, 'utf8')
    appendFileCommands(file, [['A', 'y']])()
    expect(readFileSync(file, 'utf8')).toBe(before)
    appendFileCommands(undefined, [])
  })

  test('fails if the file cannot be written', () => {
    for (const path of [undefined, '', folder(), join(folder(), 'absent', 'file')])
      expect(() => appendFileCommands(path, [['A', 'x']])).toThrow(FileCommandError)
  })
})

const withFullDevice = posixOnly('Windows has no device that is always full')
withFullDevice('a full disk is an error', () => {
  expect(() => appendFileCommands('/dev/full', [['A', 'x']])).toThrow(/ENOSPC/)
})

const withModes = posixOnly('Windows has no mode bits')
withModes("a container's own user who may not write GITHUB_ENV is told what to do", () => {
  const root = process.getuid?.() === 0
  chmodSync(file, 0o444)
  const main = spawnSync(process.execPath, [resolve(import.meta.dirname, '../dist/main/index.js')], {
    env: { GITHUB_ENV: file, GITHUB_OUTPUT: file, GITHUB_STATE: file },
    encoding: 'utf8',
    // Root may write everything: the step runs as nobody then.
    ...(root ? { uid: 65534, gid: 65534 } : {}),
  })
  expect(main.status).toBe(1)
  expect(main.stdout).toMatch(
    /^::error title=No Alibaba Cloud credentials::GITHUB_ENV \(.*set_env\) cannot be written by the user of this process \(EACCES\)\. .*"options: --user root" under "container"/,
  )
})
