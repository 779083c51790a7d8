/** Disks that are full, slow, or hold a large file. */
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { checkProfile } from '../src/profile/install.js'
import type { FullDiskOutcome } from './support/full-disk.js'
import { makeProfileHome, USERS, type ProfileHome } from './support/profile-home.js'

let place: ProfileHome

beforeEach(() => {
  place = makeProfileHome()
})

afterEach(() => {
  jest.restoreAllMocks()
  place.remove()
})

const inNamespace = [
  '-m',
  '--',
  process.execPath,
  '--import',
  'tsx',
  join(import.meta.dirname, 'support/full-disk.ts'),
]
// A small disk takes a mount, and so root and a system that lets it.
const canMount =
  process.getuid?.() === 0 && spawnSync('unshare', ['-m', 'true'], { stdio: 'ignore' }).status === 0
const describeWithMount = canMount ? describe : describe.skip

describeWithMount('a disk that is full when post comes', () => {
  function outcome(kind: 'clean' | 'users'): FullDiskOutcome {
    const folder = fs.mkdtempSync(join(os.tmpdir(), 'disk-'))
    try {
      const { stdout, stderr } = spawnSync('unshare', [...inNamespace, folder, kind], { encoding: 'utf8' })
      if (stdout === '') throw new Error(stderr)
      return JSON.parse(stdout) as FullDiskOutcome
    } finally {
      fs.rmSync(folder, { recursive: true })
    }
  }

  test('post removes what main wrote', () => {
    expect(outcome('clean')).toEqual({
      full: true,
      warnings: [],
      files: [],
      restored: true,
      filesInTheEnd: [],
    })
  })

  test('post says that the session stays in the file, and the next run restores it', () => {
    expect(outcome('users')).toEqual({
      full: true,
      warnings: [
        expect.stringMatching(
          /no space left.*usable until \d{4}-.*Z\. The next run on this home removes it\.$/,
        ),
      ],
      files: ['config.json', 'config.json.ci-record'],
      restored: true,
      filesInTheEnd: ['config.json'],
    })
  })
})

describe('a disk that is slow to sync', () => {
  /** Syncs of which each waits until as many as expected are under way, and counts them. */
  function together(expected: number): { readonly sync: () => Promise<void>; readonly count: () => number } {
    let count = 0
    let release: () => void = () => undefined
    const all = new Promise<void>((resolve) => (release = resolve))
    return {
      sync: () => {
        count += 1
        if (count === expected) release()
        return all
      },
      count: () => count,
    }
  }

  test('is waited for once in main, for record and file together', async () => {
    place.put(USERS)
    const { sync, count } = together(2)
    await place.main('1', 'ci', {}, { calls: { sync } })
    expect(count()).toBe(2)
  })

  test('is waited for once in post, and not at all if the file is removed', async () => {
    place.put(USERS)
    await place.main('1', 'ci')
    const one = together(1)
    await place.post('1', { calls: { sync: one.sync } })
    expect(one.count()).toBe(1)
    fs.rmSync(place.path)
    await place.main('2', 'ci')
    const none = together(1)
    await place.post('2', { calls: { sync: none.sync } })
    expect(none.count()).toBe(0)
    expect(place.files()).toEqual([])
  })
})

test('a disk that is read-only when post comes: post says until when the session stays', async () => {
  place.put(USERS)
  await place.main('1', 'ci')
  const refuse = (syscall: string): never => {
    throw Object.assign(new Error('EROFS'), { code: 'EROFS', syscall })
  }
  const { openSync } = fs
  jest.spyOn(fs, 'mkdirSync').mockImplementation(() => refuse('mkdir'))
  jest
    .spyOn(fs, 'openSync')
    .mockImplementation((path, flags, mode) =>
      (Number(flags) & fs.constants.O_WRONLY) === 0 ? openSync(path, flags, mode) : refuse('open'),
    )
  const { warnings } = await place.post('1')
  jest.restoreAllMocks()
  expect(warnings).toEqual([
    expect.stringMatching(/read-only.*usable until 2026-.*Z\. A run on this home removes it after that\.$/),
  ])
  await place.post('1')
  expect([place.read(), place.files()]).toEqual([USERS, ['config.json']])
})

test('a file of 10,000 profiles is parsed once by main and once by post', async () => {
  const profiles = Array.from({ length: 10_000 }, (_, n) => ({
    name: `p${n}`,
    mode: 'AK',
    access_key_id: `LTAI${n}`,
  }))
  const text = JSON.stringify({ current: 'p0', profiles }, undefined, '\t')
  place.put(text)
  const parse = JSON.parse
  let parses = 0
  JSON.parse = (...args: Parameters<typeof parse>): unknown => {
    if (args[0].length > 500_000) parses += 1
    return parse(...args)
  }
  try {
    await checkProfile({ path: place.path })
    await place.main('1', 'ci')
    expect(parses).toBe(1)
    await place.post('1')
    expect(parses).toBe(2)
  } finally {
    JSON.parse = parse
  }
  expect(place.read()).toBe(text)
})
