import { describe, expect, test } from '@jest/globals'
import { ProfileError } from '../src/profile/profile-error.js'
import { configFileOf } from '../src/profile/home.js'

describe('the home of the aliyun CLI', () => {
  test.each([
    [{ HOME: '/home/ci' }, '/home/ci/.aliyun/config.json'],
    [{ HOME: '/' }, '/.aliyun/config.json'],
    [{ HOME: '/home/with space/ä/' }, '/home/with space/ä/.aliyun/config.json'],
    [{ HOME: '/home/ci', USERPROFILE: 'C:\\Users\\ci' }, '/home/ci/.aliyun/config.json'],
  ])('is HOME on Linux and macOS: %j', (env, expected) => {
    expect(configFileOf(env, 'linux')).toBe(expected)
    expect(configFileOf(env, 'darwin')).toBe(expected)
  })

  test.each([
    [
      { HOMEDRIVE: 'C:', HOMEPATH: '\\Users\\ci', USERPROFILE: 'D:\\other', HOME: '/c/git' },
      'C:\\Users\\ci\\.aliyun\\config.json',
    ],
    [{ USERPROFILE: 'D:\\other', HOME: '/c/git' }, 'D:\\other\\.aliyun\\config.json'],
    [{ HOMEDRIVE: '', HOMEPATH: '', USERPROFILE: 'D:\\other' }, 'D:\\other\\.aliyun\\config.json'],
    [{ HOMEPATH: '\\Users\\ci', USERPROFILE: 'D:\\other' }, '\\Users\\ci\\.aliyun\\config.json'],
    [{ HOMEDRIVE: '\\\\server', HOMEPATH: '\\share\\ci' }, '\\\\server\\share\\ci\\.aliyun\\config.json'],
  ])('is HOMEDRIVE with HOMEPATH, then USERPROFILE, on Windows: %j', (env, expected) => {
    expect(configFileOf(env, 'win32')).toBe(expected)
  })

  test.each([
    [{}, 'linux', 'HOME'],
    [{ HOME: '' }, 'linux', 'HOME'],
    [{ HOME: undefined, USERPROFILE: 'C:\\Users\\ci' }, 'linux', 'HOME'],
    [{ HOME: 'home/ci' }, 'linux', 'not absolute'],
    [{ HOME: '~' }, 'linux', 'not absolute'],
    [{ HOME: '/c/git' }, 'win32', 'USERPROFILE'],
    [{ HOMEDRIVE: 'C:' }, 'win32', 'not absolute'],
  ] as const)('is missing: %j on %s', (env, platform, named) => {
    const fault = configFileOf(env, platform)
    expect(fault).toBeInstanceOf(ProfileError)
    expect(fault instanceof ProfileError && [fault.code, fault.message]).toEqual([
      'profile-no-home',
      expect.stringContaining(named),
    ])
  })
})
