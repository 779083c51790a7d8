import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface LoadedFile {
  readonly path: string
  readonly bytes: number
}

/**
 * The JavaScript files that Node processes loaded, by the coverage that Node itself writes on exit:
 * no hook takes part, so that modules of both kinds count, on every version.
 *
 * @param folder what NODE_V8_COVERAGE named for the processes
 */
export function loadedFiles(folder: string): readonly LoadedFile[] {
  const urls = readdirSync(folder).flatMap((name) => {
    const { result } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as {
      result: readonly { url: string }[]
    }
    return result.map(({ url }) => url)
  })
  return [...new Set(urls)]
    .filter((url) => url.startsWith('file:'))
    .map((url) => {
      const path = fileURLToPath(url)
      return { path, bytes: statSync(path).size }
    })
    .sort((one, other) => (one.path < other.path ? -1 : 1))
}

export function totalBytes(files: readonly LoadedFile[]): number {
  return files.reduce((total, { bytes }) => total + bytes, 0)
}
