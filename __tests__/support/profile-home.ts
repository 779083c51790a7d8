/** One home on a real disk, and short words for what runs do in it. */
import fs from 'node:fs'
import { dirname, join } from 'node:path'
import { installProfile, type Installed, type ProfileInstallation } from '../../src/profile/install.js'
import { keepProfile } from '../../src/profile/keep-profile.js'
import { ProfileError } from '../../src/profile/profile-error.js'
import type { StoreOptions } from '../../src/profile/store.js'
import { uninstallProfile } from '../../src/profile/uninstall.js'
import { plain } from '../../src/text/prose.js'
import { createTemporaryFolder, removeFolder } from '../../stand-in/runner/temporary-folder.js'
import { profileOf } from './profile-arbitraries.js'

export const NOW = new Date('2026-01-02T03:04:05Z')

/** So that nobody waits ten seconds for the lock of a killed process. */
export const STALE_AFTER_MS = 300

export const USERS =
  '{\n  "current": "me",\n  "profiles": [\n    {\n      "name": "me",\n      "mode": "AK",\n      "access_key_id": "LTAIme"\n    }\n  ]\n}\n'

export interface Config {
  current: string
  profiles: Record<string, string>[]
}

export interface ProfileHome {
  readonly home: string
  readonly path: string
  readonly put: (text: string, at?: string) => void
  readonly read: (at?: string) => string
  readonly files: (folder?: string) => string[]
  readonly names: () => (string | undefined)[]
  /** Changes the file as another program would, keeping nobody's layout. */
  readonly edit: (change: (config: Config) => void) => void
  readonly main: (
    id: string,
    name: string,
    more?: Partial<ProfileInstallation>,
    options?: Partial<StoreOptions>,
  ) => Promise<Installed>
  /** As main does with cleanup: false once everything is exported. */
  readonly keep: (id: string, options?: Partial<StoreOptions>) => Promise<void>
  readonly post: (
    id: string,
    options?: Partial<StoreOptions> & { readonly target?: string },
  ) => Promise<{ readonly notes: string[]; readonly warnings: string[] }>
  readonly remove: () => void
}

export function makeProfileHome(): ProfileHome {
  const home = createTemporaryFolder('profile-')
  const path = join(home, '.aliyun', 'config.json')
  const put = (text: string, at = path): void => {
    fs.mkdirSync(dirname(at), { recursive: true })
    fs.writeFileSync(at, text, { mode: 0o600 })
  }
  const read = (at = path): string => fs.readFileSync(at, 'utf8')
  return {
    home,
    path,
    put,
    read,
    files: (folder = dirname(path)) => fs.readdirSync(folder).sort(),
    names: () => (JSON.parse(read()) as Config).profiles.map(({ name }) => name),
    edit: (change) => {
      const config = JSON.parse(read()) as Config
      change(config)
      fs.writeFileSync(path, JSON.stringify(config))
    },
    main: (id, name, more = {}, options = {}) =>
      installProfile(
        {
          path,
          id,
          job: 'job',
          profile: profileOf(name, id),
          setCurrent: true,
          expiration: new Date(NOW.getTime() + 3_600_000),
          now: NOW,
          waitAtMostMs: 20_000,
          ...more,
        },
        { staleAfterMs: STALE_AFTER_MS, ...options },
      ),
    keep: (id, options = {}) =>
      keepProfile({ path, id }, { waitAtMostMs: 20_000, staleAfterMs: STALE_AFTER_MS, ...options }),
    post: async (id, { target, ...options } = {}) => {
      const { notes, warnings } = await uninstallProfile(
        { path, target, id, now: undefined },
        { staleAfterMs: STALE_AFTER_MS, ...options },
      )
      return { notes: notes.map(plain), warnings: warnings.map(plain) }
    },
    remove: () => {
      removeFolder(home)
    },
  }
}

/** The message of a promise that must fail with one of our errors. */
export async function refusalOfProfile(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof ProfileError) return error.message
  throw new Error(`not refused but ${String(error)}`)
}
