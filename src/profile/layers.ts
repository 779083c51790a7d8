import { addProfiles, appendEntry, newFile, removeEntry, replaceEntry, setCurrent, splice, type StsProfile } from './config-edit.js'
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
import { fingerprint, type Layer, type ProfileRecord } from './record.js'

/** config.json and the record beside it, as they are or as they shall be. The text is undefined where there is no file. */
export interface Home {
  readonly text: string | undefined
  readonly record: ProfileRecord
}

export interface Installation {
  readonly id: string
  readonly profile: StsProfile
  readonly setCurrent: boolean
  /** Whether the run takes its entry back; where it does not, the entry is the user's from the start. */
  readonly cleanup: boolean
  readonly expiration: Date
}

/** Writes the profile over what is there. `path` is for the error that a file gives which the CLI would refuse. */
export function install(home: Home, path: string, { id, profile, setCurrent: setsCurrent, cleanup, expiration }: Installation): Home {
  const name = wellFormed(profile.name)
  const config = home.text === undefined ? undefined : parseConfig(home.text, path)
  if (config?.refusal !== undefined) throw refusalError(config.text, path, config.refusal)

  const makes = config?.profiles === undefined
  const covered = config?.profiles === undefined ? undefined : entryNamed(config, name)
  const moves = makes || setsCurrent
  const keys = fingerprint(profile.credentials)
  const { made, layers } = home.record
  const layer: Layer = {
    id,
    profile: name,
    keys,
    expiration,
    seen: false,
    covered: covered === undefined || config === undefined ? undefined : config.text.slice(covered.start, covered.end),
    moved: moves ? { from: currentToken(config) } : undefined,
  }
  const record: ProfileRecord = cleanup
    ? { made: makes ? { before: home.text } : made, layers: [...layers, layer] }
    : {
        made: makes ? undefined : made,
        layers: layers.map((other) => (other.profile === name && other.keys === keys ? disown(other) : other)),
      }

  if (config === undefined) return { text: newFile(profile), record }
  if (makes) return { text: addProfiles(config, profile), record }
  const text = covered === undefined ? appendEntry(config, profile) : replaceEntry(config, covered, profile)
  return { text: moves && config.currentName !== name ? setCurrent(parseConfig(text, path), encodeString(name)) : text, record }
}

/** The layer of a run whose very keys another run has now written for good. */
function disown(layer: Layer): Layer {
  return { ...layer, keys: '' }
}

/**
 * Takes runs back, in any order.
 *
 * Each name of a profile is a pile: what the runs of that name covered, lowest first, and on top the entry that is in the file. A place in
 * the pile that holds a run's keys is that run's, whatever else was edited in it; where several hold the same keys it is the nearest below.
 * Taking a run back replaces what is its own, wherever in the pile it lies, by what the run covered. What anybody else put there stays.
 * `current` is such a pile too, of names, and since a name does not say who wrote it, only a run whose entry is still in a pile can own the
 * one that is in the file.
 *
 * So it does not matter at which write a run was killed: a place that it never filled, or that it has already given back, is not taken for
 * its own.
 */
export function takeBack(home: Home, path: string, isOver: (layer: Layer) => boolean): Home {
  const { made, layers } = home.record
  const { present } = findOwners(home.text === undefined ? undefined : parseConfig(home.text, path), layers)
  // A layer whose entry nobody has ever seen is of a run that was killed before it wrote: it covered nothing.
  const written = layers.filter((layer) => layer.seen || present.has(layer)).map((layer) => ({ ...layer, seen: true }))
  let next: Home = { text: home.text, record: { made, layers: written } }
  for (const layer of written.filter(isOver).reverse()) next = takeBackOne(next, path, layer)
  return next
}

function takeBackOne({ text, record: { made, layers } }: Home, path: string, { id }: Layer): Home {
  const index = layers.findIndex((layer) => layer.id === id)
  const layer = layers[index]
  if (layer === undefined) return { text, record: { made, layers } }
  const config = text === undefined ? undefined : parseConfig(text, path)
  const owners = findOwners(config, layers)
  const remaining = layers.flatMap((other, position) => {
    if (other === layer) return []
    if (position < index) return [other]
    return [
      {
        ...other,
        covered: owners.ofCovered[position] === layer ? layer.covered : other.covered,
        moved:
          other.moved !== undefined && owners.ofCurrent(layers.slice(0, position), nameIn(other.moved.from)) === layer
            ? layer.moved
            : other.moved,
      },
    ]
  })
  const record: ProfileRecord = { made, layers: remaining }
  if (text === undefined || config === undefined) return { text, record }

  const entry = entryNamed(config, layer.profile)
  const ownsEntry = entry !== undefined && owners.ofEntry(entry) === layer
  const ownsCurrent = config.entries.length > 0 && owners.present.has(layer) && owners.ofCurrent(layers, config.currentName) === layer

  if (!ownsEntry && !ownsCurrent) return { text, record }
  const isLast = ownsEntry && layer.covered === undefined && config.entries.length === 1
  if (isLast && made !== undefined && saysNothingElse(config, made.before, path)) {
    return { text: made.before, record: { made: undefined, layers: remaining } }
  }
  let edited = text
  if (ownsEntry) edited = layer.covered === undefined ? removeEntry(config, entry) : splice(text, entry, layer.covered)
  const token = ownsCurrent && layer.moved !== undefined ? layer.moved.from : currentToken(config)
  return { text: settleCurrent(parseConfig(edited, path), isLast ? encodeString(DEFAULT_NAME) : token, remaining), record }
}

/**
 * Gives `current` the value `token`, or if a run set it whose entry has gone, what that one had covered, and so on down the pile. Where no
 * profile has the name it is the profile of a run that moved `current`, or the first.
 */
function settleCurrent(config: ConfigText, token: string | undefined, layers: readonly Layer[]): string {
  const names = config.entries.map((entry) => entry.name)
  const owners = findOwners(config, layers)
  let settled = token
  let below = layers
  for (;;) {
    const owner = owners.ofCurrent(below, nameIn(settled))
    if (owner?.moved === undefined || owners.present.has(owner)) break
    settled = owner.moved.from
    below = below.slice(0, below.indexOf(owner))
  }
  if (names.length > 0 && !names.includes(nameIn(settled))) {
    const movers = layers.filter((layer) => layer.moved !== undefined && names.includes(layer.profile))
    settled = encodeString(movers.at(-1)?.profile ?? names[0] ?? DEFAULT_NAME)
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

/** Whose the places in the piles are; see `takeBack`. */
interface Owners {
  /** Those that own a place in a pile. */
  readonly present: ReadonlySet<Layer | undefined>
  readonly ofEntry: (entry: Entry) => Layer | undefined
  /** For each layer, the owner of the entry that it covered. */
  readonly ofCovered: readonly (Layer | undefined)[]
  /** Which of `layers` made `current` the profile `name`. */
  readonly ofCurrent: (layers: readonly Layer[], name: string) => Layer | undefined
}

function findOwners(config: ConfigText | undefined, all: readonly Layer[]): Owners {
  const nearest = (layers: readonly Layer[], profile: string, keys: string | undefined) =>
    layers.findLast((layer) => layer.profile === profile && layer.keys === keys)
  const ofEntry = (entry: Entry) => nearest(all, entry.name, keysOf(config?.text.slice(entry.start, entry.end) ?? ''))
  const ofCovered = all.map(({ profile, covered }, position) =>
    covered === undefined ? undefined : nearest(all.slice(0, position), profile, keysOf(covered)),
  )
  const names = new Set(all.map(({ profile }) => profile))
  const inFile = [...names]
    .map((name) => (config === undefined ? undefined : entryNamed(config, name)))
    .map((entry) => entry && ofEntry(entry))
  const present = new Set(inFile)
  // What a run covered is a place in the pile as long as the run itself has one.
  for (const [position, layer] of [...all.entries()].reverse()) if (present.has(layer)) present.add(ofCovered[position])
  return {
    present,
    ofEntry,
    ofCovered,
    // Of two runs of one name, one without its entry was killed while it was taken back.
    ofCurrent: (layers, name) => {
      const candidates = layers.filter((layer) => layer.moved !== undefined && layer.profile === name)
      return candidates.findLast((layer) => present.has(layer)) ?? candidates.at(-1)
    },
  }
}

function keysOf(entryText: string): string | undefined {
  const fields = fieldsOf(entryText, { start: 0, end: entryText.length, name: '' })
  const accessKeyId = fields.get('access_key_id')
  const accessKeySecret = fields.get('access_key_secret')
  return accessKeyId === undefined || accessKeySecret === undefined ? undefined : fingerprint({ accessKeyId, accessKeySecret })
}

/** The CLI takes the first of several profiles of one name. */
function entryNamed(config: ConfigText, name: string): Entry | undefined {
  return config.entries.find((entry) => entry.name === name)
}

function currentToken(config: ConfigText | undefined): string | undefined {
  return config?.current === undefined ? undefined : config.text.slice(config.current.start, config.current.end)
}

function nameIn(token: string | undefined): string {
  return token?.startsWith('"') === true ? decodeString(token) : DEFAULT_NAME
}
