/**
 * Root in the home of a user who swaps in links, as in a container whose home is the host user's.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { checkProfile } from '../src/profile/install.js'
import { sweepExpired } from '../src/profile/sweep.js'
import { makeProfileHome, NOW, refusalOfProfile, USERS, type ProfileHome } from './support/profile-home.js'

const USER = 1234
const GROUP = 1235

// Another user's home needs a user who may give files away.
const describeAsRoot = process.getuid?.() === 0 ? describe : describe.skip

let place: ProfileHome
/** Beside the home, and nobody's but root's. */
let rootsFolder: string
let rootsFile: string

beforeEach(() => {
  place = makeProfileHome()
  rootsFolder = fs.mkdtempSync(`${place.home}-root-`)
  rootsFile = join(rootsFolder, 'secret.json')
  fs.writeFileSync(rootsFile, '{"current":"root","profiles":[{"name":"root","access_key_id":"rootsOwn"}]}', {
    mode: 0o600,
  })
})

afterEach(() => {
  place.remove()
  fs.rmSync(rootsFolder, { recursive: true, force: true })
})

/** What an attack must not change. */
function expectUntouched(): void {
  const { uid, mode } = fs.statSync(rootsFile)
  expect([uid, mode & 0o777, fs.readFileSync(rootsFile, 'utf8').includes('rootsOwn')]).toEqual([
    0,
    0o600,
    true,
  ])
  expect(fs.readdirSync(rootsFolder)).toEqual(['secret.json'])
  expect([process.geteuid?.(), process.getegid?.()]).toEqual([0, 0])
}

const ownerOf = (path: string): number => fs.lstatSync(path).uid

function giveHome(folderToo = true): void {
  fs.mkdirSync(dirname(place.path), { recursive: true })
  fs.chownSync(place.home, USER, GROUP)
  if (folderToo) fs.chownSync(dirname(place.path), USER, GROUP)
}

describeAsRoot("root in another user's home", () => {
  test('everything that root writes belongs to that user, and root has its own IDs again afterwards', async () => {
    fs.chownSync(place.home, USER, GROUP)
    await place.main('1', 'ci')
    for (const file of [dirname(place.path), place.path, `${place.path}.ci-record`])
      expect([fs.statSync(file).uid, fs.statSync(file).gid]).toEqual([USER, GROUP])
    expectUntouched()
    await place.post('1')
    expect(place.files()).toEqual([])
    expectUntouched()
  })

  test("a file that root's own CLI wrote there is read, and stays root's", async () => {
    giveHome()
    place.put(USERS)
    await checkProfile({ path: place.path })
    await place.main('1', 'ci')
    expect([place.names(), ownerOf(place.path), fs.statSync(place.path).mode & 0o777]).toEqual([
      ['me', 'ci'],
      0,
      0o600,
    ])
    await place.post('1')
    expect([place.read(), ownerOf(place.path), place.files()]).toEqual([USERS, 0, ['config.json']])
  })

  test("a folder that root's own CLI made there is used", async () => {
    giveHome(false)
    await checkProfile({ path: place.path })
    await place.main('1', 'ci')
    expect([place.names(), ownerOf(place.path)]).toEqual([['ci'], 0])
    await place.post('1')
    expect(place.files()).toEqual([])
  })

  test('finds before any request that the user himself may not write there', async () => {
    giveHome()
    fs.chmodSync(dirname(place.path), 0o555)
    for (const work of [() => checkProfile({ path: place.path }), () => place.main('1', 'ci')])
      expect(await refusalOfProfile(work())).toMatch(/permission denied/)
    expect(place.files()).toEqual([])
    expectUntouched()
  })

  test('works where only that user may look, as on a network disk that trusts no root', async () => {
    giveHome()
    // access(2) asks for the real user, who is root.
    const refuse = jest.spyOn(fs, 'existsSync').mockReturnValue(false)
    try {
      await checkProfile({ path: place.path })
      await place.main('1', 'ci')
      await place.post('1')
    } finally {
      refuse.mockRestore()
    }
    expect(place.files()).toEqual([])
  })

  test('believes nothing that a third user wrote', async () => {
    giveHome()
    place.put(USERS)
    fs.chownSync(place.path, 77, 78)
    for (const work of [() => checkProfile({ path: place.path }), () => place.main('1', 'ci')])
      expect(await refusalOfProfile(work())).toMatch(/belongs to another user \(uid 77\)/)
    fs.chownSync(place.path, USER, GROUP)
    await place.main('1', 'ci')
    fs.chownSync(`${place.path}.ci-record`, 77, 78)
    expect((await place.post('1')).warnings).toEqual([expect.stringContaining('is damaged')])
  })

  const links: [string, () => void][] = [
    ['config.json', () => fs.symlinkSync(rootsFile, place.path)],
    ['the record', () => fs.symlinkSync(rootsFile, `${place.path}.ci-record`)],
    ['the lock', () => fs.symlinkSync(rootsFolder, `${place.path}.ci-lock`)],
    [
      'the folder',
      () => {
        fs.rmdirSync(dirname(place.path))
        fs.symlinkSync(rootsFolder, dirname(place.path))
        fs.symlinkSync('secret.json', join(rootsFolder, 'config.json'))
        fs.rmSync(join(rootsFolder, 'config.json'))
      },
    ],
    ['config.json by a second name', () => fs.linkSync(rootsFile, place.path)],
  ]
  test.each(links)("a link of that user's instead of %s is not followed", async (_what, swap) => {
    giveHome()
    swap()
    for (const work of [
      () => checkProfile({ path: place.path }),
      () => place.main('1', 'ci', { waitAtMostMs: 0 }),
      () => place.post('1', { waitAtMostMs: 0 }),
      () => sweepExpired(place.path, NOW),
    ]) {
      await work().catch(() => undefined)
      expectUntouched()
    }
  })

  test.each(['open', 'sync', 'rename'] as const)(
    'nothing is given away if the user swaps a temporary file for a link at each %s',
    async (call) => {
      giveHome()
      const swap = (): void => {
        for (const name of fs.readdirSync(dirname(place.path))) {
          const file = join(dirname(place.path), name)
          if (!name.endsWith('.tmp') && name !== 'config.json' && name !== 'config.json.ci-record') continue
          fs.rmSync(file, { force: true })
          fs.symlinkSync(rootsFile, file)
        }
      }
      const calls = {
        open: (path: string, flags: number, mode: number) => {
          const descriptor = fs.openSync(path, flags, mode)
          if (call === 'open') swap()
          return descriptor
        },
        sync: () => {
          if (call === 'sync') swap()
          return Promise.resolve()
        },
        rename: (from: string, to: string) => {
          if (call === 'rename') swap()
          fs.renameSync(from, to)
        },
      }
      await place.main('1', 'ci', {}, { calls }).catch(() => undefined)
      expectUntouched()
      await place.post('1', { calls })
      expectUntouched()
    },
  )

  test('nothing is given away to an attacker who swaps files as fast as possible', async () => {
    giveHome()
    const script = `
      const fs = require('node:fs')
      const [folder, secret, secrets] = process.argv.slice(1)
      const attempt = (work) => { try { work() } catch {} }
      console.log('ready')
      for (let n = 0; ; n += 1) {
        let names = []
        attempt(() => { names = fs.readdirSync(folder) })
        for (const name of names) {
          const file = folder + '/' + name
          if (name.endsWith('.tmp') || n % 3 === 0) attempt(() => {
            fs.renameSync(file, folder + '/../taken')
            fs.symlinkSync(name.endsWith('lock') ? secrets : secret, file)
          })
        }
        if (n % 50 === 0) attempt(() => {
          fs.renameSync(folder, folder + '.away')
          fs.symlinkSync(secrets, folder)
          fs.unlinkSync(folder)
          fs.renameSync(folder + '.away', folder)
        })
        if (n % 7 === 0) for (const name of names) attempt(() => fs.unlinkSync(folder + '/' + name))
      }`
    const args = ['-e', script, dirname(place.path), rootsFile, rootsFolder]
    const attacker = spawn(process.execPath, args, {
      uid: USER,
      gid: GROUP,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    try {
      await once(attacker.stdout, 'data')
      for (let turn = 0; turn < 12; turn += 1) {
        await checkProfile({ path: place.path }).catch(() => undefined)
        await place.main(`${turn}`, 'ci', { waitAtMostMs: 50 }).catch(() => undefined)
        await place.post(`${turn}`, { waitAtMostMs: 50 })
        expectUntouched()
      }
    } finally {
      attacker.kill('SIGKILL')
    }
  })
})
