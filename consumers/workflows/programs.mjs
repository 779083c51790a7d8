import { join } from 'node:path'

const CACHE = join(import.meta.dirname, '../../.cache/consumers')

/** The programs that these tests run, and where install.mjs puts them. The version is part of the path, so that a newer one is installed. */
export const PROGRAMS = {
  act: { version: '0.2.87', path: join(CACHE, 'act-0.2.87/act') },
  actionlint: { version: '1.7.12', path: join(CACHE, 'actionlint-1.7.12/actionlint') },
  zizmor: { version: '1.32.0', path: join(CACHE, 'zizmor-1.32.0/bin/zizmor') },
}
