/**
 * What only Windows does, on Windows or under Wine (`npm run test:wine`): homes without HOME, files
 * that another program has open, and jobs that share a home although nobody can replace a file
 * while it is read.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, describe, expect, test } from '@jest/globals'
import { NODES, type Job, type StepResult } from './support/job.js'
import { tallyJobsOnOneHome } from './support/jobs-on-one-home.js'
import { openExclusively, openInProgram } from './support/open-elsewhere.js'
import { windowsOnly } from './support/platform.js'
import { useFolder, useJobs, useWorld } from './support/set-up.js'
import { until } from './support/until.js'
import { USERS_FILE } from './support/users-file.js'

/** Opens a file and returns what closes it. */
type Opening = (file: string) => Promise<() => void | Promise<void>>

const closings: (() => void | Promise<void>)[] = []
// Before the jobs' folders are removed: Windows removes no file that is open.
afterEach(async () => {
  for (const close of closings.splice(0)) await close()
})

const world = useWorld()
const startJob = useJobs(world)
const temporaryFolder = useFolder()

const filesIn = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder).sort() : [])

/** Writes a file of the user's for the job, so that post has something to restore. */
function writeUsersFile({ configFile }: Job): void {
  mkdirSync(dirname(configFile), { recursive: true })
  writeFileSync(configFile, USERS_FILE)
}

/** Whether the lock's holder has written what it will put in the place of config.json. */
function isBeingReplaced(configFile: string): boolean {
  const names = filesIn(dirname(configFile))
  return (
    names.includes('config.json.ci-lock') &&
    names.some((name) => /^config\.json\.ci-[0-9a-f]{16}\.tmp$/.test(name))
  )
}

function profileIn(file: string): unknown {
  return (JSON.parse(readFileSync(file, 'utf8')) as { current: unknown }).current
}

describe.each(NODES)('on %s', (node) => {
  const here = (): string => temporaryFolder()

  describe('homes', () => {
    const homesTest = windowsOnly('elsewhere HOME is the home')
    // A child process gets these from its parent if they are not set: empty ones stay.
    const NO_PAIR = { HOMEDRIVE: '', HOMEPATH: '' }

    homesTest('without HOMEDRIVE and HOMEPATH the profile goes below USERPROFILE', async () => {
      const job = startJob({ node, env: NO_PAIR })
      const main = await job.main({ ...world.byKey, profile: 'ci' })
      expect([main.exitCode, main.errors, main.warnings]).toEqual([0, [], []])
      expect(profileIn(job.configFile)).toBe('ci')
    })

    homesTest('HOMEDRIVE and HOMEPATH come before USERPROFILE and HOME, as in the aliyun CLI', async () => {
      const elsewhere = join(here(), 'elsewhere')
      const job = startJob({ node, env: { USERPROFILE: elsewhere, HOME: elsewhere } })
      const main = await job.main({ ...world.byKey, profile: 'ci' })
      expect([main.exitCode, main.errors]).toEqual([0, []])
      expect(profileIn(job.configFile)).toBe('ci')
      expect(existsSync(elsewhere)).toBe(false)
      await job.posts({ HOMEDRIVE: 'C:', HOMEPATH: '\\nowhere' })
      expect(filesIn(dirname(job.configFile))).toEqual([])
    })

    homesTest('without any home a profile is refused before STS is asked', async () => {
      const job = startJob({ node, env: { ...NO_PAIR, USERPROFILE: '', HOME: 'C:\\unused' } })
      const main = await job.main({ ...world.byKey, profile: 'ci' })
      expect(main.exitCode).toBe(1)
      expect(main.errors).toEqual([expect.stringContaining('HOMEDRIVE')])
      expect(world.standIn.requests).toEqual([])
    })

    test.each([
      ['a name in several scripts', () => join('Jürgen Müller', '王小明', 'данные 🚀')],
      // Windows ends paths there unless a program asks for more. macOS ends them at 1,024.
      [
        'more than 260 characters',
        () => join(...Array.from({ length: 12 }, (_, at) => `${at}`.padEnd(30, 'x'))),
      ],
    ])('a home with %s: main writes the profile, post removes it', async (_, name) => {
      const job = startJob({ node, home: join(here(), name()) })
      const main = await job.main({ ...world.byKey, profile: 'ci' })
      expect([main.exitCode, main.errors, main.warnings]).toEqual([0, [], []])
      expect(profileIn(job.configFile)).toBe('ci')
      const [post] = await job.posts()
      expect([post?.exitCode, post?.warnings]).toEqual([0, []])
      expect(filesIn(dirname(job.configFile))).toEqual([])
    })
  })

  describe('what the step writes for the runner', () => {
    windowsOnly('lines end in CRLF there')('no value gets a carriage return', async () => {
      const job = startJob({ node, env: { ALICLOUD_REGION: 'cn-beijing' } })
      const main = await job.main({ ...world.byKey, 'output-credentials': 'true', profile: 'ci' })
      const [post] = await job.posts()
      const maps = [main.env, main.outputs, main.state, post?.env ?? new Map<string, string>()]
      const values = maps.flatMap((map) => [...map].flat())
      expect(values.length).toBeGreaterThan(50)
      expect(values.filter((value) => /[\r\n]/.test(value))).toEqual([])
      expect(job.env.get('ALICLOUD_REGION')).toBe('cn-beijing')
    })
  })

  describe('files that another program has open', () => {
    const heldTest = windowsOnly('elsewhere a file that is open can be replaced')

    heldTest('main waits for a program that reads config.json', async () => {
      const job = startJob({ node })
      writeUsersFile(job)
      closings.push(await openInProgram(job.configFile))
      const main = job.main({ ...world.byKey, profile: 'ci' })
      // The new text is there. It cannot be renamed over config.json before that is closed.
      await until(() => isBeingReplaced(job.configFile), 'writing the new text')
      await closings.pop()?.()
      const { exitCode, errors, warnings } = await main
      expect([exitCode, errors, warnings]).toEqual([0, [], []])
      expect(profileIn(job.configFile)).toBe('ci')
    })

    heldTest.each<[string, Opening]>([
      ['reads', openInProgram],
      ['lets nobody else read', async (file) => Promise.resolve(openExclusively(file))],
    ])('post waits for a program that %s config.json', async (_, open) => {
      const job = startJob({ node })
      writeUsersFile(job)
      await job.main({ ...world.byKey, profile: 'ci' })
      closings.push(await open(job.configFile))
      const posts = job.posts()
      await until(() => existsSync(`${job.configFile}.ci-lock`), 'taking the lock')
      await closings.pop()?.()
      const [post] = await posts
      expect([post?.exitCode, post?.warnings]).toEqual([0, []])
      expect(readFileSync(job.configFile, 'utf8')).toBe(USERS_FILE)
      expect(filesIn(dirname(job.configFile))).toEqual(['config.json'])
    })

    heldTest('a program that never closes config.json fails main, in words that fit Windows', async () => {
      const job = startJob({ node })
      writeUsersFile(job)
      closings.push(await openInProgram(job.configFile))
      const main = await job.main({ ...world.byKey, profile: 'ci' })
      expect(main.exitCode).toBe(1)
      expect(main.errors).toEqual([expect.stringMatching(/open in another program/)])
      expect(main.env.size).toBe(0)
      expect(readFileSync(job.configFile, 'utf8')).toBe(USERS_FILE)
      await closings.pop()?.()
      await job.posts()
      expect(filesIn(dirname(job.configFile))).toEqual(['config.json'])
    })

    heldTest(
      'a program that never closes it during post is a warning, and the next run restores the file',
      async () => {
        const job = startJob({ node })
        writeUsersFile(job)
        await job.main({ ...world.byKey, profile: 'ci' })
        closings.push(await openInProgram(job.configFile))
        const [post] = await job.posts()
        expect(post?.exitCode).toBe(0)
        expect(post?.warnings).toEqual([expect.stringMatching(/open in another program/)])
        await closings.pop()?.()
        expire(job)
        const next = startJob({ node, home: job.home })
        const main = await next.main({ ...world.byKey, profile: 'later' })
        await next.posts()
        expect([main.exitCode, main.errors, main.warnings]).toEqual([0, [], []])
        expect(readFileSync(job.configFile, 'utf8')).toBe(USERS_FILE)
        expect(filesIn(dirname(job.configFile))).toEqual(['config.json'])
      },
    )

    heldTest("a killed writer's temporary file that is open fails no step", async () => {
      const job = startJob({ node })
      writeUsersFile(job)
      const left = `${job.configFile}.ci-0123456789abcdef.tmp`
      writeFileSync(left, '{}')
      closings.push(openExclusively(left))
      const main = await job.main({ ...world.byKey, profile: 'ci' })
      const [post] = await job.posts()
      expect([main, post].map((run) => [run?.exitCode, run?.errors, run?.warnings])).toEqual([
        [0, [], []],
        [0, [], []],
      ])
      expect(readFileSync(job.configFile, 'utf8')).toBe(USERS_FILE)
      await closings.pop()?.()
      await job.main({ ...world.byKey, profile: 'ci' })
      await job.posts()
      expect(filesIn(dirname(job.configFile))).toEqual(['config.json'])
    })
  })

  describe('an obstacle is found before STS is asked:', () => {
    const found = (main: StepResult, name: string): void => {
      expect(main.exitCode).toBe(1)
      expect(main.errors).toEqual([expect.stringContaining(name)])
      expect(world.standIn.requests).toEqual([])
    }

    windowsOnly('elsewhere a read-only file can be replaced')('a read-only config.json', async () => {
      const job = startJob({ node })
      writeUsersFile(job)
      execFileSync('attrib', ['+R', job.configFile])
      closings.push(() => void execFileSync('attrib', ['-R', job.configFile]))
      found(await job.main({ ...world.byKey, profile: 'ci' }), job.configFile)
      expect(readFileSync(job.configFile, 'utf8')).toBe(USERS_FILE)
    })

    test('a file called .aliyun', async () => {
      const job = startJob({ node })
      writeFileSync(dirname(job.configFile), '')
      found(await job.main({ ...world.byKey, profile: 'ci' }), dirname(job.configFile))
    })

    test('a folder called config.json', async () => {
      const job = startJob({ node })
      mkdirSync(job.configFile, { recursive: true })
      found(await job.main({ ...world.byKey, profile: 'ci' }), job.configFile)
    })
  })
})

describe('five jobs on one home', () => {
  const sharedTest = windowsOnly('elsewhere the reader of a file stops nobody')
  const NOBODY_FAILED = { mains: 5, mainsFailed: 0, sessionsLeft: 0, homesChanged: 0, said: [] }

  sharedTest(
    'with nobody else, no main fails and no post leaves its session',
    async () => {
      expect(await tallyJobsOnOneHome(world, 5)).toEqual(NOBODY_FAILED)
    },
    120_000,
  )

  sharedTest(
    'with a program that reads config.json again and again',
    async () => {
      expect(await tallyJobsOnOneHome(world, 5, readUntilWanted)).toEqual(NOBODY_FAILED)
    },
    120_000,
  )

  sharedTest(
    'with a scanner that locks config.json again and again',
    async () => {
      expect(await tallyJobsOnOneHome(world, 5, scanAgainAndAgain)).toEqual(NOBODY_FAILED)
    },
    120_000,
  )
})

/**
 * Has a program read the file all the time, which closes it as soon as somebody is about to replace
 * it, and stays away until that is done: whether the writer gets its turn is not left to chance.
 */
async function readUntilWanted(file: string): Promise<() => Promise<void>> {
  const reading = { on: true }
  const waitUntil = async (isWanted: boolean): Promise<void> => {
    while (reading.on && isBeingReplaced(file) !== isWanted) await pause(5)
  }
  let close = await openInProgram(file)
  const work = (async () => {
    for (;;) {
      await waitUntil(true)
      await close()
      await waitUntil(false)
      if (!reading.on) return
      // It may be replaced at this very moment.
      close = await openInProgram(file).catch(() => async () => Promise.resolve())
    }
  })()
  return async () => {
    reading.on = false
    await work
  }
}

/** Locks the file again and again, for a moment each time, as a virus scanner may. */
async function scanAgainAndAgain(file: string): Promise<() => Promise<void>> {
  const scanning = { on: true }
  const work = (async () => {
    while (scanning.on) {
      try {
        const close = openExclusively(file)
        await pause(15)
        close()
      } catch {
        // Somebody else has it.
      }
      await pause(15)
    }
  })()
  return Promise.resolve(async () => {
    scanning.on = false
    await work
  })
}

/** Writes into the record that the sessions of this home are over, since nobody waits for it. */
function expire({ configFile }: Job): void {
  const record = `${configFile}.ci-record`
  const text = readFileSync(record, 'utf8')
  writeFileSync(record, text.replace(/"expiration": "[^"]*"/g, '"expiration": "2020-01-01T00:00:00.000Z"'))
}
