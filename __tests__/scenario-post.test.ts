import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { hashOf } from '../src/handover/state.js'
import { NODES, type Job, type JobOptions } from './support/job.js'
import { linuxOnly } from './support/platform.js'
import { useJobs, useWorld } from './support/set-up.js'
import { ACCOUNT } from './support/world.js'

const world = useWorld()
const startJob = useJobs(world)
let job: Job

/**
 * A developer's own file: another indentation, unknown keys, a number that no JavaScript number
 * holds.
 */
const USERS_FILE = `{
  "current": "mine",
  "profiles": [
    {"name": "mine", "mode": "AK", "access_key_id": "LTAIusersOwnKey00001", "access_key_secret": "usersOwnSecret000001", "region_id": "cn-beijing"},
    {"name": "ci", "mode": "RamRoleArn", "ram_role_arn": "acs:ram::1:role/\\u0041", "future_key": [1.50, {"a": null}]}
  ],
  "meta_path": "", "unknown": {"z": 12345678901234567890, "a": 1.50}
}
`

describe.each(NODES)('on %s', (node) => {
  const newJob = (options: Partial<JobOptions> = {}): Job => (job = startJob({ node, ...options }))
  const writeUsersFile = (): void => {
    mkdirSync(dirname(job.configFile))
    writeFileSync(job.configFile, USERS_FILE)
  }
  const folder = (): string[] =>
    existsSync(dirname(job.configFile)) ? readdirSync(dirname(job.configFile)).sort() : []

  test('post restores each variable to its previous value, or to nothing if it had none', async () => {
    newJob({
      env: {
        ALIBABA_CLOUD_REGION_ID: 'eu-central-1',
        ALICLOUD_SECRET_KEY: 'an earlier secret',
        OSS_REGION: 'kept',
      },
    })
    const main = await job.main(world.byKey)
    expect(main.masks).toContain('an earlier secret')
    const [post] = await job.posts()
    expect(post?.exitCode).toBe(0)
    expect(post?.log).toBe('Restored 13 variables to their previous values.\n')
    expect(post?.env.get('ALIBABA_CLOUD_REGION_ID')).toBe('eu-central-1')
    expect(post?.env.get('ALICLOUD_SECRET_KEY')).toBe('an earlier secret')
    expect([...(post?.env.keys() ?? [])]).toEqual([...main.env.keys()])
    expect([...(post?.env ?? [])].filter(([, value]) => value !== '')).toHaveLength(2)
    expect(world.standIn.requests).toHaveLength(1)
  })

  test('post removes a config.json that main created', async () => {
    newJob()
    await job.main({ ...world.byKey, profile: 'ci' })
    expect(folder()).toEqual(['config.json', 'config.json.ci-record'])
    const [post] = await job.posts()
    expect(post?.warnings).toEqual([])
    expect(folder()).toEqual([])
  })

  test.each([
    ['a new profile, made current', { profile: 'new' }],
    ['a new profile beside the current one', { profile: 'new', 'set-current-profile': 'false' }],
    ['a profile in the place of another', { profile: 'ci' }],
    ["a profile in the current one's place", { profile: 'mine' }],
  ] as const)('after %s, post restores config.json byte for byte', async (_, inputs) => {
    newJob()
    writeUsersFile()
    const main = await job.main({ ...world.byKey, ...inputs })
    const written = readFileSync(job.configFile, 'utf8')
    expect(main.exitCode).toBe(0)
    expect(written).not.toBe(USERS_FILE)
    expect(written).toContain('"unknown": {"z": 12345678901234567890, "a": 1.50}')
    expect(JSON.parse(written)).toMatchObject({
      current: 'set-current-profile' in inputs ? 'mine' : inputs.profile,
    })
    await job.posts()
    expect(readFileSync(job.configFile, 'utf8')).toBe(USERS_FILE)
    expect(folder()).toEqual(['config.json'])
  })

  test('two steps in one job unwind to the state before the first', async () => {
    newJob({ env: { ALICLOUD_REGION: 'cn-beijing' } })
    writeUsersFile()
    const first = await job.main({ ...world.byKey, profile: 'ci' })
    const second = await job.main({ ...world.byOidc, profile: 'ci', region: 'cn-shanghai' })
    const third = await job.main({ ...world.byOidc, profile: 'other', 'export-for': 'oss' })
    expect([first, second, third].map(({ exitCode }) => exitCode)).toEqual([0, 0, 0])
    expect(job.env.get('ALICLOUD_REGION')).toBe('cn-hangzhou')
    const ids = [first, second, third].map(({ env }) => env.get('ALICLOUD_ACCESS_KEY'))
    const posts = await job.posts()
    expect(posts.map(({ env }) => env.get('ALICLOUD_ACCESS_KEY'))).toEqual([ids[1], ids[0], ''])
    expect(job.env.get('ALICLOUD_REGION')).toBe('cn-beijing')
    expect(job.env.get('OSS_ACCESS_KEY_ID')).toBe('')
    expect(readFileSync(job.configFile, 'utf8')).toBe(USERS_FILE)
    expect(folder()).toEqual(['config.json'])
  })

  test('with cleanup: false post leaves everything and says so', async () => {
    newJob()
    const main = await job.main({ ...world.byKey, profile: 'ci', cleanup: 'false' })
    expect(main.log).toContain('When the job ends: everything stays (cleanup: false).')
    const [post] = await job.posts()
    expect(post?.log).toBe('cleanup is false: variables and profile stay as they are.\n')
    expect(post?.env.size).toBe(0)
    expect(folder()).toEqual(['config.json'])
    expect(JSON.parse(readFileSync(job.configFile, 'utf8'))).toMatchObject({
      profiles: [{ name: 'ci', mode: 'StsToken' }],
    })
  })

  test('restores no name that main cannot export, whatever the state says', async () => {
    newJob({ env: { ALICLOUD_REGION: 'cn-hangzhou' } })
    await job.main({ ...world.byKey, 'role-to-assume': 'x' })
    const exported = hashOf('cn-hangzhou')
    const variables = Object.fromEntries(
      ['PATH', 'BASH_ENV', 'NODE_OPTIONS', 'LD_PRELOAD', 'alicloud_region', 'ALICLOUD_REGION'].map((name) => [
        name,
        { before: 'x', exported: name === 'ALICLOUD_REGION' ? exported : hashOf('') },
      ]),
    )
    const [post] = await job.posts({ STATE_state: JSON.stringify({ version: 2, cleanup: true, variables }) })
    expect([...(post?.env ?? [])]).toEqual([['ALICLOUD_REGION', 'x']])
  })

  test('leaves alone a variable that a later step has changed', async () => {
    newJob()
    await job.main(world.byKey)
    const [post] = await job.posts({ ALICLOUD_REGION: 'eu-central-1', ALIBABA_CLOUD_REGION: '' })
    expect(post?.env.has('ALICLOUD_REGION')).toBe(false)
    expect(post?.env.size).toBe(11)
    expect(post?.log).toMatch(/Left alone, because a later step changed them: ALICLOUD_REGION\./)
  })

  test('post trusts only what main recorded, though HOME and the inputs have changed since', async () => {
    newJob()
    await job.main({ ...world.byKey, profile: 'ci' })
    const [post] = await job.posts({ HOME: '/nonexistent', INPUT_PROFILE: 'mine', INPUT_CLEANUP: 'false' })
    expect(post?.exitCode).toBe(0)
    expect(folder()).toEqual([])
  })

  test('after a main that failed at its inputs, post has nothing to do', async () => {
    newJob()
    await job.main({ ...world.byKey, 'role-to-assume': 'x' })
    const [post] = await job.posts()
    expect([post?.exitCode, post?.log]).toEqual([
      0,
      'Nothing to clean up: the main step failed before exporting anything.\n',
    ])
    expect(post?.env.size).toBe(0)
  })

  const withFullDevice = linuxOnly('no other system has a device that is always full')
  for (const [cleanup, files] of [
    ['true', []],
    ['false', []],
    ['true', ['config.json']],
    ['false', ['config.json']],
  ] as const) {
    withFullDevice(
      `cleanup: ${cleanup}, outputs that cannot be written: nothing is left half-done (${files.length} files before)`,
      async () => {
        newJob()
        if (files.length > 0) writeUsersFile()
        const main = await job.main(
          { ...world.byKey, profile: 'ci', cleanup },
          { GITHUB_OUTPUT: '/dev/full' },
        )
        expect([main.exitCode, main.env.size]).toEqual([1, 0])
        expect(folder()).toEqual(files)
        if (files.length > 0) expect(readFileSync(job.configFile, 'utf8')).toBe(USERS_FILE)
      },
    )
  }

  withFullDevice(
    'a main that cannot write its outputs exports no variable, and post changes none',
    async () => {
      newJob()
      const main = await job.main({ ...world.byKey, profile: 'ci' }, { GITHUB_OUTPUT: '/dev/full' })
      expect(main.exitCode).toBe(1)
      expect(main.errors).toEqual([expect.stringContaining('ENOSPC')])
      expect(main.env.size).toBe(0)
      expect(folder()).toEqual([])
      const [post] = await job.posts()
      expect([post?.exitCode, post?.env.size]).toEqual([0, 0])
    },
  )

  test.each([
    ['a record of another version', '{"version":2,"cleanup":true,"variables":{"PATH":"x"}}'],
    ['a record that is not JSON', '{'],
    ['a record of other shapes', '{"version":1,"cleanup":true,"variables":{"PATH":1}}'],
  ])('post ignores %s in its state', async (_, record) => {
    newJob()
    await job.main({ ...world.byKey, 'role-to-assume': 'x' })
    const [post] = await job.posts({ STATE_record: record })
    expect([post?.exitCode, post?.env.size]).toEqual([0, 0])
    expect(post?.log).toMatch(/^Nothing to clean up/)
  })

  test('what someone else has changed since stays as it is, and the job does not fail', async () => {
    newJob()
    writeUsersFile()
    await job.main({ ...world.byKey, profile: 'ci' })
    const others = readFileSync(job.configFile, 'utf8')
      .replace(/"sts_token": *"[^"]*"/, '"sts_token": "another"')
      .replaceAll('STS.', 'STS.x')
    writeFileSync(job.configFile, others)
    const [post] = await job.posts()
    expect(post?.exitCode).toBe(0)
    // The entry has other keys now, as `aliyun configure set --profile ci` would give it, and that
    // makes it the current one too.
    expect(readFileSync(job.configFile, 'utf8')).toBe(others)
    expect(folder()).toEqual(['config.json'])
  })

  test('a second post does no harm, even if the home is gone', async () => {
    newJob()
    const main = await job.main({ ...world.byKey, profile: 'ci' })
    await job.posts()
    rmSync(job.home, { recursive: true })
    await job.main({ ...world.byKey, 'role-to-assume': 'x' })
    const [post] = await job.posts({ STATE_state: main.state.get('state') ?? '' })
    expect([post?.exitCode, post?.warnings]).toEqual([0, []])
    expect(existsSync(job.home)).toBe(false)
  })

  test('the next step on a home removes the expired entry of a killed runner, even if it writes no profile itself', async () => {
    newJob()
    writeUsersFile()
    // Its post never comes.
    await job.main({ ...world.byKey, profile: 'ci' })
    const next = startJob({ node, home: job.home })
    await next.main(world.byKey)
    expect(readFileSync(job.configFile, 'utf8')).not.toBe(USERS_FILE)
    // Nobody waits for the session to end: the record says that it has.
    const record = join(dirname(job.configFile), 'config.json.ci-record')
    writeFileSync(
      record,
      readFileSync(record, 'utf8').replace(
        /"expiration": "[^"]*"/,
        '"expiration": "2020-01-01T00:00:00.000Z"',
      ),
    )
    const main = await next.main(world.byKey)
    expect(main.exitCode).toBe(0)
    expect(readFileSync(job.configFile, 'utf8')).toBe(USERS_FILE)
    expect(folder()).toEqual(['config.json'])
  })

  test('outputs that name the account reach other jobs, since the account is masked on request only', async () => {
    newJob()
    const main = await job.main(world.byKey)
    expect(
      main.masks.filter((mask) => ACCOUNT.includes(mask) || (main.outputs.get('arn') ?? '').includes(mask)),
    ).toEqual([])
  })
})
