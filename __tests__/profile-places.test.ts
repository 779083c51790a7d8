/** Links, folders and files in places where nobody expects them. */
import fs from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { checkProfile, installProfile } from '../src/profile/install.js'
import { uninstallProfile } from '../src/profile/uninstall.js'
import { plain } from '../src/text/prose.js'
import { posixOnly } from './support/platform.js'
import { profileOf } from './support/profile-arbitraries.js'
import { makeProfileHome, NOW, refusalOfProfile, USERS, type ProfileHome } from './support/profile-home.js'

// Links on Windows need a right that a runner's user does not have.
const describeOnPosix = process.platform === 'win32' ? describe.skip : describe

let place: ProfileHome

beforeEach(() => {
  place = makeProfileHome()
})

afterEach(() => {
  place.remove()
})

describeOnPosix('links', () => {
  test('a linked file stays a link, and lock and record are beside its target', async () => {
    const target = join(place.home, 'dotfiles', 'aliyun.json')
    place.put(USERS, target)
    fs.mkdirSync(dirname(place.path))
    fs.symlinkSync('../dotfiles/second', place.path)
    fs.symlinkSync('aliyun.json', join(place.home, 'dotfiles', 'second'))
    expect(await checkProfile({ path: place.path })).toEqual({ target })
    await place.main('1', 'ci')
    expect(fs.readlinkSync(place.path)).toBe('../dotfiles/second')
    expect(place.names()).toEqual(['me', 'ci'])
    expect(place.files(dirname(target))).toEqual(['aliyun.json', 'aliyun.json.ci-record', 'second'])
    expect(place.files()).toEqual(['config.json'])
    await place.post('1', { target })
    expect(place.read(target)).toBe(USERS)
    expect(place.files(dirname(target))).toEqual(['aliyun.json', 'second'])
  })

  test('several homes whose links lead to one file take turns, and leave it as it was', async () => {
    const target = join(place.home, 'shared', 'aliyun.json')
    place.put(USERS, target)
    const paths = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => {
      const path = join(place.home, name, '.aliyun', 'config.json')
      fs.mkdirSync(dirname(path), { recursive: true })
      fs.symlinkSync(`${name === 'b' ? '../../b/../shared/./' : '../../shared/'}aliyun.json`, path)
      return path
    })
    const request = {
      job: 'job',
      setCurrent: true,
      expiration: undefined,
      now: NOW,
      waitAtMostMs: 20_000,
    }
    await Promise.all(
      paths.map((path, n) =>
        installProfile({ ...request, path, id: `${n}`, profile: profileOf(`p${n % 4}`, n) }),
      ),
    )
    const { profiles } = JSON.parse(place.read(target)) as { profiles: unknown[] }
    expect(profiles).toHaveLength(5)
    await Promise.all(paths.map((path, n) => uninstallProfile({ path, id: `${n}`, now: undefined })))
    expect(place.read(target)).toBe(USERS)
    expect(place.files(dirname(target))).toEqual(['aliyun.json'])
  })

  test('".." in a link behind a linked folder is resolved as the kernel does', async () => {
    fs.mkdirSync(join(place.home, 'far', 'away'), { recursive: true })
    fs.symlinkSync('far/away', join(place.home, 'linked'))
    fs.mkdirSync(dirname(place.path))
    // By the letter that would be the home's own target.json.
    fs.symlinkSync('../linked/../target.json', place.path)
    place.put(USERS, join(place.home, 'far', 'target.json'))
    place.put('not this one', join(place.home, 'target.json'))
    await place.main('1', 'ci')
    expect(place.read(join(place.home, 'far', 'target.json'))).toContain('STS.1')
    expect(place.read(join(place.home, 'target.json'))).toBe('not this one')
    await place.post('1')
    expect(place.read(join(place.home, 'far', 'target.json'))).toBe(USERS)
  })

  test('a link whose target is missing gets one, and post removes it', async () => {
    fs.mkdirSync(dirname(place.path))
    fs.symlinkSync('../target.json', place.path)
    await place.main('1', 'ci')
    expect(fs.existsSync(join(place.home, 'target.json'))).toBe(true)
    await place.post('1')
    expect(place.files(place.home)).toEqual(['.aliyun'])
    expect(fs.lstatSync(place.path).isSymbolicLink()).toBe(true)
  })

  test('a linked folder is used', async () => {
    fs.mkdirSync(join(place.home, 'elsewhere'))
    fs.symlinkSync('elsewhere', dirname(place.path))
    await place.main('1', 'ci')
    expect(place.files(join(place.home, 'elsewhere'))).toEqual(['config.json', 'config.json.ci-record'])
  })

  test("a killed writer's temporary file is removed although the link's text is not normalised", async () => {
    place.put(USERS, join(place.home, 'dotfiles', 'aliyun.json'))
    fs.mkdirSync(dirname(place.path))
    fs.symlinkSync('..//.aliyun/./../dotfiles/aliyun.json', place.path)
    place.put('secret', join(place.home, 'dotfiles', 'aliyun.json.ci-0123456789abcdef.tmp'))
    await place.main('1', 'ci')
    await place.post('1')
    expect(place.files(join(place.home, 'dotfiles'))).toEqual(['aliyun.json'])
  })

  test('a file that somebody replaces by a link right before main writes it: the new target is used', async () => {
    place.put(USERS)
    const target = join(place.home, 'dotfiles', 'aliyun.json')
    place.put(USERS, target)
    const sync = (): Promise<void> => {
      if (!fs.lstatSync(place.path).isSymbolicLink()) {
        fs.rmSync(place.path)
        fs.symlinkSync(target, place.path)
      }
      return Promise.resolve()
    }
    await place.main('1', 'ci', {}, { calls: { sync } })
    expect(place.names()).toEqual(['me', 'ci'])
    expect([place.files(), place.files(dirname(target))]).toEqual([
      ['config.json'],
      ['aliyun.json', 'aliyun.json.ci-record'],
    ])
    await place.post('1')
    expect([place.read(target), place.files(dirname(target))]).toEqual([USERS, ['aliyun.json']])
  })

  test('a link that somebody replaced by a file meanwhile: the session goes from both', async () => {
    const target = join(place.home, 'dotfiles', 'aliyun.json')
    place.put(USERS, target)
    fs.mkdirSync(dirname(place.path))
    fs.symlinkSync(target, place.path)
    await place.main('1', 'me')
    // As an SDK does that writes the file anew.
    const text = place.read()
    fs.rmSync(place.path)
    place.put(text)
    expect((await place.post('1', { target })).warnings).toEqual([])
    expect([place.read(), place.read(target)]).toEqual([USERS, USERS])
    expect([place.files(), place.files(dirname(target))]).toEqual([['config.json'], ['aliyun.json']])
  })
})

posixOnly('Windows removes no folder in which a file is open')(
  'a folder that somebody removes while we work, as `rm -rf ~/.aliyun` does, is made again by main',
  async () => {
    place.put(USERS)
    let removals = 0
    const sync = (): Promise<void> => {
      if (removals < 3) fs.rmSync(dirname(place.path), { recursive: true })
      removals += 1
      return Promise.resolve()
    }
    await place.main('1', 'ci', {}, { calls: { sync } })
    expect(place.names()).toEqual(['ci'])
    await place.main('2', 'other')
    removals = 0
    expect((await place.post('2', { calls: { sync } })).warnings).toEqual([])
    expect(place.files()).toEqual([])
  },
)

describe('a place that cannot be used is refused by the check before any request, and by main', () => {
  const both = [() => checkProfile({ path: place.path }), () => place.main('1', 'ci')]

  test('a home that does not exist, which is not made', async () => {
    place.remove()
    for (const work of both)
      expect(await refusalOfProfile(work())).toMatch(/home directory .* does not exist/)
    expect(fs.existsSync(place.home)).toBe(false)
    expect(await place.post('1')).toEqual({
      notes: ['No profile of this step was left to restore.'],
      warnings: [],
    })
  })

  test('a home that reports each folder as missing, without end', async () => {
    // As a bind mount does whose source is gone. One attempt, and an error.
    const gone = join(place.home, 'gone')
    fs.mkdirSync(gone)
    if (process.platform === 'linux') {
      const held = fs.openSync(gone, 'r')
      fs.rmdirSync(gone)
      const path = `/proc/self/fd/${held}/.aliyun/config.json`
      expect(await refusalOfProfile(checkProfile({ path }))).toMatch(/does not exist/)
      fs.closeSync(held)
    }
  })

  test('a file instead of the folder', async () => {
    fs.writeFileSync(dirname(place.path), '')
    for (const work of both) expect(await refusalOfProfile(work())).toMatch(/\.aliyun is not a directory/)
  })

  const onPosix = process.platform === 'win32' ? test.skip : test
  onPosix('a folder that is a link to nowhere', async () => {
    fs.symlinkSync('nowhere', dirname(place.path))
    for (const work of both)
      expect(await refusalOfProfile(work())).toMatch(/\.aliyun is a symbolic link that leads nowhere/)
    expect(place.files(place.home)).toEqual(['.aliyun'])
  })

  onPosix('a link that is a folder by its text', async () => {
    fs.mkdirSync(dirname(place.path))
    fs.symlinkSync('..', place.path)
    for (const work of both) expect(await refusalOfProfile(work())).toMatch(/is a directory/)
  })
})

posixOnly('links need a right there')('a folder with two names is warned about once', async () => {
  // As on macOS, where /var is a link to /private/var.
  fs.mkdirSync(join(place.home, 'private', '.aliyun'), { recursive: true, mode: 0o777 })
  fs.chmodSync(join(place.home, 'private', '.aliyun'), 0o777)
  fs.symlinkSync('private', join(place.home, 'var'))
  const path = join(place.home, 'var', '.aliyun', 'config.json')
  const { warnings } = await place.main('1', 'ci', { path })
  expect(warnings.map(plain)).toEqual([
    expect.stringContaining(`${dirname(path)} is writable by other users`),
  ])
})
