import {
  addProfiles,
  appendEntry,
  newFile,
  removeEntry,
  replaceEntry,
  setCurrent,
  splice,
  type CliProfile,
} from './config-edit.js'
import {
  decodeString,
  DEFAULT_NAME,
  encodeString,
  fieldsOf,
  otherMembers,
  parseConfig,
  refusalError,
  wellFormed,
  type ConfigText,
  type Entry,
} from './config-text.js'
import { fingerprint, type Layer, type UndoLog } from './undo-log.js'

/** config.json and the record beside it, as they are or as they shall be. The text is undefined where there is no file. */
export interface Home {
  readonly text: string | undefined
  readonly record: UndoLog
}

export interface Installation {
  readonly id: string
  readonly profile: CliProfile
  readonly setCurrent: boolean
  /** Whether the run takes its entry back; where it does not, the entry is the user's from the start. */
  readonly cleanup: boolean
  readonly expiration: Date
}

/** Writes the profile over what is there. `path` is for the error that a file gives which the CLI would refuse. */
export function install(
  home: Home,
  path: string,
  { id, profile, setCurrent: setsCurrent, cleanup, expiration }: Installation,
): Home {
  const name = wellFormed(profile.name)
  const config = home.text === undefined ? undefined : parseConfig(home.text, path)
  if (config?.refusal !== undefined) throw refusalError(config.text, path, config.refusal)

  const makes = config?.profiles === undefined
  const covered = config?.profiles === undefined ? undefined : entryNamed(config, name)
  const moves = makes || setsCurrent
  const keys = fingerprint(profile)
  const { made, layers } = home.record
  const layer: Layer = {
    id,
    profile: name,
    keys,
    expiration,
    seen: false,
    ended: false,
    covered:
      covered === undefined || config === undefined
        ? undefined
        : config.text.slice(covered.start, covered.end),
    moved: moves ? { from: currentToken(config) } : undefined,
  }
  const record: UndoLog = cleanup
    ? { made: makes ? { before: home.text } : made, layers: [...layers, layer] }
    : {
        made: makes ? undefined : made,
        layers: layers.map((other) =>
          other.profile === name && other.keys === keys ? disown(other) : other,
        ),
      }

  if (config === undefined) return { text: newFile(profile), record }
  if (makes) return { text: addProfiles(config, profile), record }
  const text = covered === undefined ? appendEntry(config, profile) : replaceEntry(config, covered, profile)
  return {
    text:
      moves && config.currentName !== name ? setCurrent(parseConfig(text, path), encodeString(name)) : text,
    record,
  }
}

/** The layer of a run whose very keys another run has now written for good. */
function disown(layer: Layer): Layer {
  return { ...layer, keys: '' }
}

/**
 * Takes runs back, in any order.
 *
 * Each name of a profile is a pile: what the runs of that name covered, lowest first, and on top the entry that is in the file. A place in the
 * pile that holds a run's keys is that run's, whatever else was edited in it; where several hold the same keys it is the nearest below.
 * Taking a run back replaces what is its own, wherever in the pile it lies, by what the run covered. What anybody else put there stays.
 * `current` is such a pile too, of names, of which each is the nearest below that made this name current.
 *
 * Taking back what was taken back already, of which only the record does not know yet, changes nothing more: what is on top belongs to a run
 * that stays or to nobody, and all that is above that in the record leads down to it.
 */
export function takeBack(home: Home, path: string, isOver: (layer: Layer) => boolean): Home {
  let next = withoutUnwritten(home, path)
  for (const { id } of next.record.layers.filter(isOver).reverse()) next = takeBackOne(next, path, id)
  return next
}

/** Forgets a run that was killed before it wrote, which only the last one can be: the next one to come sees whether its entry is there. */
function withoutUnwritten({ text, record: { made, layers } }: Home, path: string): Home {
  const config = text === undefined ? undefined : parseConfig(text, path)
  const written = layers.filter(
    (layer) => layer.seen || ownerOf(layers, layer.profile, keysInFile(config, layer.profile)) === layer,
  )
  return { text, record: { made, layers: written.map((layer) => ({ ...layer, seen: true })) } }
}

function takeBackOne({ text, record: { made, layers } }: Home, path: string, id: string): Home {
  const index = layers.findIndex((layer) => layer.id === id)
  const layer = layers[index]
  if (layer === undefined) return { text, record: { made, layers } }
  const remaining = layers.flatMap((other, position) => {
    if (position < index) return [other]
    if (position === index) return []
    const below = layers.slice(0, position)
    const coversOurs =
      other.covered !== undefined && ownerOf(below, other.profile, keysOf(other.covered)) === layer
    const movedOurs = other.moved !== undefined && moverTo(below, nameIn(other.moved.from)) === layer
    return [
      {
        ...other,
        covered: coversOurs ? layer.covered : other.covered,
        moved: movedOurs ? layer.moved : other.moved,
      },
    ]
  })
  const record: UndoLog = { made, layers: remaining }
  if (text === undefined) return { text, record }

  const config = parseConfig(text, path)
  const entry = entryNamed(config, layer.profile)
  const ownsEntry =
    entry !== undefined && ownerOf(layers, layer.profile, keysInFile(config, layer.profile)) === layer
  const ownsCurrent = config.entries.length > 0 && moverTo(layers, config.currentName) === layer
  if (!ownsEntry && !ownsCurrent) return { text, record }
  const isLast = ownsEntry && layer.covered === undefined && config.entries.length === 1
  if (isLast && made !== undefined && saysNothingElse(config, made.before, path)) {
    return { text: made.before, record: { made: undefined, layers: remaining } }
  }
  let edited = text
  if (ownsEntry)
    edited = layer.covered === undefined ? removeEntry(config, entry) : splice(text, entry, layer.covered)
  const token = ownsCurrent && layer.moved !== undefined ? layer.moved.from : currentToken(config)
  return {
    text: settleCurrent(parseConfig(edited, path), isLast ? encodeString(DEFAULT_NAME) : token, remaining),
    record,
  }
}

/**
 * Gives `current` the value `token`. Where no profile has that name it is what the run that moved it there had covered, and so on down the
 * pile; then the profile of any run that moved it; then the first.
 */
function settleCurrent(config: ConfigText, token: string | undefined, layers: readonly Layer[]): string {
  const names = config.entries.map((entry) => entry.name)
  let settled = token
  let below = layers
  while (!names.includes(nameIn(settled))) {
    const mover = moverTo(below, nameIn(settled))
    if (mover?.moved === undefined) {
      const movers = layers.filter((layer) => layer.moved !== undefined && names.includes(layer.profile))
      settled = encodeString(movers.at(-1)?.profile ?? names[0] ?? DEFAULT_NAME)
      break
    }
    settled = mover.moved.from
    below = below.slice(0, below.indexOf(mover))
  }
  return currentToken(config) === settled ? config.text : setCurrent(config, settled)
}

/** Whether nothing in the file would be lost if it became what it was before we made it. */
function saysNothingElse(config: ConfigText, before: string | undefined, path: string): boolean {
  const tokens = ({ text, members }: Pick<ConfigText, 'text' | 'members'>) =>
    members.map(({ key, value }) => `${key}:${text.slice(value.start, value.end)}`)
  const known = before === undefined ? [] : tokens(parseConfig(before, path))
  return tokens({ text: config.text, members: otherMembers(config) }).every((token) => known.includes(token))
}

/** The nearest run below that wrote these keys under this name. */
function ownerOf(layers: readonly Layer[], profile: string, keys: string | undefined): Layer | undefined {
  return layers.findLast((layer) => layer.profile === profile && layer.keys === keys)
}

/** The nearest run below that made `current` this name. */
function moverTo(layers: readonly Layer[], name: string): Layer | undefined {
  return layers.findLast((layer) => layer.moved !== undefined && layer.profile === name)
}

function keysInFile(config: ConfigText | undefined, name: string): string | undefined {
  const entry = config === undefined ? undefined : entryNamed(config, name)
  return entry === undefined || config === undefined
    ? undefined
    : keysOf(config.text.slice(entry.start, entry.end))
}

function keysOf(entryText: string): string | undefined {
  const fields = fieldsOf(entryText, { start: 0, end: entryText.length, name: '' })
  const credentialsUri = fields.get('credentials_uri')
  if (fields.get('mode') === 'CredentialsURI')
    return credentialsUri === undefined ? undefined : fingerprint({ credentialsUri })
  const accessKeyId = fields.get('access_key_id')
  const accessKeySecret = fields.get('access_key_secret')
  return accessKeyId === undefined || accessKeySecret === undefined
    ? undefined
    : fingerprint({ credentials: { accessKeyId, accessKeySecret } })
}

/** The CLI takes the first of several profiles of one name. */
function entryNamed(config: ConfigText, name: string): Entry | undefined {
  return config.entries.find((entry) => entry.name === name)
}

function currentToken(config: ConfigText | undefined): string | undefined {
  return config?.current === undefined
    ? undefined
    : config.text.slice(config.current.start, config.current.end)
}

function nameIn(token: string | undefined): string {
  return token?.startsWith('"') === true ? decodeString(token) : DEFAULT_NAME
}
