/**
 * Whose is what in config.json: which run an entry belongs to, and who has set `current`. An entry
 * that holds a run's key is that run's, whatever else was edited in it; the log says whose it was
 * before.
 */
import { decodeString, DEFAULT_NAME, fieldsOf, type ConfigText, type Entry } from './config-text.js'
import { fingerprint, type UndoEntry, type UndoLog } from './undo-log.js'

/**
 * config.json, undefined if there is none, and the log beside it: as they are, or as they will be.
 */
export interface HomeState {
  readonly config: ConfigText | undefined
  readonly log: UndoLog
}

/** Whether a later run has replaced the run's entry. */
export function isReplaced(log: UndoLog, { run }: UndoEntry): boolean {
  return log.entries.some(({ replaced }) => replaced?.run === run)
}

/** The run's entry in the file, whatever else was edited in it, its name included. */
export function entryOf(state: HomeState, entry: UndoEntry): Entry | undefined {
  const { config } = state
  if (config === undefined) return undefined
  const named = entryNamed(config, entry.profile)
  if (named !== undefined && fingerprintOf(config, named) === entry.fingerprint) return named
  const claimed = state.log.entries.filter(({ fingerprint: known }) => known === entry.fingerprint)
  const others = new Set(claimed.filter((other) => other !== entry).map(({ profile }) => profile))
  return config.entries.find(
    (candidate) => !others.has(candidate.name) && fingerprintOf(config, candidate) === entry.fingerprint,
  )
}

/** The run whose entry this is: of several with one key the latest. */
export function holderOf(state: HomeState, entry: Entry): UndoEntry | undefined {
  return state.log.entries.findLast(
    (candidate) => !isReplaced(state.log, candidate) && entryOf(state, candidate) === entry,
  )
}

/** The run that has set `current` last. */
export function currentSetter(log: UndoLog): UndoEntry | undefined {
  return log.entries.findLast(({ formerCurrent }) => formerCurrent !== undefined)
}

/** The run that has set `current` to what it is, and undefined if somebody else has. */
export function currentHolder(state: HomeState): UndoEntry | undefined {
  const setter = currentSetter(state.log)
  return setter !== undefined && state.config?.currentName === nameOf(state, setter) ? setter : undefined
}

/** The name of the run's entry, which somebody may have changed. */
export function nameOf(state: HomeState, entry: UndoEntry): string {
  const held = isReplaced(state.log, entry) ? undefined : entryOf(state, entry)
  return held?.name ?? entry.profile
}

function fingerprintOf({ text }: ConfigText, entry: Entry): string | undefined {
  const fields = fieldsOf(text, entry)
  const credentialsUri = fields.get('credentials_uri')
  if (fields.get('mode') === 'CredentialsURI')
    return credentialsUri === undefined ? undefined : fingerprint({ credentialsUri })
  const accessKeyId = fields.get('access_key_id')
  const accessKeySecret = fields.get('access_key_secret')
  return accessKeyId === undefined || accessKeySecret === undefined
    ? undefined
    : fingerprint({ credentials: { accessKeyId, accessKeySecret } })
}

export function textOfEntry(config: ConfigText | undefined, { start, end }: Entry): string {
  return config?.text.slice(start, end) ?? ''
}

/** The CLI takes the first of several profiles of one name. */
export function entryNamed(config: ConfigText, name: string): Entry | undefined {
  return config.entries.find((entry) => entry.name === name)
}

export function currentToken(config: ConfigText | undefined): string | undefined {
  return config?.current === undefined
    ? undefined
    : config.text.slice(config.current.start, config.current.end)
}

export function nameIn(token: string | undefined): string {
  return token?.startsWith('"') === true ? decodeString(token) : DEFAULT_NAME
}

/** Whether somebody else has written another entry of the run's name over it. */
export function isSomebodys(state: HomeState, entry: UndoEntry): boolean {
  const { config, log } = state
  const namesake = config === undefined ? undefined : entryNamed(config, entry.profile)
  return (
    namesake !== undefined &&
    holderOf(state, namesake) === undefined &&
    !formerTexts(log, entry).includes(textOfEntry(config, namesake))
  )
}

/** What was under the run's name before it and the runs below it. */
export function formerTexts(log: UndoLog, { replaced }: UndoEntry): string[] {
  if (replaced === undefined) return []
  const below = log.entries.find(({ run }) => run === replaced.run)
  return [replaced.text, ...(below === undefined ? [] : formerTexts(log, below))]
}
