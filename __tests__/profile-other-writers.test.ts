/** Other programs write config.json, at the very instants that hurt. */
import fs from 'node:fs'
import { dirname } from 'node:path'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import type { SystemCalls } from '../src/profile/replacement.js'
import { posixOnly } from './support/platform.js'
import { makeProfileHome, USERS, type ProfileHome } from './support/profile-home.js'

let place: ProfileHome

beforeEach(() => {
  place = makeProfileHome()
})

afterEach(() => {
  jest.restoreAllMocks()
  place.remove()
})

/** Writes as the aliyun CLI from 3.4.9 does: a temporary file that takes the other's place. */
function replaceWhole(text: string): void {
  fs.writeFileSync(`${place.path}.new`, text, { mode: 0o600 })
  fs.renameSync(`${place.path}.new`, place.path)
}

/** Writes as an older CLI does: into the file itself. */
function overwrite(text: string): void {
  fs.writeFileSync(place.path, text)
}

/** A rename after which another program does something, once config.json has been replaced. */
function renameAndThen(doForeign: () => void): SystemCalls['rename'] {
  let isFirst = true
  return (from, to) => {
    fs.renameSync(from, to)
    if (to !== place.path || !isFirst) return
    isFirst = false
    doForeign()
  }
}

const withProfile = (text: string, name: string): string => {
  const config = JSON.parse(text) as { profiles: object[] }
  return JSON.stringify({ ...config, profiles: [...config.profiles, { name, mode: 'AK' }] })
}

describe.each([
  ['a program that replaces the file', replaceWhole],
  ['a program that writes into the file', overwrite],
])('%s', (_who, writeForeign) => {
  test.each([
    ['after our read, before our temporary files', 'open'],
    ['before our last look', 'sync'],
    ['between the record and config.json', 'rename'],
  ] as const)('does not lose what it writes %s', async (_when, call) => {
    place.put(USERS)
    let writes = 0
    const foreign = (): void => {
      writes += 1
      if (writes <= 3) writeForeign(withProfile(place.read(), `foreign${writes}`))
    }
    const calls = {
      open: (path: string, flags: number, mode: number) => {
        if (call === 'open') foreign()
        return fs.openSync(path, flags, mode)
      },
      sync: () => {
        if (call === 'sync') foreign()
        return Promise.resolve()
      },
      rename: (from: string, to: string) => {
        fs.renameSync(from, to)
        if (call === 'rename' && to !== place.path) foreign()
      },
    }
    await place.main('1', 'ci', {}, { calls })
    // The record is not written again by the second attempt: it says the same.
    const foreigns = call === 'rename' ? ['foreign1'] : ['foreign1', 'foreign2', 'foreign3']
    expect(place.names()).toEqual(['me', ...foreigns, 'ci'])
    writes = 0
    await place.post('1', { calls })
    expect(place.names()).toEqual(['me', ...foreigns, ...(call === 'rename' ? [] : foreigns)])
    expect(place.files()).toEqual(['config.json'])
  })

  test('loses nothing if it writes while the scheduler interrupts us after our last look', async () => {
    place.put(USERS)
    const { lstatSync } = fs
    let isDone = false
    const interrupted = ((path: string, options: fs.StatSyncOptions) => {
      const stats = lstatSync(path, options)
      const isLastLook = path === place.path && place.files().some((name) => name.endsWith('.tmp'))
      if (isLastLook && !isDone) {
        isDone = true
        writeForeign(withProfile(place.read(), 'foreign'))
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
      }
      return stats
    }) as typeof fs.lstatSync
    jest.spyOn(fs, 'lstatSync').mockImplementation(interrupted)
    await place.main('1', 'ci')
    expect([isDone, place.names()]).toEqual([true, ['me', 'foreign', 'ci']])
  })

  test('brings no ended session back by writing what it had read before post', async () => {
    place.put(USERS)
    await place.main('1', 'ci')
    const stale = place.read()
    const rename = renameAndThen(() => {
      writeForeign(withProfile(stale, 'foreign'))
    })
    await place.post('1', { calls: { rename } })
    expect(place.names()).toEqual(['me', 'foreign'])
    expect(place.read()).not.toContain('STS.')
    expect(place.files()).toEqual(['config.json'])
  })

  test('keeps what it adds just before post would remove the file', async () => {
    await place.main('1', 'ci')
    let isFirst = true
    const unlink = (file: string): void => {
      fs.unlinkSync(file)
      // It had read the file when that was still there.
      if (file === place.path && isFirst) writeForeign('{"current":"x","profiles":[{"name":"x"}]}')
      isFirst = false
    }
    await place.post('1', { calls: { unlink } })
    expect(place.names()).toEqual(['x'])
    expect(place.files()).toEqual(['config.json'])
  })
})

describe('a program whose next text is beside config.json, ready to replace it,', () => {
  const beside = (): string => `${dirname(place.path)}/.config.json.tmp-1234567890`

  test('is waited for, so that neither loses what it wrote', async () => {
    place.put(USERS)
    const sync = (): Promise<void> => {
      if (fs.existsSync(beside()) || place.names().length > 1) return Promise.resolve()
      fs.writeFileSync(beside(), withProfile(place.read(), 'foreign'))
      setTimeout(() => {
        fs.renameSync(beside(), place.path)
      }, 20)
      return Promise.resolve()
    }
    await place.main('1', 'ci', {}, { calls: { sync }, writerPatienceMs: 60_000 })
    expect(place.names()).toEqual(['me', 'foreign', 'ci'])
    await place.post('1')
    expect(place.names()).toEqual(['me', 'foreign'])
  })

  test('is waited for as well before the record goes: it may bring the session back', async () => {
    place.put(USERS)
    await place.main('1', 'ci')
    const stale = place.read()
    const rename = renameAndThen(() => {
      fs.writeFileSync(beside(), withProfile(stale, 'foreign'))
      setTimeout(() => {
        fs.renameSync(beside(), place.path)
      }, 20)
    })
    await place.post('1', { calls: { rename }, writerPatienceMs: 60_000 })
    expect(place.names()).toEqual(['me', 'foreign'])
    expect(place.files()).toEqual(['config.json'])
  })

  test('is not waited for if it was killed long ago', async () => {
    place.put(USERS)
    fs.writeFileSync(beside(), USERS)
    const anHourAgo = Date.now() / 1000 - 3600
    fs.utimesSync(beside(), anHourAgo, anHourAgo)
    await place.main('1', 'ci', {}, { writerPatienceMs: Infinity })
    expect(place.names()).toEqual(['me', 'ci'])
    expect(fs.existsSync(beside())).toBe(true)
  })

  test('does not block a run for ever', async () => {
    place.put(USERS)
    fs.writeFileSync(beside(), USERS)
    await place.main('1', 'ci', {}, { writerPatienceMs: 20 })
    expect(place.names()).toEqual(['me', 'ci'])
  })
})

posixOnly('Windows replaces no file that somebody has open')(
  'what a program writes into a file that was just replaced is not lost',
  async () => {
    for (const name of ['main', 'post']) {
      place.remove()
      place = makeProfileHome()
      place.put(USERS)
      if (name === 'post') await place.main('1', 'ci')
      const held = fs.openSync(place.path, 'r+')
      const stale = place.read()
      const rename = renameAndThen(() => {
        fs.ftruncateSync(held)
        fs.writeSync(held, withProfile(stale, 'foreign'), 0)
      })
      if (name === 'main') await place.main('1', 'ci', {}, { calls: { rename } })
      else await place.post('1', { calls: { rename } })
      fs.closeSync(held)
      expect(place.names()).toEqual(name === 'main' ? ['me', 'foreign', 'ci'] : ['me', 'foreign'])
    }
  },
)

posixOnly('Windows replaces no file that somebody has open')(
  'so it does if it has deleted our profile itself, and nothing is left for post to change',
  async () => {
    for (const before of [USERS, undefined]) {
      place.remove()
      place = makeProfileHome()
      if (before !== undefined) place.put(before)
      await place.main('1', 'ci')
      const held = fs.openSync(place.path, 'r+')
      let isFirst = true
      const write = (): void => {
        if (isFirst) {
          fs.ftruncateSync(held)
          fs.writeSync(held, withProfile(before ?? '{"current":"foreign","profiles":[]}', 'foreign'), 0)
        }
        isFirst = false
      }
      const calls = {
        rename: (from: string, to: string) => {
          fs.renameSync(from, to)
          write()
        },
        unlink: (path: string) => {
          fs.unlinkSync(path)
          if (path === place.path) write()
        },
      }
      expect((await place.post('1', { calls })).warnings).toEqual([])
      fs.closeSync(held)
      expect(place.names()).toEqual(before === undefined ? ['foreign'] : ['me', 'foreign'])
      expect(place.files()).toEqual(['config.json'])
    }
  },
)

test('a program that removes the file right before we write it', async () => {
  place.put(USERS)
  const remove = (): Promise<void> => {
    fs.rmSync(place.path, { force: true })
    return Promise.resolve()
  }
  await place.main('1', 'ci', {}, { calls: { sync: remove } })
  expect(place.files()).toEqual(['config.json', 'config.json.ci-record'])
  expect(place.names()).toEqual(['ci'])
  place.edit((config) => config.profiles.push({ name: 'foreign' }))
  expect((await place.post('1', { calls: { sync: remove } })).warnings).toEqual([])
  expect(place.files()).toEqual([])
})

test('a program that never stops writing makes us fail in the end, with nothing lost', async () => {
  place.put(USERS)
  let writes = 0
  const sync = (): Promise<void> => {
    replaceWhole(withProfile(USERS, `foreign${writes++}`))
    return Promise.resolve()
  }
  await expect(place.main('1', 'ci', { waitAtMostMs: 0 }, { calls: { sync } })).rejects.toThrow(
    /another program keeps rewriting/,
  )
  expect(place.names()).toEqual(['me', `foreign${writes - 1}`])
  expect(place.files()).toEqual(['config.json'])
})
