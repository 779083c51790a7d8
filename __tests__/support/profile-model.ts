import fc from 'fast-check'
import { appendEntry, removeEntry, replaceEntry, setCurrent } from '../../src/profile/config-edit.js'
import { encodeString, otherMembers, parseConfig, type ConfigText } from '../../src/profile/config-text.js'
import { installInto, type ProfileInstallation } from '../../src/profile/install.js'
import { keepIn } from '../../src/profile/keep-profile.js'
import type { Store } from '../../src/profile/store.js'
import { withRunsEnded, parseUndoLog, type UndoEntry } from '../../src/profile/undo-log.js'
import { uninstallFrom } from '../../src/profile/uninstall.js'
import { bytes, configFile, profileName, profileOf, type ConfigFile } from './profile-arbitraries.js'

/**
 * Random lives of one home against a model in memory. The model knows nothing of an undo log: for
 * each name of a profile it keeps a pile of who wrote what, in the order of writing. What a run
 * wrote is taken out of the pile when the run ends or somebody deletes it; what is on top is what
 * the file must hold. `current` is such a pile too.
 */
export type Step =
  | {
      readonly do: 'main'
      readonly name: string
      readonly setCurrent: boolean
      readonly cleanup: boolean
      readonly hours: number
      readonly dieAt: number | undefined
    }
  | { readonly do: 'post'; readonly run: number; readonly dieAt: number | undefined }
  | { readonly do: 'wait'; readonly hours: number }
  | {
      readonly do: 'foreign'
      readonly edit: 'add' | 'rekey' | 'edit' | 'delete' | 'current' | 'reformat' | 'remove file'
      readonly name: string
    }

const dieAt = fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined, freq: 5 })

const ownStep = (cleanup: fc.Arbitrary<boolean>): fc.Arbitrary<Step> =>
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('main' as const),
        name: profileName,
        setCurrent: fc.boolean(),
        cleanup,
        hours: fc.constantFrom(1, 1, 12),
        dieAt,
      }),
    },
    { weight: 5, arbitrary: fc.record({ do: fc.constant('post' as const), run: fc.nat(30), dieAt }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('wait' as const), hours: fc.constantFrom(1, 2, 13) }),
    },
  )

const foreignStep: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('foreign' as const),
  edit: fc.constantFrom(
    'add',
    'add',
    'rekey',
    'rekey',
    'edit',
    'edit',
    'delete',
    'delete',
    'current',
    'current',
    'reformat',
    'remove file',
  ),
  name: profileName,
})

export interface Life {
  readonly file: ConfigFile | undefined
  readonly steps: readonly Step[]
}

const file = fc.option(configFile, { nil: undefined, freq: 4 })

/** Lives in which nobody but the runs writes. */
export const undisturbedLife: fc.Arbitrary<Life> = fc.record({
  file,
  steps: fc.array(ownStep(fc.constant(true)), { maxLength: 24, size: 'max' }),
})

/** Lives in which other programs write as well. */
export const life: fc.Arbitrary<Life> = fc.record({
  file,
  steps: fc.array(
    fc.oneof(
      { weight: 4, arbitrary: ownStep(fc.integer({ min: 0, max: 9 }).map((n) => n > 0)) },
      { weight: 1, arbitrary: foreignStep },
    ),
    { maxLength: 24, size: 'max' },
  ),
})

const HOUR = 3_600_000
const START = Date.parse('2026-01-01T00:00:00Z')
const PATH = '/home/ci/.aliyun/config.json'

class Died extends Error {}

/** Two files in memory, and a process that dies before its write number `dieAt`. */
class Disk {
  config: string | undefined
  record: string | undefined
  configWrites = 0

  constructor(config: string | undefined) {
    this.config = config
  }

  open(dieAt: number | undefined): Store {
    let writes = 0
    this.configWrites = 0
    const write = (effect: () => void): void => {
      if (dieAt !== undefined && writes >= dieAt) throw new Died()
      writes += 1
      effect()
    }
    return {
      warnings: [],
      read: (file) => Promise.resolve(this[file]),
      write: async (changes, onWritten) => {
        for (const [file, text] of changes) {
          write(() => {
            this[file] = text
            if (file === 'config') this.configWrites += 1
          })
          onWritten?.(file)
          await Promise.resolve()
        }
      },
      markEnded: (runs) => {
        const { record } = this
        if (record === undefined || withRunsEnded(record, runs) === record) return
        write(() => {
          this.record = withRunsEnded(record, runs)
        })
      },
      setRecordAside: () => Promise.reject(new Error('the record was damaged')),
    }
  }

  recorded(): readonly UndoEntry[] {
    if (this.record === undefined) return []
    const log = parseUndoLog(Buffer.from(this.record, 'latin1').toString())
    if (typeof log === 'string') throw new Error(`the record is ${log}`)
    return log.entries
  }
}

type Author = number | 'user'

/** Stands for the empty profile that takes the place of the last one, in whatever layout. */
const EMPTY = '(empty)'

/** One write to an entry. */
interface Written {
  readonly by: Author
  /** A user's text. */
  readonly text?: string | undefined
  /** Set once somebody has deleted a run's entry, which no run has seen yet. */
  readonly deleted?: boolean
}

interface Run {
  readonly expires: number
}

class Model {
  readonly runs = new Map<number, Run>()
  readonly entries = new Map<string, Written[]>()
  /** Further entries of a name that is there twice: the CLI does not see them. */
  shadows: string[] = []
  current: { readonly by: Author; readonly name: string }[] = []
  made: { readonly before: string | undefined } | undefined

  constructor(config: string | undefined) {
    this.reset(config)
  }

  reset(text: string | undefined): void {
    this.entries.clear()
    this.shadows = []
    const config = text === undefined ? undefined : parseConfig(text, PATH)
    for (const { name, start, end } of config?.entries ?? []) {
      const entry = config?.text.slice(start, end) ?? ''
      if (this.entries.has(name)) this.shadows.push(name)
      else this.entries.set(name, [{ by: 'user', text: entry }])
    }
    this.current = [{ by: 'user', name: config?.currentName ?? 'default' }]
  }

  visible(): Map<string, Written> {
    const tops = [...this.entries].flatMap(([name, pile]) =>
      pile.slice(-1).map((top) => [name, top] as const),
    )
    return new Map(tops.filter(([, top]) => top.deleted !== true))
  }

  isEmpty(): boolean {
    return this.visible().size === 0 && this.shadows.length === 0
  }

  push(name: string, written: Written): void {
    const pile = this.entries.get(name) ?? []
    // Whatever a user writes over his own is all that is left of it.
    if (written.by === 'user' && pile.at(-1)?.by === 'user') pile.pop()
    this.entries.set(name, [...pile.map(({ by, text }) => ({ by, text })), written])
  }

  /** Runs that the piles still know. */
  outstanding(): Set<Author> {
    return new Set([...this.entries.values()].flat().map(({ by }) => by))
  }

  over(now: number): Set<Author> {
    return new Set([...this.runs].filter(([, { expires }]) => expires + GRACE < now).map(([run]) => run))
  }

  /** Drops from the pile of `current` what nothing in the file or the record can tell. */
  collapseCurrent(): void {
    this.current = this.current.filter(({ by }, at, all) => by !== 'user' || all[at + 1]?.by !== 'user')
    // Whose choice it is that the file shows, the name alone says. What a run found is in the
    // record.
    const [below, top] = this.current.slice(-2)
    if (top?.by === 'user' && below?.name === top.name) this.current.pop()
  }
}

/** The same as the code's: 20 minutes. */
const GRACE = 20 * 60_000

/** Lives through it and throws at the first difference between the model and the file. */
export async function live({ file: initial, steps }: Life, undisturbed: boolean): Promise<void> {
  const disk = new Disk(initial?.text)
  const model = new Model(initial?.text)
  let now = START
  let runs = 0
  /** What the record said had ended when a run first looked. */
  let markedBefore = new Set<Author>()

  const main = async (step: Extract<Step, { readonly do: 'main' }>): Promise<void> => {
    const run = runs++
    const before = disk.config
    const request: ProfileInstallation = {
      path: PATH,
      id: `run ${run}`,
      job: `job ${run}`,
      profile: profileOf(step.name, run),
      setCurrent: step.setCurrent,
      expiration: new Date(now + step.hours * HOUR),
      now: new Date(now),
      waitAtMostMs: 0,
    }
    if (disk.record === undefined) model.made = undefined
    const over = overNow()
    const store = disk.open(step.dieAt)
    const died = await dies(
      installInto(store, request).then(async () => {
        if (!step.cleanup) await keepIn(store, request)
      }),
    )
    model.runs.set(run, { expires: now + step.hours * HOUR })
    const installed = disk.config?.includes(`"STS.${run}"`) === true
    assert(installed || died, `run ${run} did not write its profile`)
    settle(before, over, died && !installed, installed)
    // A file with profiles of which no run is left is the user's, whoever made it.
    if (!model.isEmpty() && [...model.outstanding()].every((author) => author === 'user'))
      model.made = undefined
    if (!installed) return
    const isKept = disk.recorded().every((entry) => entry.run !== request.id)
    const by = isKept ? 'user' : run
    const makes = model.isEmpty()
    if (makes) {
      const left = parsed(before)?.profiles === undefined ? before : undefined
      model.made = isKept ? undefined : { before: model.made === undefined ? left : model.made.before }
      model.reset(undefined)
    }
    model.push(step.name, { by, text: isKept ? entryText(disk.config ?? '', step.name) : undefined })
    // Over what stays nothing can return.
    if (isKept) collapseEntry(step.name)
    if (step.setCurrent || makes) model.current.push({ by, name: step.name })
    model.collapseCurrent()
  }

  const post = async (run: number, dieAt: number | undefined): Promise<void> => {
    const before = disk.config
    if (disk.record === undefined) model.made = undefined
    const over = overNow().add(run)
    const looked = disk.record !== undefined
    const died = await dies(
      uninstallFrom(disk.open(dieAt), { path: PATH, id: `run ${run}`, now: new Date(now) }),
    )
    if (looked) settle(before, over, died, false)
  }

  // The next one finishes what killed ones have begun to restore.
  const overNow = (): Set<Author> => {
    markedBefore = new Set(
      disk.recorded().flatMap(({ run, ended }) => (ended ? [Number(run.slice('run '.length))] : [])),
    )
    return new Set([...model.over(now), ...markedBefore])
  }

  /** What a run makes of the home before it writes its own. */
  const settle = (
    before: string | undefined,
    over: Set<Author>,
    died: boolean,
    installing: boolean,
  ): void => {
    const recorded = new Set<Author>(disk.recorded().map(({ run }) => Number(run.slice('run '.length))))
    const found = parsed(before)
    const isDone = (run: Author): boolean => !died || disk.configWrites > 0 || !recorded.has(run)
    for (const [name, pile] of model.entries)
      if (pile.at(-1)?.by === 'user' && pile.slice(0, -1).every(({ by }) => isDone(by))) collapseEntry(name)
    const deleted = [...model.entries].flatMap(([name, pile]) => {
      const top = pile.at(-1)
      return top?.deleted === true && isDone(top.by) ? [{ name, run: top.by }] : []
    })
    let isCli = found?.currentName === (found?.entries[0]?.name ?? found?.currentName)
    for (const { name, run } of deleted.sort((one, other) => Number(other.run) - Number(one.run))) {
      model.entries.set(name, (model.entries.get(name) ?? []).slice(0, -1))
      isCli = forgetCurrentOf(run, isCli)
    }
    popCurrent()
    for (const run of [...over].sort((one, other) => Number(other) - Number(one))) {
      if (!isDone(run)) continue
      for (const [name, pile] of model.entries)
        model.entries.set(
          name,
          pile.filter(({ by }) => by !== run),
        )
      model.current = model.current.filter(({ by }) => by !== run)
      model.collapseCurrent()
      popCurrent()
    }
    if (model.isEmpty()) {
      if (!installing) settleEmpty(found)
      else if (model.made === undefined && found?.profiles !== undefined && otherMembers(found).length > 0)
        model.push('default', { by: 'user', text: EMPTY })
    }
    popCurrent()
  }

  /** `current` always names a profile that is there. */
  const popCurrent = (): void => {
    const visible = model.visible()
    if (visible.size === 0) return
    while (model.current.length > 0 && !visible.has(model.current.at(-1)?.name ?? '')) model.current.pop()
    if (model.current.length === 0) model.current.push({ by: 'user', name: firstName(visible) })
  }

  /**
   * Nothing is left: the file is what it was before a run made it, or gone, or has the empty
   * profile.
   */
  const settleEmpty = (found: ConfigText | undefined): void => {
    const config = parsed(disk.config)
    if (config?.profiles === undefined || config.entries.length === 0) {
      const isUnseen = config !== undefined && config.text === found?.text
      assert(
        isUnseen || model.made === undefined || disk.config === model.made.before,
        'a file that was made is not what it was before',
      )
      if (!isUnseen) model.made = undefined
    } else {
      assert(!undisturbed, 'a profile that nobody wrote')
      assert(
        config.entries.length === 1 && config.currentName === 'default' && otherMembers(config).length > 0,
        'the only profile is not the empty one',
      )
      model.made = undefined
    }
    if (config?.entries.length !== 0) model.reset(disk.config)
  }

  /** The first profile that is in the file anyway. */
  const firstName = (visible: Map<string, Written>): string =>
    parsed(disk.config)?.entries.find(({ name }) => visible.has(name))?.name ?? 'default'

  /**
   * The CLI made the first profile current when the current one was deleted: that was nobody's
   * choice.
   *
   * @returns whether `current` is still what the CLI made it
   */
  const forgetCurrentOf = (run: Author, isCli: boolean): boolean => {
    const isSetter = model.current.findLast(({ by }) => by !== 'user')?.by === run
    const at = model.current.findIndex(({ by }) => by === run)
    if (at === -1) return isCli
    // One that was marked before may have been restored by a process that was killed.
    if (isSetter && isCli && !markedBefore.has(run)) {
      model.current.length = at
      return false
    }
    model.current.splice(at, 1)
    model.collapseCurrent()
    return isCli
  }

  /**
   * What a user wrote over runs for good is all that is left, and a \`current\` of that name is
   * his.
   */
  const collapseEntry = (name: string): void => {
    const pile = model.entries.get(name) ?? []
    const lost = new Set(pile.map(({ by }) => by))
    model.entries.set(name, pile.slice(-1))
    model.current = model.current.flatMap(({ by, name: set }, index, all) => {
      if (!lost.has(by)) return [{ by, name: set }]
      // Of one that had ended before, only what the file still shows has become somebody's.
      return markedBefore.has(by) && index < all.length - 1 ? [] : [{ by: 'user' as const, name: set }]
    })
    model.collapseCurrent()
  }

  const foreign = ({ edit, name }: Extract<Step, { readonly do: 'foreign' }>): void => {
    const config = parsed(disk.config)
    if (config?.profiles === undefined) return
    const { entries, text } = config
    const entry = entries.find((candidate) => candidate.name === name)
    const users = `{"name":${bytes(JSON.stringify(name))},"mode":"AK","access_key_id":"LTAI${runs}","access_key_secret":"user"}`
    // Between a kill in the middle of two writes and the next look at the record, a deletion of
    // what is still there, or back already, cannot be told from the deletion of the run's entry.
    const outstanding = model.outstanding()
    const isHalfDone = disk.recorded().some(({ run }) => !outstanding.has(Number(run.slice('run '.length))))
    switch (edit) {
      case 'add':
        if (entry !== undefined) return
        disk.config = appendEntry(config, users).text
        if (entries.length === 0) pointTo(name)
        model.push(name, { by: 'user', text: users })
        return
      case 'rekey':
        if (entry === undefined) return
        disk.config = replaceEntry(config, entry, users).text
        model.push(name, { by: 'user', text: users })
        return
      case 'edit': {
        if (entry === undefined) return
        const edited = `{"edited" : 1,${text.slice(entry.start + 1, entry.end)}`
        disk.config = replaceEntry(config, entry, edited).text
        if (model.entries.get(name)?.at(-1)?.by === 'user') model.push(name, { by: 'user', text: edited })
        return
      }
      case 'delete': {
        if (entry === undefined || model.shadows.length > 0 || isHalfDone) return
        const left = removeEntry(config, entry)
        disk.config = left.text
        const pile = model.entries.get(name) ?? []
        const top = pile.pop()
        // Runs below what a user wrote have not seen it: for them it is their entry that was
        // deleted.
        const below = pile.findLast(({ by }) => by !== 'user')
        if (top !== undefined && top.by !== 'user') pile.push({ ...top, deleted: true })
        else if (below !== undefined) pile.splice(pile.indexOf(below), Infinity, { ...below, deleted: true })
        model.entries.set(name, pile)
        if (config.currentName === name) pointTo(left.entries[0]?.name ?? 'default')
        return
      }
      case 'current':
        if (entry !== undefined && !isHalfDone) pointTo(name)
        return
      case 'reformat': {
        if (model.made !== undefined) return
        disk.config = text.replace(/("(?:[^"\\]|\\.)*")|\s+/gs, '$1')
        for (const [other, { by, text: old }] of model.visible())
          if (by === 'user' && old !== undefined)
            model.push(other, { by, text: entryText(disk.config, other) })
        return
      }
      case 'remove file':
        disk.config = undefined
        model.reset(undefined)
        model.made = undefined
    }
  }

  const pointTo = (name: string): void => {
    disk.config = setCurrent(parseConfig(disk.config ?? '', PATH), encodeString(name)).text
    model.current.push({ by: 'user', name })
    model.collapseCurrent()
  }

  const check = (): void => {
    const visible = model.visible()
    const config = parsed(disk.config)
    if (config === undefined) {
      assert(visible.size === 0, 'the file is gone')
      return
    }
    assert(config.refusal === undefined, `the CLI would refuse the file: ${config.refusal?.reason ?? ''}`)
    assert(
      config.entries.length === visible.size + model.shadows.length,
      'more or fewer profiles than expected',
    )
    for (const [name, { by, text }] of visible) {
      const entry = entryText(config.text, name)
      if (by === 'user')
        assert(
          entry === text || (text === EMPTY && /"mode":\s*"",/.test(entry)),
          `the user's profile ${name} was changed`,
        )
      else assert(entry.includes(`"STS.${by}"`), `profile ${name} is not run ${by}'s`)
    }
    if (config.entries.length === 0) return
    const expected = model.current.findLast(({ name }) => visible.has(name))?.name
    assert(config.currentName === expected, `current is ${config.currentName} and not ${expected ?? 'known'}`)
  }

  for (const step of steps) {
    if (step.do === 'main') await main(step)
    else if (step.do === 'post') await post(runs === 0 ? 0 : step.run % runs, step.dieAt)
    else if (step.do === 'wait') now += step.hours * HOUR
    else foreign(step)
    check()
  }
  for (let run = 0; run < runs; run += 1) {
    await post(run, undefined)
    check()
  }
  assert(disk.record === undefined, 'the record outlives the last run')
  assert(!/"STS\.\d/.test(disk.config ?? '') || stays(steps), 'an entry outlives its run')
  if (undisturbed) assert(disk.config === initial?.text, 'the file is not what it was before the first run')
}

/** Whether some run was to leave its profile to the user. */
function stays(steps: readonly Step[]): boolean {
  return steps.some((step) => step.do === 'main' && !step.cleanup)
}

async function dies(work: Promise<unknown>): Promise<boolean> {
  try {
    await work
    return false
  } catch (error) {
    if (error instanceof Died) return true
    throw error
  }
}

function parsed(text: string | undefined): ConfigText | undefined {
  return text === undefined ? undefined : parseConfig(text, PATH)
}

function entryText(text: string, name: string): string {
  const entry = parseConfig(text, PATH).entries.find((candidate) => candidate.name === name)
  return entry === undefined ? '' : text.slice(entry.start, entry.end)
}

function assert(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise)
}
