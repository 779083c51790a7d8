/** What decides which certificate authorities this Node.js trusts. */
import { access, constants, stat } from 'node:fs/promises'
import { nodeCodeOf } from '../net/node-codes.js'

/** Which CAs this process trusts. */
export interface NodeSettings {
  /** NODE_EXTRA_CA_CERTS, and why its file cannot be read; undefined if the variable is not set. */
  readonly extraCas: { readonly path: string; readonly failure: string | undefined } | undefined
  /**
   * Whether this version knows NODE_USE_SYSTEM_CA: from 22.19 and from 24.6 (Node.js's
   * documentation, "Command-line API").
   */
  readonly knowsSystemCas: boolean
  readonly usesSystemCas: boolean
}

/** @param version of Node.js, such as `24.18.0` */
export async function readNodeSettings(
  env: Readonly<NodeJS.ProcessEnv>,
  version: string,
): Promise<NodeSettings> {
  const path = env.NODE_EXTRA_CA_CERTS || undefined
  const knowsSystemCas = knowsNodeUseSystemCa(version)
  return {
    extraCas: path === undefined ? undefined : { path, failure: await whyUnreadable(path) },
    knowsSystemCas,
    usesSystemCas: knowsSystemCas && env.NODE_USE_SYSTEM_CA === '1',
  }
}

/** @param version of Node.js, such as `24.18.0` */
export function knowsNodeUseSystemCa(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > 24 || (major === 24 && minor >= 6) || (major === 22 && minor >= 19)
}

async function whyUnreadable(path: string): Promise<string | undefined> {
  try {
    await access(path, constants.R_OK)
    return (await stat(path)).isFile() ? undefined : 'not a file'
  } catch (failure) {
    return nodeCodeOf(failure) ?? 'unknown cause'
  }
}
