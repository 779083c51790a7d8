import { posix, win32 } from 'node:path'
import { say, type Prose } from '../text/prose.js'
import { ProfileError } from './profile-error.js'

/**
 * The path of the file that the aliyun CLI reads, by its own rule: below HOME, or on Windows below
 * HOMEDRIVE and HOMEPATH together, then USERPROFILE. Returns a ProfileError if there is no home, or
 * one that depends on the working directory: a job that writes no profile does not need it.
 */
export function configFileOf(
  env: Readonly<NodeJS.ProcessEnv>,
  platform: NodeJS.Platform,
): string | ProfileError {
  const windows = platform === 'win32'
  const [rule, home] = windows
    ? ['HOMEDRIVE with HOMEPATH, or USERPROFILE,', homeOnWindows(env)]
    : ['HOME', env.HOME ?? '']
  if (home === '') {
    return new ProfileError(
      'profile-no-home',
      say`there is no home directory for the aliyun CLI's profile: set ${[rule]} to an absolute path`,
    )
  }
  const paths = windows ? win32 : posix
  if (!paths.isAbsolute(home)) {
    return new ProfileError(
      'profile-no-home',
      say`the home directory "${home}" is not absolute, so the aliyun CLI's profile would move with the working directory: set ${[rule]} to an absolute path`,
    )
  }
  return paths.join(home, '.aliyun', 'config.json')
}

/**
 * On Windows programs disagree on the home: the CLI takes HOMEDRIVE with HOMEPATH, the SDKs for Go
 * and Node.js USERPROFILE, Terraform and the SDK for Python HOME. Returns a warning if the profile
 * that is written would not be found by all of them.
 */
export function homeDisagreement(
  env: Readonly<NodeJS.ProcessEnv>,
  platform: NodeJS.Platform,
): Prose | undefined {
  if (platform !== 'win32') return undefined
  const used = homeOnWindows(env)
  const others = [
    ['USERPROFILE', env.USERPROFILE ?? '', 'the SDKs for Go and Node.js'],
    ['HOME', env.HOME ?? '', 'Terraform and the SDK for Python'],
  ] as const
  const elsewhere = others.filter(([, home]) => home !== '' && !isSameFolder(home, used))
  if (used === '' || elsewhere.length === 0) return undefined
  const list = elsewhere.flatMap(([name, home, programs], index) => [
    ...(index === 0 ? [] : [', ']),
    ...say`${[programs]} at ${[name]} (${home})`,
  ])
  return say`The profile is written below ${used}, where the aliyun CLI looks for it. Other programs look elsewhere: ${list}. Set these variables to the same folder.`
}

function homeOnWindows(env: Readonly<NodeJS.ProcessEnv>): string {
  return `${env.HOMEDRIVE ?? ''}${env.HOMEPATH ?? ''}` || (env.USERPROFILE ?? '')
}

function isSameFolder(one: string, other: string): boolean {
  const plain = (path: string): string => win32.resolve(path).toLowerCase()
  return plain(one) === plain(other)
}
