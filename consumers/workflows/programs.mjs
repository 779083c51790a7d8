import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const CACHE = join(import.meta.dirname, '../../.cache/consumers')

/** zizmor's version and the checksums of its wheels; Dependabot keeps both. */
export const REQUIREMENTS = join(import.meta.dirname, 'requirements.txt')
const zizmor = /^zizmor==(\S+)/.exec(readFileSync(REQUIREMENTS, 'utf8'))?.[1] ?? 'unknown'

/**
 * The programs that these tests run, and where install.mjs puts them. The version is part of the
 * path, so that a newer one is installed.
 */
export const PROGRAMS = {
  act: { version: '0.2.87', path: join(CACHE, 'act-0.2.87/act') },
  actionlint: { version: '1.7.12', path: join(CACHE, 'actionlint-1.7.12/actionlint') },
  zizmor: { version: zizmor, path: join(CACHE, `zizmor-${zizmor}/bin/zizmor`) },
}
