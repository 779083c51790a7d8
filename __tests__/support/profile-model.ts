import fc from 'fast-check'
import { removeEntry, setCurrent, splice } from '../../src/profile/config-edit.js'
import { encodeString, parseConfig } from '../../src/profile/config-text.js'
import type { Store } from '../../src/profile/folder.js'
import { installInto, type ProfileInstallation } from '../../src/profile/install.js'
import { parseUndoLog, type Layer } from '../../src/profile/undo-log.js'
import { uninstallFrom } from '../../src/profile/uninstall.js'
import { bytes, configFile, profileName, profileOf, type ConfigFile } from './profile-arbitraries.js'

/**
 * Random lives of one home against a model in memory. The model knows nothing of layers: for each name of a profile it keeps a pile of who
 * wrote what, in the order of writing; what a run wrote is taken out of the pile when the run ends, and what is on top is what the file
 * must hold.
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
    const write = (effect: () => void) => {
      if (dieAt !== undefined && writes >= dieAt) throw new Died()
      writes += 1
      effect()
    }
    return {
      warnings: [],
      readConfig: () => Promise.resolve(this.config),
      readRecord: () => Promise.resolve(this.record),
      writeConfig: async (text) => {
        write(() => {
          this.config = text
          this.configWrites += 1
        })
        await Promise.resolve()
      },
      writeRecord: async (text) => {
        write(() => {
          this.record = text
        })
        await Promise.resolve()
      },
      setRecordAside: () => Promise.reject(new Error('the record was damaged')),
    }
  }

  recorded(): readonly Layer[] {
    return this.record === undefined
      ? []
      : (parseUndoLog(Buffer.from(this.record, 'latin1').toString())?.layers ?? [])
  }
}

type Author = number | 'user'

/** Stands for the empty profile that takes the place of the last one, in whatever layout. */
const EMPTY = '(empty)'

/** One write to an entry; a user's has its text, and undefined where the user deleted it. */
interface Written {
  readonly by: Author
  readonly text: string | undefined
}

interface Run {
  readonly name: string
  readonly expires: number
}

class Model {
  readonly runs = new Map<number, Run>()
  readonly entries = new Map<string, Written[]>()
  /** Further entries of a name that is there twice: the CLI does not see them. */
  shadows: string[] = []
  current: { readonly by: Author; readonly name: string }[] = []
  /** Set once a name of `current` could be a run's as well as a user's. */
  currentIsOpen = false
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
    this.currentIsOpen = false
  }

  visible(): Map<string, Written> {
    const tops = [...this.entries].flatMap(([name, pile]) =>
      pile.slice(-1).map((top) => [name, top] as const),
    )
    return new Map(tops.filter(([, top]) => top.by !== 'user' || top.text !== undefined))
  }

  push(name: string, written: Written): void {
    this.entries.set(name, [...(this.entries.get(name) ?? []), written])
  }

  /** Ends runs of which every trace was taken back. */
  end(over: ReadonlySet<Author>): void {
    for (const [name, pile] of this.entries) {
      this.entries.set(
        name,
        pile.filter(({ by }) => !over.has(by)),
      )
    }
    this.current = this.current.filter(({ by }) => !over.has(by))
  }

  /** Ends what config.json showed of runs whose record could not be written any more. */
  endVisible(over: ReadonlySet<Author>): void {
    const gone = new Set<Author>()
    for (const pile of this.entries.values())
      for (let top = pile.at(-1); top !== undefined && over.has(top.by); top = pile.at(-1))
        gone.add(pile.pop()?.by ?? 'user')
    this.current = this.current.filter(({ by }) => !gone.has(by))
    while (over.has(this.current.at(-1)?.by ?? 'user')) this.current.pop()
  }

  over(now: number): Set<Author> {
    return new Set([...this.runs].filter(([, { expires }]) => expires + 300_000 < now).map(([run]) => run))
  }
}

/** Lives through it and throws at the first difference between the model and the file. */
export async function live({ file: initial, steps }: Life, undisturbed: boolean): Promise<void> {
  const disk = new Disk(initial?.text)
  const model = new Model(initial?.text)
  let now = START
  let runs = 0

  const main = async (step: Extract<Step, { readonly do: 'main' }>): Promise<void> => {
    const run = runs++
    const before = disk.config
    const request: ProfileInstallation = {
      path: PATH,
      id: `run ${run}`,
      profile: profileOf(step.name, run),
      setCurrent: step.setCurrent,
      cleanup: step.cleanup,
      expiration: new Date(now + step.hours * HOUR),
      now: new Date(now),
    }
    const over = overNow()
    const died = await dies(installInto(disk.open(step.dieAt), request))
    model.runs.set(run, { name: step.name, expires: now + step.hours * HOUR })
    const installed = disk.config?.includes(`"STS.${run}"`) === true
    assert(installed || died, `run ${run} did not write its profile`)
    settle(over, died && !installed)
    if (!installed) return
    const by = step.cleanup ? run : 'user'
    let makes = model.visible().size === 0 && model.shadows.length === 0
    if (
      makes &&
      model.made === undefined &&
      before !== undefined &&
      parseConfig(before, PATH).profiles !== undefined
    ) {
      // What was taken back first was the last profile of a user's file.
      model.reset(undefined)
      model.push('default', { by: 'user', text: EMPTY })
      makes = false
    }
    if (makes) {
      // What was taken back first is no longer there.
      const left = over.size > 0 && model.made !== undefined ? model.made.before : before
      model.reset(left)
      model.made = step.cleanup ? { before: left } : undefined
    }
    // A run that stays takes over others' claims to `current` last of all.
    if (died && !step.cleanup) model.currentIsOpen = true
    if (!step.cleanup) claim(step.name)
    model.push(step.name, { by, text: step.cleanup ? undefined : entryText(disk.config ?? '', step.name) })
    if (step.setCurrent || makes) model.current.push({ by, name: step.name })
  }

  const post = async (run: number, dieAt: number | undefined): Promise<void> => {
    const over = overNow().add(run)
    const died = await dies(
      uninstallFrom(disk.open(dieAt), { path: PATH, id: `run ${run}`, now: new Date(now) }),
    )
    settle(over, died)
  }

  // The next one finishes what killed ones have begun to take back.
  const overNow = (): Set<Author> => {
    const ended = disk.recorded().filter((layer) => layer.ended)
    return new Set([...model.over(now), ...ended.map(({ id }) => Number(id.slice('run '.length)))])
  }

  const settle = (over: ReadonlySet<Author>, died: boolean): void => {
    const recorded = disk.recorded().map(({ id }) => id)
    if (disk.configWrites > 0) model.endVisible(over)
    model.end(died ? new Set([...over].filter((run) => !recorded.includes(`run ${run}`))) : over)
    const visible = model.visible()
    // What a user's own choice was before is not known to any run.
    const choice = model.current.findLast(({ by, name }) => by === 'user' || visible.has(name))
    if (choice === undefined || !visible.has(choice.name)) model.currentIsOpen = true
    else model.current.length = model.current.indexOf(choice) + 1
    if (visible.size > 0 || model.shadows.length > 0) return
    const config = disk.config === undefined ? undefined : parseConfig(disk.config, PATH)
    if (config?.profiles === undefined) {
      assert(
        model.made === undefined || disk.config === model.made.before,
        'a file that was made is not what it was before',
      )
      model.reset(disk.config)
    } else if (!config.text.includes('"STS.')) {
      assert(!undisturbed, 'a profile that nobody wrote')
      assert(
        config.entries.length === 1 && config.currentName === 'default',
        'the only profile is not the empty one',
      )
      model.reset(disk.config)
    }
  }

  const foreign = ({ edit, name }: Extract<Step, { readonly do: 'foreign' }>): void => {
    if (disk.config === undefined) return
    const config = parseConfig(disk.config, PATH)
    const { profiles, entries, text } = config
    if (profiles === undefined) return
    const entry = entries.find((candidate) => candidate.name === name)
    const token = bytes(JSON.stringify(name))
    const users = `{"name":${token},"mode":"AK","access_key_id":"LTAI${runs}","access_key_secret":"user"}`
    switch (edit) {
      case 'add':
      case 'rekey':
        if ((entry === undefined) !== (edit === 'add')) return
        claim(name)
        if (entry === undefined)
          disk.config = splice(text, { start: profiles.start + 1, end: profiles.start + 1 }, `${users},`)
        else disk.config = splice(text, entry, users)
        model.push(name, { by: 'user', text: users })
        return
      case 'edit': {
        if (entry === undefined) return
        const top = model.entries.get(name)?.pop()
        disk.config = splice(text, { start: entry.start + 1, end: entry.start + 1 }, '"edited" : 1,')
        model.push(name, {
          by: top?.by ?? 'user',
          text: top?.by === 'user' ? entryText(disk.config, name) : undefined,
        })
        return
      }
      case 'delete': {
        if (entry === undefined || model.shadows.length > 0 || entries.length === 1) return
        const fallback = entries.find((candidate) => candidate !== entry)?.name ?? ''
        claim(name)
        disk.config = removeEntry(config, entry)
        model.push(name, { by: 'user', text: undefined })
        if (config.currentName === name) pointTo(fallback)
        return
      }
      case 'current':
        if (entry !== undefined) pointTo(name)
        return
      case 'reformat': {
        if (model.made !== undefined) return
        disk.config = text.replace(/("(?:[^"\\]|\\.)*")|\s+/gs, '$1')
        for (const [other, { by, text: old }] of model.visible()) {
          if (by !== 'user' || old === undefined) continue
          model.entries.get(other)?.pop()
          model.push(other, { by, text: entryText(disk.config, other) })
        }
        return
      }
      case 'remove file':
        disk.config = undefined
        for (const other of model.visible().keys()) model.push(other, { by: 'user', text: undefined })
        model.shadows = []
        model.made = undefined
        model.currentIsOpen = true
    }
  }

  // Who replaces or deletes a profile that a run made current, may as well have meant to leave it current.
  const claim = (name: string): void => {
    if (disk.recorded().some(({ profile, moved }) => moved !== undefined && profile === name))
      model.currentIsOpen = true
  }

  const pointTo = (name: string): void => {
    disk.config = setCurrent(parseConfig(disk.config ?? '', PATH), encodeString(name))
    model.current.push({ by: 'user', name })
    if (disk.recorded().some(({ profile }) => profile === name)) model.currentIsOpen = true
  }

  const check = (): void => {
    const visible = model.visible()
    if (disk.config === undefined) {
      assert(visible.size === 0, 'the file is gone')
      return
    }
    const config = parseConfig(disk.config, PATH)
    assert(config.refusal === undefined, `the CLI would refuse the file: ${config.refusal?.reason ?? ''}`)
    assert(
      config.entries.length === visible.size + model.shadows.length,
      'more or fewer profiles than expected',
    )
    for (const [name, { by, text }] of visible) {
      const entry = entryText(disk.config, name)
      if (by === 'user')
        assert(
          entry === text || (text === EMPTY && /"mode":\s*"",/.test(entry)),
          `the user's profile ${name} was changed`,
        )
      else assert(entry.includes(`"STS.${by}"`), `profile ${name} is not run ${by}'s`)
    }
    if (visible.size === 0) return
    const expected = model.current.findLast(({ name }) => visible.has(name))
    if (expected === undefined) model.currentIsOpen = true
    else if (!model.currentIsOpen)
      assert(
        config.currentName === expected.name,
        `current is ${config.currentName} and not ${expected.name}`,
      )
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
  if (undisturbed) assert(disk.config === initial?.text, 'the file is not what it was before the first run')
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

function entryText(text: string, name: string): string {
  const entry = parseConfig(text, PATH).entries.find((candidate) => candidate.name === name)
  return entry === undefined ? '' : text.slice(entry.start, entry.end)
}

function assert(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise)
}
