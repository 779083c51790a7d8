import fs from 'node:fs'
import { dirname, join } from 'node:path'
import { execFileSync } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { readCurrentProfile } from '../src/profile/config-file.js'
import { keepProfile } from '../src/profile/keep-profile.js'
import { ProfileError } from '../src/profile/profile-error.js'
import { checkProfile, installProfile, type ProfileInstallation } from '../src/profile/install.js'
import { postponeExpiration } from '../src/profile/postpone-expiration.js'
import type { SystemCalls } from '../src/profile/replacement.js'
import { readText } from '../src/profile/snapshot.js'
import { sweepExpired } from '../src/profile/sweep.js'
import { uninstallProfile } from '../src/profile/uninstall.js'
import { plain } from '../src/text/prose.js'
import { createTemporaryFolder, removeFolder } from '../stand-in/runner/temporary-folder.js'
import { posixOnly } from './support/platform.js'
import { profileOf } from './support/profile-arbitraries.js'
import { NOW, USERS } from './support/profile-home.js'

const HOUR = 3_600_000
const later = (hours: number) => new Date(NOW.getTime() + hours * HOUR)

let home: string
let path: string

beforeEach(() => {
  home = createTemporaryFolder('profile-')
  path = join(home, '.aliyun', 'config.json')
})

afterEach(() => {
  jest.restoreAllMocks()
  removeFolder(home)
})

function put(text: string, at = path): void {
  fs.mkdirSync(dirname(at), { recursive: true })
  fs.writeFileSync(at, text, { mode: 0o600 })
}

const read = (at = path) => fs.readFileSync(at, 'utf8')
const files = (folder = dirname(path)) => fs.readdirSync(folder).sort()
interface Config {
  current: string
  profiles: Record<string, string>[]
}
/** Changes the file as another program would, keeping nobody's layout. */
function edit(change: (config: Config) => void): void {
  const config = JSON.parse(read()) as Config
  change(config)
  fs.writeFileSync(path, JSON.stringify(config))
}
const names = () => (JSON.parse(read()) as { profiles: { name: string }[] }).profiles.map(({ name }) => name)

const main = (
  id: string,
  name: string,
  more: Partial<ProfileInstallation> = {},
  calls: Partial<SystemCalls> = {},
) =>
  installProfile(
    {
      path,
      id,
      job: 'job',
      waitAtMostMs: 20_000,
      profile: profileOf(name, id),
      setCurrent: true,
      expiration: later(1),
      now: NOW,
      ...more,
    },
    { calls, staleAfterMs: STALE_AFTER_MS },
  )
const keep = (id: string) => keepProfile({ path, id }, { waitAtMostMs: 20_000, staleAfterMs: STALE_AFTER_MS })
const post = async (id: string, now: Date | undefined = NOW, calls: Partial<SystemCalls> = {}) => {
  const { notes, warnings } = await uninstallProfile(
    { path, id, now },
    { calls, staleAfterMs: STALE_AFTER_MS },
  )
  return { notes: notes.map(plain), warnings: warnings.map(plain) }
}

/** So that nobody waits ten seconds for the lock of a killed process. */
const STALE_AFTER_MS = 300

/** The error of a promise that must fail with one of ours. */
async function refusal(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(ProfileError)
  return error instanceof Error ? error.message : ''
}

const withModes = posixOnly('Windows has no mode bits')
const withLinks = posixOnly('links need a right there, and pipes are not among files')

/** Every path below a folder, with what `ls -l` would show of it but the times. */
function everythingIn(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const { mode, size, ino } = fs.lstatSync(join(folder, name))
      return [name, mode, size, ino].join(' ')
    })
}

const systemError = (code: string) => Object.assign(new Error(code), { code, syscall: 'test' })

describe('a clean home', () => {
  test('gets the file that the CLI would write, and post removes it', async () => {
    const profile = {
      name: 'ci',
      credentials: { accessKeyId: 'STS.a', accessKeySecret: 's<&>', securityToken: 'CAIS+/=' },
      regionId: 'cn-hangzhou',
    }
    const installed = await main('1', 'ci', { profile, setCurrent: false })
    expect(installed).toEqual({ warnings: [], current: 'ci' })
    expect(read()).toBe(
      '{\n\t"current": "ci",\n\t"profiles": [\n\t\t{\n\t\t\t"name": "ci",\n\t\t\t"mode": "StsToken",\n\t\t\t"access_key_id": "STS.a",\n' +
        '\t\t\t"access_key_secret": "s\\u003c\\u0026\\u003e",\n\t\t\t"sts_token": "CAIS+/=",\n\t\t\t"region_id": "cn-hangzhou",\n' +
        '\t\t\t"output_format": "json",\n\t\t\t"language": "en",\n\t\t\t"site": "china"\n\t\t}\n\t],\n\t"meta_path": ""\n}',
    )
    // Windows has no mode bits.
    if (process.platform !== 'win32') {
      expect(fs.statSync(path).mode & 0o777).toBe(0o600)
      expect(fs.statSync(`${path}.ci-record`).mode & 0o777).toBe(0o600)
      expect(fs.statSync(dirname(path)).mode & 0o777).toBe(0o755)
    }
    expect(files()).toEqual(['config.json', 'config.json.ci-record'])
    expect(read(`${path}.ci-record`)).not.toMatch(/STS\.a|s<|CAIS/)

    expect((await post('1')).notes).toEqual([
      `Restored ${path}: this step's profile "ci" is no longer in it.`,
    ])
    expect(files()).toEqual([])
    expect(await post('1')).toEqual({
      notes: ['No profile of this step was left to restore.'],
      warnings: [],
    })
  })

  test('keeps a profile that cleanup: false leaves to the user, without a record', async () => {
    await main('1', 'ci')
    await keep('1')
    expect(files()).toEqual(['config.json'])
    const before = read()
    await main('2', 'b', { now: later(20), expiration: later(21) })
    await post('2', later(20))
    await post('1', later(20))
    expect(read()).toBe(before)
  })

  test('is not touched by a post whose main wrote no profile', async () => {
    expect((await post('1')).warnings).toEqual([])
    expect(files(home)).toEqual([])
  })

  test('is checked without leaving anything but the folder, which every call of the CLI creates', async () => {
    expect(await readCurrentProfile(path)).toBeUndefined()
    expect(files(home)).toEqual([])
    expect(await checkProfile({ path })).toEqual({ target: path })
    expect([files(home), files()]).toEqual([['.aliyun'], []])
  })
})

describe('a profile of mode CredentialsURI', () => {
  const uri = (token: string) => `http://127.0.0.1:4711/${token}`
  const served = (name: string, token: string) => ({
    profile: { name, regionId: 'cn-hangzhou', credentialsUri: uri(token) },
  })

  test('is written as the CLI would, and is recognised by its address', async () => {
    await main('1', 'ci', served('ci', 'a'))
    expect(read()).toBe(
      '{\n\t"current": "ci",\n\t"profiles": [\n\t\t{\n\t\t\t"name": "ci",\n\t\t\t"mode": "CredentialsURI",\n' +
        '\t\t\t"region_id": "cn-hangzhou",\n\t\t\t"output_format": "json",\n\t\t\t"language": "en",\n\t\t\t"site": "china",\n' +
        '\t\t\t"credentials_uri": "http://127.0.0.1:4711/a"\n\t\t}\n\t],\n\t"meta_path": ""\n}',
    )
    expect(read(`${path}.ci-record`)).not.toContain('4711')
    await post('1')
    expect(files()).toEqual([])
  })

  test("with another address is somebody else's", async () => {
    put(USERS)
    await main('1', 'ci', served('ci', 'a'))
    fs.writeFileSync(path, read().replace(uri('a'), uri('b')))
    await post('1')
    expect(names()).toEqual(['me', 'ci'])
  })

  test('lives as long as its session is renewed, and config.json is not touched for that', async () => {
    put(USERS)
    await main('1', 'ci', served('ci', 'a'))
    const before = fs.statSync(path, { bigint: true })
    await postponeExpiration({ path, target: path, id: '1' }, later(5))
    await postponeExpiration({ path, target: path, id: 'unknown' }, later(50))
    const after = fs.statSync(path, { bigint: true })
    expect([after.ino, after.mtimeNs, after.ctimeNs]).toEqual([before.ino, before.mtimeNs, before.ctimeNs])
    await post('other', later(4))
    expect(names()).toEqual(['me', 'ci'])
    await post('other', later(6))
    expect(read()).toBe(USERS)
    await postponeExpiration({ path, target: path, id: '1' }, later(9))
    expect(files()).toEqual(['config.json'])
  })

  withLinks("lives on beside a link's old target, if a program put a file in the link's place", async () => {
    const shared = join(home, 'shared.json')
    fs.writeFileSync(shared, USERS)
    fs.mkdirSync(dirname(path), { recursive: true })
    fs.symlinkSync(shared, path)
    await main('1', 'ci', served('ci', 'a'))
    const copy = fs.readFileSync(shared)
    fs.unlinkSync(path)
    fs.writeFileSync(path, copy)
    await postponeExpiration({ path, target: shared, id: '1' }, later(5))
    expect(read(`${shared}.ci-record`)).toContain(later(5).toISOString().slice(0, 19))
  })

  test('makes nothing where nothing of any run is left', async () => {
    await main('1', 'ci', served('ci', 'a'))
    fs.rmSync(dirname(path), { recursive: true })
    await postponeExpiration({ path, target: path, id: '1' }, later(5))
    expect(files(home)).toEqual([])
  })
})

describe('runs that follow or overlap each other', () => {
  test('two steps of one job with the same keys and the same name unwind in either order', async () => {
    for (const order of [
      ['2', '1'],
      ['1', '2'],
    ]) {
      put(USERS)
      const profile = profileOf('me', 'shared')
      await main('1', 'me', { profile })
      await main('2', 'me', { profile })
      await post(order[0] ?? '')
      expect(read()).toContain('STS.shared')
      await post(order[1] ?? '')
      expect(read()).toBe(USERS)
    }
  })

  test('a profile that stays keeps the keys that another run shares with it', async () => {
    put(USERS)
    const profile = profileOf('ci', 'shared')
    await main('1', 'ci', { profile })
    await main('2', 'ci', { profile })
    await keep('2')
    await post('1')
    expect(names()).toEqual(['me', 'ci'])
    expect(files()).toEqual(['config.json'])
  })

  test('what an expired session left is restored by the next main, and by any run that knows the time', async () => {
    put(USERS)
    await main('killed', 'me')
    await main('2', 'other', { now: later(1.3), expiration: later(3) })
    expect(read()).toContain('STS.killed')
    await main('3', 'third', { now: later(1.4), expiration: later(3) })
    expect([read().includes('STS.killed'), read().includes('LTAIme'), names()]).toEqual([
      false,
      true,
      ['me', 'other', 'third'],
    ])
    // A post has no clock that STS has vouched for.
    await post('3', undefined)
    expect(names()).toEqual(['me', 'other'])
    await post('3', later(13))
    expect(read()).toBe(USERS)
    expect(files()).toEqual(['config.json'])
  })

  test('a session whose end is unknown counts as expired after the longest that STS allows', async () => {
    await main('killed', 'ci', { expiration: undefined })
    await main('2', 'b', { now: later(12), expiration: later(13) })
    expect(names()).toEqual(['ci', 'b'])
    await post('2', later(12.4))
    expect(files()).toEqual([])
  })

  test("an entry that others edited is still the step's, but not one with other keys", async () => {
    put(USERS)
    await main('1', 'ci')
    await main('2', 'b')
    edit((config) => {
      const [, ci, b] = config.profiles
      Object.assign(ci ?? {}, { region_id: 'cn-beijing' })
      Object.assign(b ?? {}, { access_key_id: 'LTAInew' })
    })
    await post('1')
    expect((await post('2')).warnings).toEqual([])
    expect(names()).toEqual(['me', 'b'])
  })

  test("a renamed entry is still the step's, and what it replaced returns under the old name", async () => {
    put(USERS)
    await main('1', 'me')
    edit((config) => {
      config.current = 'other'
      Object.assign(config.profiles[0] ?? {}, { name: 'other' })
    })
    await post('1')
    expect(JSON.parse(read())).toEqual(JSON.parse(USERS))
    expect(files()).toEqual(['config.json'])
  })

  test("a file that main created stays if others added members to it, with the CLI's empty profile", async () => {
    await main('1', 'ci')
    fs.writeFileSync(path, read().replace('"meta_path": ""', '"meta_path": "/m", "newer": 1e400'))
    await post('1')
    expect(read()).toBe(
      '{\n\t"current": "default",\n\t"profiles": [\n\t\t{\n\t\t\t"name": "default",\n\t\t\t"mode": "",\n\t\t\t"output_format": "json",\n\t\t\t"language": "en"\n\t\t}\n\t],\n\t"meta_path": "/m", "newer": 1e400\n}',
    )
    expect(files()).toEqual(['config.json'])
  })

  test('a home whose config.json somebody deleted is left alone', async () => {
    put(USERS)
    await main('1', 'ci')
    fs.rmSync(path)
    expect((await post('1')).warnings).toEqual([])
    expect(files()).toEqual([])
  })
})

describe('the check before any request, and main, refuse without changing anything', () => {
  const refusedOnPosix: [string, () => void, RegExp][] = [
    ['a link to itself', () => fs.symlinkSync('config.json', path), /config\.json.* leads back to itself/],
    [
      'a link into a missing folder',
      () => fs.symlinkSync('/nonexistent/x/config.json', path),
      /\/nonexistent\/x\/config\.json, whose folder does not exist/,
    ],
    ['a pipe', () => void execFileSync('mkfifo', [path]), /config\.json is a device, pipe or socket/],
  ]
  const refused: typeof refusedOnPosix = [
    ['a directory', () => fs.mkdirSync(path), /config\.json is a directory/],
    ['an empty file', () => put(''), /config\.json is empty.*remove the file/],
    ['half a file', () => put('{\n\n"current": "me",'), /config\.json, line 3: /],
    [
      'a current that is missing',
      () => put('{"current": "LTAIsecret", "profiles": [{"name": "x"}]}'),
      /config\.json, line 1: .*"current"/,
    ],
    [
      'a file in the place of the folder',
      () => {
        fs.rmdirSync(dirname(path))
        fs.writeFileSync(dirname(path), '')
      },
      /\.aliyun is not a directory: remove or rename it/,
    ],
  ]
  const expectRefusal = async (_name: string, prepare: () => void, message: RegExp): Promise<void> => {
    fs.mkdirSync(dirname(path))
    prepare()
    const before = everythingIn(home)
    for (const work of [() => checkProfile({ path }), () => main('1', 'ci')]) {
      const said = await refusal(work())
      expect(said).toMatch(message)
      expect(said).not.toContain('LTAIsecret')
      expect(said).not.toContain('\n')
    }
    expect(everythingIn(home)).toEqual(before)
  }
  test.each(refused)('%s', expectRefusal)
  withLinks.each(refusedOnPosix)('%s', expectRefusal)

  posixOnly('Windows has no user numbers')("another user's file or folder", async () => {
    put(USERS)
    jest.spyOn(process, 'getuid').mockReturnValue(4242)
    for (const work of [() => checkProfile({ path }), () => main('1', 'ci')])
      expect(await refusal(work())).toMatch(/belongs to another user \(uid \d+\).*chown/)
    // Reading it is the CLI's good right.
    expect((await readCurrentProfile(path))?.name).toBe('me')
    expect((await post('1')).warnings).toEqual([])
  })

  const asUser = process.getuid?.() === 0 ? test.skip : withModes
  asUser('a folder that may not be written', async () => {
    put(USERS)
    fs.chmodSync(dirname(path), 0o555)
    for (const work of [() => checkProfile({ path }), () => main('1', 'ci')])
      expect(await refusal(work())).toMatch(/permission denied/)
    fs.chmodSync(dirname(path), 0o755)
  })
})

withModes('what others may write is warned of', async () => {
  put(USERS)
  fs.chmodSync(path, 0o602)
  fs.chmodSync(dirname(path), 0o777)
  const { warnings } = await main('1', 'ci')
  expect(warnings.map((warning) => plain(warning).split(' ')[0])).toEqual([dirname(path), path])
  expect(fs.statSync(path).mode & 0o777).toBe(0o600)
})

withModes(
  "a folder that the user's own group can write is ordinary, and another group's is not",
  async () => {
    put(USERS)
    fs.chmodSync(dirname(path), 0o775)
    expect((await main('1', 'ci')).warnings).toEqual([])
    jest.spyOn(process as { getegid: () => number }, 'getegid').mockReturnValue(4243)
    expect((await main('2', 'ci')).warnings.map(plain)).toEqual([
      expect.stringContaining(`${dirname(path)} is writable by other users`),
    ])
  },
)

describe('if the system refuses a call,', () => {
  const atOnce = posixOnly('there, what is refused is tried again')
  /**
   * The real calls, of which the one number `fails` of a kind gives `code`, or every later one too.
   */
  function failing(
    kind: keyof SystemCalls,
    fails: number,
    code: string,
    forGood = false,
  ): Partial<SystemCalls> {
    let count = 0
    const guard = (): void => {
      count += 1
      if (count === fails || (forGood && count > fails)) throw systemError(code)
    }
    return {
      [kind]: (...args: [string, string & number, number]) => {
        guard()
        if (kind === 'open') return fs.openSync(...args)
        if (kind === 'rename') fs.renameSync(args[0], args[1])
        else fs.unlinkSync(args[0])
        return undefined
      },
    }
  }

  const expectError = async (
    kind: keyof SystemCalls,
    fails: number,
    code: string,
    message: RegExp,
  ): Promise<void> => {
    put(USERS)
    expect(await refusal(main('1', 'ci', {}, failing(kind, fails, code)))).toMatch(message)
    expect(read()).toBe(USERS)
    expect(files()).toEqual(['config.json'])
  }
  const AS_IT_WAS = 'main at %s %d with %s: an error, and the home as it was'
  test.each<Parameters<typeof expectError>>([
    ['open', 1, 'ENOSPC', /ci-record: no space left/],
    ['open', 2, 'ENOSPC', /config\.json: no space left/],
    ['rename', 1, 'EROFS', /read-only/],
  ])(AS_IT_WAS, expectError)
  atOnce.each<Parameters<typeof expectError>>([
    ['rename', 2, 'EBUSY', /mount its folder/],
    ['rename', 2, 'EACCES', /permission denied/],
  ])(AS_IT_WAS, expectError)

  test('post works on a disk that main filled, because it needs no space', async () => {
    put(USERS)
    expect(await refusal(main('1', 'ci', {}, failing('open', 2, 'ENOSPC', true)))).toMatch(/no space left/)
    expect(read()).toBe(USERS)
    expect((await post('1', NOW, failing('open', 1, 'ENOSPC', true))).warnings).toEqual([])
    expect(files()).toEqual(['config.json'])
  })

  test.each([
    ['a full disk', failing('open', 1, 'ENOSPC', true), /no space left/],
    ['a disk that is read-only now', failing('rename', 1, 'EROFS', true), /read-only/],
  ])(
    'post with %s says until when the session stays, and the next run restores it at once',
    async (_, calls, reason) => {
      put(USERS)
      await main('1', 'me')
      const { warnings } = await post('1', undefined, calls)
      expect(warnings).toEqual([expect.stringMatching(reason)])
      expect(warnings[0]).toMatch(
        /^The aliyun CLI's profile could not be restored\. .*Its session stays in .*config\.json, usable until 2026-01-02T04:04:05Z\. The next run on this home removes it\.$/,
      )
      expect(names()).toEqual(['me'])
      expect(read()).toContain('STS.1')
      await main('2', 'other')
      expect(read()).not.toContain('STS.1')
      await post('2')
      expect(read()).toBe(USERS)
      expect(files()).toEqual(['config.json'])
    },
  )

  test('post whose lock cannot be had says the same, and a step without a profile restores it', async () => {
    put(USERS)
    await main('1', 'me')
    fs.mkdirSync(`${path}.ci-lock`)
    fs.writeFileSync(join(`${path}.ci-lock`, 'another'), '')
    const { warnings } = await uninstallProfile({ path, id: '1', now: undefined }, { waitAtMostMs: 0 })
    expect(warnings.map(plain)).toEqual([
      expect.stringMatching(/ci-lock: .*The next run on this home removes it\.$/),
    ])
    // The lock is still held: nobody waits for it.
    await sweepExpired(path, NOW)
    expect(read()).toContain('STS.1')
    fs.rmSync(`${path}.ci-lock`, { recursive: true })
    await sweepExpired(path, NOW)
    expect(read()).toBe(USERS)
    expect(files()).toEqual(['config.json'])
  })

  atOnce('a main whose profile cannot be written leaves no record of it', async () => {
    put(USERS)
    await main('1', 'ci')
    const before = fs.readFileSync(`${path}.ci-record`, 'utf8')
    expect(await refusal(main('2', 'b', {}, failing('rename', 2, 'EACCES')))).toMatch(/permission denied/)
    expect(fs.readFileSync(`${path}.ci-record`, 'utf8')).toBe(before)
  })
})

describe('a record that cannot be read', () => {
  const damaged: [string, (record: string) => void][] = [
    ['half of it', (record) => fs.truncateSync(record, fs.statSync(record).size / 2)],
    ['nothing', (record) => fs.truncateSync(record)],
    ['an older version', (record) => fs.writeFileSync(record, '{"version": 1, "layers": []}')],
    ['another shape', (record) => fs.writeFileSync(record, '{"version": 2, "entries": [{"run": 5}]}')],
    [
      'a directory',
      (record) => {
        fs.rmSync(record)
        fs.mkdirSync(record)
      },
    ],
  ]
  const expectSetAside = async (_name: string, damage: (record: string) => void): Promise<void> => {
    put(USERS)
    await main('1', 'me')
    damage(`${path}.ci-record`)
    const before = read()
    expect((await post('1')).warnings).toEqual([
      expect.stringMatching(/^The aliyun CLI's profile could not be restored: the record .* is damaged.*$/),
    ])
    expect(read()).toBe(before)
    const { warnings } = await main('2', 'b')
    expect(warnings.map(plain)).toEqual([expect.stringContaining('ci-record.damaged-')])
    expect(files().filter((name) => name.includes('.damaged-'))).toHaveLength(1)
    await post('2')
    expect(read()).toBe(before)
  }
  const SET_ASIDE = '%s: post says so and leaves it, main sets it aside and works'
  test.each(damaged)(SET_ASIDE, expectSetAside)
  withLinks.each<(typeof damaged)[number]>([
    [
      'a link',
      (record) => {
        fs.renameSync(record, join(home, 'record'))
        fs.symlinkSync(join(home, 'record'), record)
      },
    ],
  ])(SET_ASIDE, expectSetAside)
})

describe('a record of a newer version', () => {
  test('is refused with a message that says so, and left alone', async () => {
    put(USERS)
    await main('1', 'me')
    const before = read()
    const newer = '{"version": 3, "entries": "of some other form"}'
    fs.writeFileSync(`${path}.ci-record`, newer)
    for (const work of [() => checkProfile({ path }), () => main('2', 'b')])
      expect(await refusal(work())).toMatch(/ci-record was written by a newer version of this action.*update/)
    expect((await post('1')).warnings).toEqual([expect.stringContaining('newer version')])
    await sweepExpired(path, later(50))
    expect([read(), read(`${path}.ci-record`)]).toEqual([before, newer])
    expect(files()).toEqual(['config.json', 'config.json.ci-record'])
  })
})

describe('a step that writes no profile', () => {
  test('takes no lock unless something has expired, and none for a damaged record', async () => {
    put(USERS)
    await main('1', 'me')
    const mkdir = jest.spyOn(fs, 'mkdirSync')
    await sweepExpired(path, later(1.3))
    fs.writeFileSync(`${path}.ci-record`, 'damaged')
    await sweepExpired(path, later(50))
    expect(mkdir).not.toHaveBeenCalled()
    expect(read(`${path}.ci-record`)).toBe('damaged')
  })

  test('restores what expired longer ago than STS lets clocks differ', async () => {
    put(USERS)
    await main('1', 'me')
    await sweepExpired(path, later(1.3))
    expect(read()).toContain('STS.1')
    await sweepExpired(path, later(1.4))
    expect(read()).toBe(USERS)
    expect(files()).toEqual(['config.json'])
  })

  test('removes temporary files of killed writers, and creates no home', async () => {
    put(USERS)
    put('secret', join(dirname(path), 'config.json.ci-record.ci-0123456789abcdef.tmp'))
    await sweepExpired(path, NOW)
    expect(files()).toEqual(['config.json'])
    fs.rmSync(dirname(path), { recursive: true })
    await sweepExpired(path, NOW)
    expect(files(home)).toEqual([])
  })
})

describe('post on a broken file', () => {
  test('says so in one line, and removes the profile once the file is fixed', async () => {
    put(USERS)
    await main('1', 'me')
    const good = read()
    put(good.slice(0, -20))
    const { notes, warnings } = await post('1')
    expect([notes, warnings]).toEqual([[], [expect.stringMatching(/^[^\n]*config\.json, line \d+[^\n]*$/)]])
    expect(warnings[0]).not.toContain('secret')
    put(good)
    // Whoever comes next knows that the run has ended.
    await main('2', 'b')
    await post('2')
    expect(read()).toBe(USERS)
  })

  test('removes its profile from a file that can be edited although the CLI would refuse it', async () => {
    put(USERS)
    await main('1', 'ci', { setCurrent: false })
    put(read().replace('"access_key_id": "LTAIme"', '"Name": 5'))
    await post('1')
    expect(read()).toBe(USERS.replace('"access_key_id": "LTAIme"', '"Name": 5'))
  })
})

test('a file that a CLI has written only half is read again', async () => {
  put(USERS.slice(0, 30))
  const reading = readText(path)
  put(USERS)
  expect(await reading).toBe(USERS)
})

describe('the current profile', () => {
  const current = (fields: string) => {
    put(`{"current": "a", "profiles": [{"name": "b"}, {"name": "a"${fields}}]}`)
    return readCurrentProfile(path)
  }

  test.each([
    ['', false],
    [', "mode": ""', false],
    [', "mode": "StsToken"', false],
    [', "mode": "StsToken", "access_key_id": "STS.x", "access_key_secret": "s", "sts_token": "t"', true],
    [', "mode": "", "access_key_secret": "s"', true],
    [', "mode": "AK"', true],
    [', "mode": "EcsRamRole"', true],
  ])('with %s beats the environment: %s', async (fields, expected) => {
    expect((await current(fields))?.authenticates).toBe(expected)
  })

  test('does not show a secret', async () => {
    expect(
      await current(
        ', "mode": "AK", "access_key_id": "LTAI", "access_key_secret": "hush", "region_id": "cn-x"',
      ),
    ).toEqual({
      name: 'a',
      mode: 'AK',
      accessKeyId: 'LTAI',
      regionId: 'cn-x',
      authenticates: true,
    })
    put('{"current": "hush", "profiles": [{"name": "x"}]}')
    expect(await refusal(readCurrentProfile(path))).not.toContain('hush')
  })
})
