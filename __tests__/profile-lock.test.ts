import fs from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { LockLostError, withLock } from '../src/profile/lock.js'
import { withStore } from '../src/profile/store.js'
import {
  makeProfileHome,
  refusalOfProfile,
  STALE_AFTER_MS,
  USERS,
  type ProfileHome,
} from './support/profile-home.js'

let place: ProfileHome
const lock = (): string => `${place.path}.ci-lock`

beforeEach(() => {
  place = makeProfileHome()
})

afterEach(() => {
  jest.restoreAllMocks()
  place.remove()
})

/** A lock as a killed process leaves it, at a time of our choice. */
function leaveLock(time: Date): void {
  fs.mkdirSync(lock(), { recursive: true })
  fs.writeFileSync(join(lock(), 'signature'), '')
  fs.utimesSync(join(lock(), 'signature'), time, time)
  fs.utimesSync(lock(), time, time)
}

const options = { waitAtMostMs: 20_000, staleAfterMs: STALE_AFTER_MS }

describe('the lock', () => {
  test.each([
    ['long ago', '1970-01-02T00:00:00Z'],
    ['in the future', '2099-01-01T00:00:00Z'],
  ])(
    'of a killed process, dated %s, is taken over, and its temporary files are removed',
    async (_when, time) => {
      place.put(USERS)
      leaveLock(new Date(time))
      for (const stem of ['config.json', 'config.json.ci-record'])
        place.put('secret', join(dirname(place.path), `${stem}.ci-0123456789abcdef.tmp`))
      place.put('not ours', join(dirname(place.path), 'config.json.tmp'))
      await place.main('1', 'ci')
      expect(place.files()).toEqual(['config.json', 'config.json.ci-record', 'config.json.tmp'])
    },
  )

  test('is taken over if its directory was never signed', async () => {
    place.put(USERS)
    fs.mkdirSync(lock())
    await place.main('1', 'ci')
    expect(place.files()).toEqual(['config.json', 'config.json.ci-record'])
  })

  test('of a running process is respected however old it looks, and named when the wait ends', async () => {
    leaveLock(new Date(0))
    let beat = 0
    const life = setInterval(() => {
      beat += 1
      fs.utimesSync(join(lock(), 'signature'), beat, beat)
    }, 10)
    try {
      const said = await refusalOfProfile(
        withLock(lock(), () => Promise.resolve(), { ...options, waitAtMostMs: 3 * STALE_AFTER_MS }),
      )
      expect(said).toContain(lock())
      expect(beat).toBeGreaterThan(0)
      expect(fs.readdirSync(lock())).toEqual(['signature'])
    } finally {
      clearInterval(life)
    }
  })

  test('shows signs of life of its holder', async () => {
    jest.useFakeTimers({ doNotFake: ['performance', 'nextTick', 'setImmediate'] })
    try {
      fs.mkdirSync(dirname(place.path))
      const utimes = jest.spyOn(fs, 'utimes')
      await withLock(
        lock(),
        () => {
          jest.advanceTimersByTime(5_000)
          return Promise.resolve()
        },
        options,
      )
      const times = utimes.mock.calls.map(([, time]) => time)
      expect(times).toHaveLength(5)
      expect(new Set(times).size).toBe(5)
    } finally {
      jest.useRealTimers()
    }
  })

  test('is taken in turn within one process too', async () => {
    fs.mkdirSync(dirname(place.path))
    let inside = 0
    const work = async (): Promise<void> => {
      inside += 1
      expect(inside).toBe(1)
      await fs.promises.stat(place.home)
      inside -= 1
    }
    await Promise.all(Array.from({ length: 8 }, () => withLock(lock(), work, options)))
    expect(place.files()).toEqual([])
  })

  test('if lost during the work, makes the work start again, and leaves the new holder alone', async () => {
    place.put(USERS)
    let losses = 0
    const rename = (from: string, to: string): void => {
      fs.renameSync(from, to)
      if (losses++ > 2) return
      // Another process takes the lock over.
      fs.rmSync(lock(), { recursive: true })
      fs.mkdirSync(lock())
    }
    await place.main('1', 'me', {}, { calls: { rename } })
    expect(losses).toBeGreaterThan(3)
    expect([place.names(), place.read().includes('STS.1')]).toEqual([['me'], true])
    await place.post('1')
    expect(place.read()).toBe(USERS)
    expect(place.files()).toEqual(['config.json'])
  })

  test('if lost after the last write, makes the work start again too', async () => {
    place.put(USERS)
    let overwritten = false
    const rename = (from: string, to: string): void => {
      fs.renameSync(from, to)
      if (to !== place.path || overwritten) return
      overwritten = true
      // Another process took the lock over, had read before this write, and writes after it.
      fs.rmSync(lock(), { recursive: true })
      place.put(USERS)
    }
    await place.main('1', 'ci', {}, { calls: { rename } })
    expect(place.names()).toEqual(['me', 'ci'])
    await place.post('1')
    expect(place.read()).toBe(USERS)
    expect(place.files()).toEqual(['config.json'])
  })

  test.each(['onto its own name', 'into the place of the file'])(
    'work is done again if a process that took the lock over removes the temporary file right before it is renamed %s',
    async (which) => {
      place.put(USERS)
      const rename = fs.renameSync
      let isDone = false
      const spy = jest.spyOn(fs, 'renameSync').mockImplementation((from, to) => {
        if (!isDone && (from === to) === (which === 'onto its own name')) {
          isDone = true
          fs.rmSync(lock(), { recursive: true })
          fs.rmSync(from)
        }
        rename(from, to)
      })
      await place.main('1', 'ci')
      spy.mockRestore()
      expect([isDone, place.names()]).toEqual([true, ['me', 'ci']])
      await place.post('1')
      expect([place.read(), place.files()]).toEqual([USERS, ['config.json']])
    },
  )

  test('a slow breaker of a stale lock cannot remove the fresh one', async () => {
    fs.mkdirSync(dirname(place.path))
    leaveLock(new Date(0))
    // The faster one removes the stale lock and makes its own right before the slower one removes
    // it.
    const unlink = fs.unlinkSync
    let isFirst = true
    let beat = 0
    let life: NodeJS.Timeout | undefined
    jest.spyOn(fs, 'unlinkSync').mockImplementation((file) => {
      if (isFirst) {
        isFirst = false
        fs.rmSync(lock(), { recursive: true })
        fs.mkdirSync(lock())
        fs.writeFileSync(join(lock(), 'fresh'), '')
        life = setInterval(() => {
          fs.utimesSync(join(lock(), 'fresh'), (beat += 1), beat)
        }, 5)
      }
      unlink(file)
    })
    await refusalOfProfile(
      withLock(lock(), () => Promise.resolve(), {
        waitAtMostMs: 2 * STALE_AFTER_MS,
        staleAfterMs: STALE_AFTER_MS,
      }),
    )
    clearInterval(life)
    expect(fs.readdirSync(lock())).toEqual(['fresh'])
  })

  test('is a file on a full disk, which the others respect', async () => {
    fs.mkdirSync(dirname(place.path))
    const mkdir = jest.spyOn(fs, 'mkdirSync').mockImplementation(() => {
      throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', syscall: 'mkdir' })
    })
    await withLock(
      lock(),
      async (held) => {
        held.assertHeld()
        expect(fs.statSync(lock()).isFile()).toBe(true)
        mkdir.mockRestore()
        await refusalOfProfile(withLock(lock(), () => Promise.resolve(), { ...options, waitAtMostMs: 0 }))
        fs.rmSync(lock())
        expect(held.assertHeld).toThrow(LockLostError)
        fs.writeFileSync(lock(), '')
        expect(held.assertHeld).toThrow(LockLostError)
      },
      options,
    ).catch(() => undefined)
    // Its own is gone; the other's goes stale.
    await withLock(lock(), () => Promise.resolve(), options)
    expect(place.files()).toEqual([])
  })

  test('is waited for on Windows while it is being removed', async () => {
    fs.mkdirSync(dirname(place.path))
    const mkdir = fs.mkdirSync
    let refusals = 0
    jest.spyOn(fs, 'mkdirSync').mockImplementation((folder, mode) => {
      if (refusals++ < 3) throw Object.assign(new Error('EPERM'), { code: 'EPERM', syscall: 'mkdir' })
      return mkdir(folder, mode)
    })
    await withLock(lock(), () => Promise.resolve(), { ...options, platform: 'win32' })
    expect(refusals).toBe(4)
    refusals = 0
    const elsewhere = withLock(lock(), () => Promise.resolve(), { ...options, platform: 'linux' })
    expect(await refusalOfProfile(elsewhere)).toContain('EPERM')
  })

  test.each(['its signature is written', 'its signature is removed'])(
    'on Windows a lock that another program has open when %s is tried again',
    async (when) => {
      fs.mkdirSync(dirname(place.path))
      const refused: unknown[] = []
      const refuse = (file: unknown): void => {
        refused.push(file)
        if (refused.length <= 3) throw Object.assign(new Error('EPERM'), { code: 'EPERM', syscall: 'open' })
      }
      const { writeFileSync, unlinkSync } = fs
      if (when.endsWith('written'))
        jest.spyOn(fs, 'writeFileSync').mockImplementation((file, ...rest) => {
          refuse(file)
          writeFileSync(file, ...rest)
        })
      else
        jest.spyOn(fs, 'unlinkSync').mockImplementation((file) => {
          refuse(file)
          unlinkSync(file)
        })
      expect(await withLock(lock(), () => Promise.resolve('done'), { ...options, platform: 'win32' })).toBe(
        'done',
      )
      expect([refused.length, place.files()]).toEqual([4, []])
    },
  )

  test('is gone after work that failed', async () => {
    place.put(USERS)
    await expect(withStore(place.path, () => Promise.reject(new Error('no')), options)).rejects.toThrow('no')
    expect(place.files()).toEqual(['config.json'])
  })
})
