/** What is different on Windows, told on any system: the platform is a parameter. */
import fs from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { waitWhileHeldOpen } from '../src/profile/held-open.js'
import { homeDisagreement } from '../src/profile/home.js'
import { explainSystemError } from '../src/profile/profile-error.js'
import { plain } from '../src/text/prose.js'
import { makeProfileHome, USERS } from './support/profile-home.js'

const systemError = (code: string): Error => Object.assign(new Error(code), { code, syscall: 'rename' })

describe('a file that another program has open', () => {
  test.each(['EPERM', 'EACCES', 'EBUSY'])('is waited for on Windows (%s)', async (code) => {
    let attempts = 0
    const attempt = (): string => {
      attempts += 1
      if (attempts < 4) throw systemError(code)
      return 'done'
    }
    expect(await waitWhileHeldOpen(attempt, 'win32')).toBe('done')
    expect(attempts).toBe(4)
    attempts = 0
    await expect(waitWhileHeldOpen(attempt, 'linux')).rejects.toThrow(code)
    expect(attempts).toBe(1)
  })

  test('is waited for with a limit, and other refusals are not waited for', async () => {
    let attempts = 0
    const attempt = (code: string) => (): never => {
      attempts += 1
      throw systemError(code)
    }
    await expect(waitWhileHeldOpen(attempt('EBUSY'), 'win32', 0)).rejects.toThrow('EBUSY')
    attempts = 0
    await expect(waitWhileHeldOpen(attempt('ENOSPC'), 'win32')).rejects.toThrow('ENOSPC')
    expect(attempts).toBe(1)
  })

  test('is reported as such in the error', () => {
    const said = (code: string, platform: NodeJS.Platform): string =>
      explainSystemError(systemError(code), 'F', platform)?.message ?? ''
    expect(said('EBUSY', 'win32')).toMatch(/open in another program.*attrib -r/)
    expect(said('EPERM', 'win32')).toBe(said('EBUSY', 'win32').replace('EBUSY', 'EPERM'))
    expect(said('EBUSY', 'linux')).toMatch(/mounted by itself/)
    expect(said('ENOSPC', 'win32')).toBe(said('ENOSPC', 'linux'))
  })

  test('delays main and post, which check the file again before each try, but fails neither', async () => {
    const place = makeProfileHome()
    try {
      place.put(USERS)
      let refusals = 0
      const refuse = (path: string): void => {
        if (refusals >= 3 || path !== place.path) return
        refusals += 1
        // What the other program writes while it has the file open must not be lost.
        place.edit((config) => config.profiles.push({ name: `foreign${refusals}` }))
        throw systemError('EPERM')
      }
      const calls = {
        rename: (from: string, to: string) => {
          refuse(to)
          fs.renameSync(from, to)
        },
        unlink: (path: string) => {
          refuse(path)
          fs.unlinkSync(path)
        },
      }
      await place.main('1', 'ci', {}, { calls, platform: 'win32' })
      expect(place.names()).toEqual(['me', 'foreign1', 'foreign2', 'foreign3', 'ci'])
      refusals = 0
      expect((await place.post('1', { calls, platform: 'win32' })).warnings).toEqual([])
      expect(place.read()).not.toContain('STS.')
      expect(place.files()).toEqual(['config.json'])
    } finally {
      place.remove()
    }
  })
})

describe('on Windows, if programs look in different homes,', () => {
  const warn = (env: Record<string, string>, platform: NodeJS.Platform = 'win32'): string | undefined => {
    const prose = homeDisagreement(env, platform)
    return prose && plain(prose)
  }

  test.each([
    [{ HOMEDRIVE: 'C:', HOMEPATH: '\\Users\\ci', USERPROFILE: 'C:\\Users\\ci' }],
    [{ HOMEDRIVE: 'c:', HOMEPATH: '\\users\\CI\\', USERPROFILE: 'C:\\Users\\ci', HOME: 'C:/Users/ci' }],
    [{ USERPROFILE: 'C:\\Users\\ci' }],
    [{}],
  ])('no warning is given if all variables name one folder: %j', (env) => {
    expect(warn(env)).toBeUndefined()
    expect(warn({ ...env, HOME: '/elsewhere' }, 'linux')).toBeUndefined()
  })

  test('a warning names the programs that look elsewhere', () => {
    const pair = { HOMEDRIVE: 'H:', HOMEPATH: '\\', USERPROFILE: 'C:\\Users\\ci' }
    expect(warn(pair)).toMatch(
      /below H:\\, .*the SDKs for Go and Node\.js at USERPROFILE \(C:\\Users\\ci\)\. Set/,
    )
    expect(warn({ ...pair, HOME: 'D:\\git' })).toMatch(
      /USERPROFILE.*, Terraform and the SDK for Python at HOME \(D:\\git\)/,
    )
  })
})
