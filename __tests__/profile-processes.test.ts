import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { dirname, join } from 'node:path'
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { parseConfig } from '../src/profile/config-text.js'
import { uninstallProfile } from '../src/profile/uninstall.js'
import { plain } from '../src/text/prose.js'
import { createTemporaryFolder, removeFolder } from '../stand-in/runner/temporary-folder.js'

// How many processes are killed; a multiple of it may be set by hand.
const KILLS = Number(process.env.PROFILE_KILLS ?? 16)

const USERS =
  '{ "current": "me", "profiles": [ { "name": "me", "mode": "AK", "access_key_id": "LTAIme" },\n {"name":"other","sts_expiration":9007199254740993} ], "newer": [1e400] }\n'

let home: string
let path: string
let journal: string
const children: ChildProcess[] = []

beforeEach(() => {
  home = createTemporaryFolder('profile-processes-')
  path = join(home, '.aliyun', 'config.json')
  journal = join(home, 'journal')
  fs.mkdirSync(dirname(path))
  fs.writeFileSync(path, USERS)
  fs.writeFileSync(journal, '')
})

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  removeFolder(home)
})

/** Starts a child and waits until it begins. */
async function start(number: string, cycles: number): Promise<ChildProcess> {
  const child = spawn(
    process.execPath,
    [
      '--import',
      'tsx',
      join(import.meta.dirname, 'support/profile-child.ts'),
      path,
      journal,
      number,
      String(cycles),
    ],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  children.push(child)
  await once(child.stdout, 'data')
  return child
}

/** Reads the file as the CLI would, at any instant. */
function observe(): void {
  const text = fs.readFileSync(path, 'latin1')
  const config = parseConfig(text, path)
  expect(config.refusal).toBeUndefined()
  const names = config.entries.map(({ name }) => name)
  expect([names.includes('me'), names.includes('other')]).toEqual([true, true])
  expect(text).toContain('{"name":"other","sts_expiration":9007199254740993}')
  expect(text).toContain('"newer": [1e400]')
}

/** Posts every run that was ever begun, as the jobs of killed steps would. */
async function postAll(): Promise<void> {
  for (const id of fs.readFileSync(journal, 'utf8').split('\n').filter(Boolean)) {
    const { warnings } = await uninstallProfile({ path, id, now: undefined }, { staleAfterMs: 1_500 })
    expect(warnings.map(plain).filter((warning) => !warning.startsWith('Another job'))).toEqual([])
  }
}

/**
 * Most kills leave no lock; nobody waits in a test for those that do. What happens then is told by
 * the lock's own tests.
 */
function removeLock(): void {
  fs.rmSync(`${path}.ci-lock`, { recursive: true, force: true })
}

describe('several processes on one home', () => {
  test('lose nothing and leave nothing if they are killed at any instant', async () => {
    for (let kill = 0; kill < KILLS; kill += 1) {
      const child = await start(String(kill), 10_000)
      const ended = once(child, 'exit')
      await pause(Math.random() * 60)
      child.kill('SIGKILL')
      expect(await ended).toEqual([null, 'SIGKILL'])
      // Every fourth time the next process finds the lock itself.
      if (kill % 4 !== 3) removeLock()
      observe()
      // Every other time the next process meets what this one left.
      if (kill % 2 === 1) continue
      await postAll()
      expect(fs.readFileSync(path, 'utf8')).toBe(USERS)
      expect(fs.readdirSync(dirname(path))).toEqual(['config.json'])
    }
    await postAll()
    expect(fs.readFileSync(path, 'utf8')).toBe(USERS)
    expect(fs.readdirSync(dirname(path))).toEqual(['config.json'])
  }, 120_000)

  test('each find their own profile, and a reader never sees half a file', async () => {
    // All of them find the lock of a killed process.
    fs.mkdirSync(`${path}.ci-lock`)
    fs.writeFileSync(join(`${path}.ci-lock`, 'killed'), '')
    const running = await Promise.all(['a', 'b', 'c', 'd'].map((number) => start(number, 12)))
    let left = running.length
    const codes = running.map(async (child) => {
      if (child.exitCode === null) await once(child, 'exit')
      left -= 1
      return child.exitCode
    })
    let reads = 0
    while (left > 0) {
      observe()
      reads += 1
      await turn()
    }
    expect(await Promise.all(codes)).toEqual([0, 0, 0, 0])
    expect(reads).toBeGreaterThan(10)
    expect(fs.readFileSync(path, 'utf8')).toBe(USERS)
    expect(fs.readdirSync(dirname(path))).toEqual(['config.json'])
  }, 60_000)
})
