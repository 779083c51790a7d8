/**
 * What installing and restoring profiles make of config.json and its undo log, without any file.
 */
import {
  appendEntry,
  appendProfile,
  newConfig,
  removeEntry,
  replaceEntry,
  replaceProfile,
  setCurrent,
  withDefaultProfile,
  withFirstProfile,
  type CliProfile,
} from './config-edit.js'
import {
  DEFAULT_NAME,
  encodeString,
  otherMembers,
  parseConfig,
  wellFormed,
  type ConfigText,
  type Entry,
} from './config-text.js'
import {
  currentHolder,
  currentSetter,
  currentToken,
  entryNamed,
  entryOf,
  formerTexts,
  holderOf,
  isReplaced,
  nameIn,
  nameOf,
  textOfEntry,
  type HomeState,
} from './ownership.js'
import { EMPTY_UNDO_LOG, fingerprint, type UndoEntry, type UndoLog } from './undo-log.js'

export interface Installation {
  readonly run: string
  readonly job: string
  readonly profile: CliProfile
  readonly setCurrent: boolean
  readonly expiration: Date
}

/** A home with the profile in it. */
export interface InstalledState extends HomeState {
  /** The run whose entry was replaced. */
  readonly replacedRun: UndoEntry | undefined
}

/**
 * Writes the profile over what is there. The state must be reconciled and the CLI must accept it.
 */
export function install(state: HomeState, request: Installation): InstalledState {
  const { run, job, profile, expiration } = request
  const { config, log } = state
  const name = wellFormed(profile.name)
  const old = config?.profiles === undefined ? undefined : entryNamed(config, name)
  const creates = config?.profiles === undefined || config.entries.length === 0
  const setsCurrent = creates || request.setCurrent
  const holder = old === undefined ? undefined : holderOf(state, old)
  const next = withProfile(config, old, profile, setsCurrent)
  const added: UndoEntry = {
    run,
    job,
    profile: name,
    fingerprint: fingerprint(profile),
    expiration,
    ended: false,
    replacedBy: undefined,
    replaced:
      old === undefined || config === undefined
        ? undefined
        : { text: config.text.slice(old.start, old.end), run: holder?.run },
    formerCurrent: setsCurrent ? { token: currentToken(config), run: currentHolder(state)?.run } : undefined,
  }
  const entries = log.entries.map((entry) =>
    entry === holder && entry.job !== job ? { ...entry, replacedBy: job } : entry,
  )
  return {
    config: next,
    log: { created: creates ? { before: config?.text } : log.created, entries: [...entries, added] },
    replacedRun: holder,
  }
}

function withProfile(
  config: ConfigText | undefined,
  old: Entry | undefined,
  profile: CliProfile,
  setsCurrent: boolean,
): ConfigText {
  if (config === undefined) return newConfig(profile)
  if (config.entries.length === 0) return withFirstProfile(config, profile)
  const next = old === undefined ? appendProfile(config, profile) : replaceProfile(config, old, profile)
  const name = wellFormed(profile.name)
  return setsCurrent && (config.current === undefined || config.currentName !== name)
    ? setCurrent(next, encodeString(name))
    : next
}

/** The log without the claims of a run whose entry becomes the user's, and of those below it. */
export function makePermanent(log: UndoLog, run: string): UndoLog {
  const entry = log.entries.find((candidate) => candidate.run === run)
  return entry === undefined ? log : giveUp(log, entry)
}

/** Removes the claims of the run whose entry is now somebody's for good, and of those below it. */
function giveUp(log: UndoLog, holder: UndoEntry): UndoLog {
  const below = log.entries.find(({ run }) => run === holder.replaced?.run)
  const without = forget(log, holder, undefined)
  return below === undefined ? without : giveUp(without, below)
}

/**
 * Restores what the runs had replaced that are over, in any order, and drops from the log what is
 * no longer true. Of two states that differ only by how much of this was written before a process
 * was killed, it makes the same.
 */
export function restore(state: HomeState, isOver: (entry: UndoEntry) => boolean): HomeState {
  let next = reconcile(state)
  for (const { run } of next.log.entries.filter(isOver).reverse()) {
    const entry = next.log.entries.find((candidate) => candidate.run === run)
    // What a run's end brings to light may belong to a run whose entry is gone as well.
    if (entry !== undefined) next = reconcile(restoreOne(next, entry))
  }
  const { config, log } = repairList(next)
  return { config, log: log.entries.length === 0 ? EMPTY_UNDO_LOG : log }
}

/**
 * Brings the log up to what the file shows. From the latest run to the first:
 *
 * - A run whose entry is in the file, or was replaced by a later run, stays.
 * - If there is another entry of that name, it is somebody else's, or a process was killed between
 *   its two writes: the run is forgotten.
 * - If there is none of that name, it was deleted: what the run had replaced returns.
 */
function reconcile(state: HomeState): HomeState {
  let { config, log } = state
  let current = { token: currentToken(config), isCli: wasCurrentSetByCli(config) }
  for (const run of state.log.entries.map((entry) => entry.run).reverse()) {
    const entry = log.entries.find((candidate) => candidate.run === run)
    if (entry === undefined || isReplaced(log, entry) || entryOf({ config, log }, entry) !== undefined)
      continue
    const namesake = config === undefined ? undefined : entryNamed(config, entry.profile)
    if (namesake !== undefined) {
      // If it was there for us, or somebody wrote it after us, what later runs found of ours is
      // over too.
      const isOver = entry.ended || formerTexts(log, entry).includes(textOfEntry(config, namesake))
      log = forget(log, entry, isOver ? entry : undefined)
      continue
    }
    current = formerCurrentOf(log, entry, current)
    log = forget(log, entry, entry)
    if (config?.profiles !== undefined && entry.replaced !== undefined)
      config = appendEntry(config, entry.replaced.text)
  }
  const isChanged = log.entries.length < state.log.entries.length
  return {
    config: isChanged && config !== undefined ? settleCurrent({ config, log }, current.token) : config,
    log,
  }
}

/**
 * `aliyun configure delete` of the current profile makes the first one current: nobody chose it.
 */
function wasCurrentSetByCli(config: ConfigText | undefined): boolean {
  return (
    config !== undefined && (config.entries.length === 0 || config.entries[0]?.name === config.currentName)
  )
}

/** What `current` should be after the entry of a run was deleted. */
function formerCurrentOf(
  log: UndoLog,
  entry: UndoEntry,
  current: { readonly token: string | undefined; readonly isCli: boolean },
): { readonly token: string | undefined; readonly isCli: boolean } {
  const { formerCurrent, ended, profile } = entry
  // If the run was ended before, a process may have been killed that had restored all of this.
  const isOurs = nameIn(current.token) === profile || (current.isCli && !ended)
  return formerCurrent !== undefined && isOurs && currentSetter(log) === entry
    ? { token: formerCurrent.token, isCli: false }
    : current
}

function restoreOne(state: HomeState, entry: UndoEntry): HomeState {
  const { config, log } = state
  const rest = forget(log, entry, entry)
  if (config === undefined || config.entries.length === 0) return { config, log: rest }
  const held = isReplaced(log, entry) ? undefined : entryOf(state, entry)
  const holdsCurrent = currentHolder(state) === entry
  if (held === undefined && !holdsCurrent) return { config, log: rest }
  const token = holdsCurrent ? entry.formerCurrent?.token : currentToken(config)
  const edited = held === undefined ? config : withoutProfile(config, held, entry)
  return { config: settleCurrent({ config: edited, log: rest }, token), log: rest }
}

function withoutProfile(config: ConfigText, held: Entry, { profile, replaced }: UndoEntry): ConfigText {
  // An entry that was renamed makes way for the old one, unless somebody wrote a new one of its
  // name.
  const taken = held.name !== profile && entryNamed(config, profile) !== undefined
  return replaced === undefined || taken
    ? removeEntry(config, held)
    : replaceEntry(config, held, replaced.text)
}

/**
 * A list without profiles breaks every call of the CLI. A file with nothing else in it becomes what
 * it was before a run created it, or goes; any other gets the CLI's empty profile.
 */
function repairList({ config, log }: HomeState): HomeState {
  if (config?.profiles === undefined || config.entries.length > 0) return { config, log }
  const { created } = log
  const before = created?.before === undefined ? undefined : parseConfig(created.before, '')
  return saysNothingElse(config, before)
    ? { config: before, log: { created: undefined, entries: log.entries } }
    : { config: withDefaultProfile(config), log }
}

/** Whether nothing in the file would be lost if it became what it was before we created it. */
function saysNothingElse(config: ConfigText, before: ConfigText | undefined): boolean {
  const tokens = ({ text, members }: Pick<ConfigText, 'text' | 'members'>): string[] =>
    members.map(({ key, value }) => `${key}:${text.slice(value.start, value.end)}`)
  const known = before === undefined ? [] : tokens(before)
  return tokens({ text: config.text, members: otherMembers(config) }).every((token) => known.includes(token))
}

/**
 * Gives `current` the value `token`. If no profile has that name, then the latest that had it
 * before and is there: the profile of a run that set it, or what that run found; else the first.
 */
function settleCurrent(
  { config, log }: { config: ConfigText; log: UndoLog },
  token: string | undefined,
): ConfigText {
  const names = new Set(config.entries.map(({ name }) => name))
  if (names.size === 0) return config
  const setters = log.entries.filter(({ formerCurrent }) => formerCurrent !== undefined).reverse()
  const known = [
    token,
    ...setters.flatMap((entry) => [encodeString(nameOf({ config, log }, entry)), entry.formerCurrent?.token]),
    encodeString(config.entries[0]?.name ?? DEFAULT_NAME),
  ]
  const found = known.find((candidate) => names.has(nameIn(candidate)))
  // Some SDKs cannot do without the member, so a file of our making always has it.
  const settled = found ?? (log.created === undefined ? undefined : encodeString(DEFAULT_NAME))
  return settled === currentToken(config) ? config : setCurrent(config, settled)
}

/**
 * The log without `entry`. What later runs found of it is now `heir`'s before-images, or without an
 * heir somebody else's.
 */
function forget(log: UndoLog, entry: UndoEntry, heir: UndoEntry | undefined): UndoLog {
  const entries = log.entries
    .filter((other) => other !== entry)
    .map((other) => {
      const { replaced, formerCurrent } = other
      const follows = replaced?.run === entry.run
      const followsCurrent = formerCurrent?.run === entry.run
      if (!follows && !followsCurrent) return other
      return {
        ...other,
        replaced: follows ? (heir === undefined ? { ...replaced, run: undefined } : heir.replaced) : replaced,
        formerCurrent: followsCurrent
          ? heir === undefined
            ? { ...formerCurrent, run: undefined }
            : heir.formerCurrent
          : formerCurrent,
      }
    })
  return { created: log.created, entries }
}
