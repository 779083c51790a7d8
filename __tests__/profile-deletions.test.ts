/**
 * What a job itself does to its profile with the CLI: deletes it, writes it anew, makes another
 * current.
 */
import fs from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { parseConfig, refusalOf } from '../src/profile/config-text.js'
import { makeProfileHome, USERS, type Config, type ProfileHome } from './support/profile-home.js'

let place: ProfileHome

beforeEach(() => {
  place = makeProfileHome()
})

afterEach(() => {
  place.remove()
})

/** `aliyun configure delete --profile NAME`, with the CLI's own bytes. */
function configureDelete(name: string): void {
  const config = JSON.parse(place.read()) as Config
  config.profiles = config.profiles.filter((profile) => profile.name !== name)
  if (config.current === name) config.current = config.profiles[0]?.name ?? 'default'
  fs.writeFileSync(place.path, JSON.stringify(config, undefined, '\t'))
}

/** `aliyun configure set --profile NAME --mode AK`, which makes it current too. */
function configureSet(name: string, key: string): void {
  place.edit((config) => {
    const profile = { name, mode: 'AK', access_key_id: key, access_key_secret: 'x' }
    const index = config.profiles.findIndex((other) => other.name === name)
    if (index === -1) config.profiles.push(profile)
    else config.profiles[index] = profile
    config.current = name
  })
}

const current = (): string => (JSON.parse(place.read()) as Config).current

describe('a profile that the job deleted', () => {
  test('leaves nothing behind on a home that main made, after post', async () => {
    await place.main('1', 'ci')
    configureDelete('ci')
    expect(place.read()).toContain('"profiles": []')
    expect((await place.post('1')).warnings).toEqual([])
    expect(place.files()).toEqual([])
  })

  test('does not disturb the next main, which leaves nothing behind either', async () => {
    await place.main('1', 'ci')
    configureDelete('ci')
    await place.main('2', 'other')
    expect([place.names(), current()]).toEqual([['other'], 'other'])
    await place.post('1')
    expect(place.names()).toEqual(['other'])
    await place.post('2')
    expect(place.files()).toEqual([])
  })

  test("gives the user's own profile of that name back, even the only one, and makes it current again", async () => {
    place.put(USERS)
    await place.main('1', 'me')
    configureDelete('me')
    await place.post('1')
    expect(JSON.parse(place.read())).toEqual(JSON.parse(USERS))
    expect(place.files()).toEqual(['config.json'])
  })

  test('is taken into account by the next main, which restores what it had replaced', async () => {
    place.put(USERS)
    await place.main('1', 'me')
    configureDelete('me')
    await place.main('2', 'me')
    await place.post('1')
    expect(place.read()).toContain('STS.2')
    await place.post('2')
    expect(JSON.parse(place.read())).toEqual(JSON.parse(USERS))
  })

  test('lets the profile of another running job return', async () => {
    place.put(USERS)
    await place.main('1', 'ci')
    await place.main('2', 'ci')
    configureDelete('ci')
    await place.post('2')
    expect(place.read()).toContain('STS.1')
    expect(current()).toBe('ci')
    await place.post('1')
    expect(JSON.parse(place.read())).toEqual(JSON.parse(USERS))
  })

  test('lets the former current profile return, which the CLI had replaced with the first of the list', async () => {
    place.put('{"current":"b","profiles":[{"name":"a"},{"name":"b"}]}')
    await place.main('1', 'ci')
    configureDelete('ci')
    expect(current()).toBe('a')
    await place.post('1')
    expect(current()).toBe('b')
  })

  test('does not undo a later choice of the user', async () => {
    place.put('{"current":"b","profiles":[{"name":"a"},{"name":"b"},{"name":"c"}]}')
    await place.main('1', 'ci')
    configureDelete('ci')
    place.edit((config) => (config.current = 'c'))
    await place.post('1')
    expect(current()).toBe('c')
  })
})

describe('a list of profiles that is empty', () => {
  const empty = (more: string): string =>
    `{\n\t"current": "default",\n\t"profiles": [],\n\t"meta_path": ""${more}\n}`

  test('is not refused, and is repaired', async () => {
    place.put(empty(''))
    await place.main('1', 'ci')
    expect([place.names(), current()]).toEqual([['ci'], 'ci'])
    await place.post('1')
    expect(place.files()).toEqual([])
  })

  test('keeps what else is in the file, and becomes one that the CLI accepts', async () => {
    place.put(empty(',\n\t"plugins": [1]'))
    await place.main('1', 'ci')
    await place.post('1')
    expect(place.read()).toContain('"plugins": [1]')
    const config = parseConfig(place.read(), 'F')
    expect([refusalOf(config), config.entries.map(({ name }) => name)]).toEqual([undefined, ['default']])
    expect(place.files()).toEqual(['config.json'])
  })

  test("is repaired by post if the job deleted its own and the user's", async () => {
    place.put(USERS.replace('"current"', '"plugins": [1], "current"'))
    await place.main('1', 'ci')
    configureDelete('me')
    configureDelete('ci')
    await place.post('1')
    const config = parseConfig(place.read(), 'F')
    expect([refusalOf(config), config.entries.map(({ name }) => name)]).toEqual([undefined, ['default']])
  })
})

describe("a profile that has become the user's", () => {
  test.each([true, false])('stays current (another step in between: %s)', async (looks) => {
    place.put(USERS)
    await place.main('1', 'ci')
    configureSet('ci', 'LTAInew')
    if (looks) {
      await place.main('2', 'b')
      await place.post('2')
    }
    await place.post('1')
    expect([place.names(), current()]).toEqual([['me', 'ci'], 'ci'])
    expect(place.read()).toContain('LTAInew')
    expect(place.files()).toEqual(['config.json'])
  })

  test.each([true, false])(
    'stays current if cleanup: false left it (another step in between: %s)',
    async (looks) => {
      place.put(USERS)
      await place.main('1', 'ci')
      await place.main('2', 'ci')
      await place.keep('2')
      if (looks) {
        await place.main('3', 'b')
        await place.post('3')
      }
      await place.post('1')
      expect([place.names(), current()]).toEqual([['me', 'ci'], 'ci'])
      expect(place.read()).toContain('STS.2')
      expect(place.files()).toEqual(['config.json'])
    },
  )

  test('is never missing while the run that wrote it leaves it to the user', async () => {
    place.put(USERS)
    await place.main('1', 'ci')
    const written = place.read()
    const rename = (): void => {
      throw new Error('config.json or the record was written')
    }
    await place.keep('1', { calls: { rename } })
    expect([place.read(), place.files()]).toEqual([written, ['config.json']])
    await place.main('2', 'me')
    await place.post('2')
    expect(place.read()).toBe(written)
  })

  test('stays current while another run has set current after it', async () => {
    place.put(USERS)
    await place.main('1', 'ci')
    configureSet('ci', 'LTAInew')
    await place.main('2', 'b')
    await place.post('1')
    await place.post('2')
    expect([place.names(), current()]).toEqual([['me', 'ci'], 'ci'])
  })
})

test('"current" is written with set-current-profile, and always in a file of our making', async () => {
  // credentials-go fails without the member, although the CLI does not need it.
  place.put('{"profiles":[{"name":"default"}]}')
  await place.main('1', 'default')
  expect(current()).toBe('default')
  await place.post('1')
  expect(place.read()).toBe('{"profiles":[{"name":"default"}]}')
  place.put('{}')
  await place.main('1', 'ci')
  await place.main('2', 'default', { setCurrent: false })
  await place.post('1')
  expect(current()).toBe('default')
  await place.post('2')
  expect(place.read()).toBe('{}')
})

describe('two running jobs with one profile name', () => {
  const UNIQUE = 'ci-${{ github.run_id }}-${{ strategy.job-index }}'

  test('are both warned, with a suggestion for unique names', async () => {
    expect((await place.main('1', 'ci', { job: 'o/r, run 1, job production' })).warnings).toEqual([])
    const { warnings } = await place.main('2', 'ci', { job: 'o/r, run 2, job staging' })
    expect(warnings).toHaveLength(1)
    const said = warnings
      .flat()
      .map((part) => (typeof part === 'string' ? part : part.value))
      .join('')
    expect(said).toMatch(/"ci".*run 1, job production.*identity/)
    expect(said).toContain(UNIQUE)
    expect((await place.post('2')).warnings).toEqual([])
    expect((await place.post('1')).warnings).toEqual([
      expect.stringMatching(/^Another job \(o\/r, run 2, job staging\).*"ci".*that job's identity/),
    ])
    expect(place.files()).toEqual([])
  })

  test('are not warned if they are steps of one job, or if the earlier one has ended', async () => {
    await place.main('1', 'ci', { job: 'a' })
    expect((await place.main('2', 'ci', { job: 'a' })).warnings).toEqual([])
    expect((await place.post('2')).warnings).toEqual([])
    expect((await place.post('1')).warnings).toEqual([])
    await place.main('3', 'ci', { job: 'a', expiration: new Date(0) })
    expect((await place.main('4', 'ci', { job: 'b' })).warnings).toEqual([])
    expect((await place.post('4')).warnings).toEqual([])
  })
})
