import { fieldsOf, parseConfig, refusalError, refusalOf } from './config-text.js'
import { locate } from './place.js'
import { readText } from './snapshot.js'
import { atHome } from './store.js'

/** The profile that the aliyun CLI uses unless told otherwise. Holds no secret. */
export interface CurrentProfile {
  readonly name: string
  /** As the file has it; '' if the CLI infers the mode from the environment. */
  readonly mode: string
  readonly accessKeyId: string | undefined
  readonly regionId: string | undefined
  /**
   * Whether the CLI would take its identity, or a part of it, from here although the environment
   * has one.
   */
  readonly authenticates: boolean
}

/**
 * Reads the current profile of the config.json at `path`; undefined if there is no file or it holds
 * no profiles.
 *
 * @throws ProfileError, which shows nothing of its content, if the file cannot be read or the CLI
 *   would not accept it
 */
export async function readCurrentProfile(path: string): Promise<CurrentProfile | undefined> {
  return atHome(path, async (home) => {
    const { target, exists } = locate(home.path)
    const text = exists ? await readText(target, home) : undefined
    if (text === undefined) return undefined
    const config = parseConfig(text, path)
    const refusal = refusalOf(config)
    if (refusal !== undefined) throw refusalError(text, path, refusal)
    const entry = config.entries.find(({ name }) => name === config.currentName)
    if (entry === undefined) return undefined
    const fields = fieldsOf(text, entry)
    const field = (name: string): string | undefined => fields.get(name) || undefined
    const mode = fields.get('mode') ?? ''
    // Field by field the file comes first. A profile without a mode, or of the mode that the
    // environment's own key would give, is harmless as long as it has no part of a key.
    const holdsKey = ['access_key_id', 'access_key_secret', 'sts_token'].some(
      (name) => field(name) !== undefined,
    )
    return {
      name: entry.name,
      mode,
      accessKeyId: field('access_key_id'),
      regionId: field('region_id'),
      authenticates: holdsKey || (mode !== '' && mode !== 'StsToken'),
    }
  })
}
