import { posix, win32 } from 'node:path'
import { ProfileError } from './profile-error.js'

/**
 * Path of the file that the aliyun CLI reads, by its own rule: below HOME, or on Windows below HOMEDRIVE and HOMEPATH together, then
 * USERPROFILE. Gives a ProfileError if there is no home, or one that depends on the working directory: a job
 * that writes no profile can do without.
 */
export function configFileOf(
  env: Readonly<Record<string, string | undefined>>,
  platform: NodeJS.Platform,
): string | ProfileError {
  const windows = platform === 'win32'
  const [rule, home] = windows
    ? [
        'HOMEDRIVE with HOMEPATH, or USERPROFILE,',
        `${env.HOMEDRIVE ?? ''}${env.HOMEPATH ?? ''}` || (env.USERPROFILE ?? ''),
      ]
    : ['HOME', env.HOME ?? '']
  if (home === '')
    return new ProfileError(`no home directory for the aliyun CLI's profile: set ${rule} to an absolute path`)
  const paths = windows ? win32 : posix
  if (!paths.isAbsolute(home)) {
    return new ProfileError(
      `the home directory "${home}" is not absolute, so the aliyun CLI's profile would move with the working directory: set ${rule} to an absolute path`,
    )
  }
  return paths.join(home, '.aliyun', 'config.json')
}
