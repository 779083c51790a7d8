import { spawn } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { afterEach, describe, expect, test } from '@jest/globals'
import { NODES, type Job, type StepInputs } from './support/job.js'
import {
  eventually,
  foldersLeft,
  keepersOf,
  nothingLeft,
  portsOf,
  REFRESH,
  renewed,
  served,
  uriOf,
  type ServedAnswer,
} from './support/keepers.js'
import { linuxOnly } from './support/platform.js'
import { useFolder, useJobs, useWorld } from './support/set-up.js'
import { DEPLOY_ROLE } from './support/world.js'

const world = useWorld()

afterEach(() => {
  world.standIn.setSessionLifetime(DEPLOY_ROLE, undefined)
})

describe.each(NODES)('on %s', (node) => {
  const newJob = useJobs(world, { node })
  const temporaryFolder = useFolder()
  const main = async (job: Job, inputs: StepInputs = {}, env = {}) => {
    const result = await job.main({ ...world.byKey, ...REFRESH, ...inputs }, env)
    expect([result.errors, result.stderr, result.exitCode]).toEqual([[], '', 0])
    return result
  }
  const fileOf = (job: Job): string => job.env.get('ALICLOUD_SHARED_CREDENTIALS_FILE') ?? ''
  const variablesLeft = (job: Job): string[] => [...job.env.values()].filter((value) => value !== '')
  const record = (job: Job): { entries: { expiration: string }[] } =>
    JSON.parse(readFileSync(`${job.configFile}.ci-record`, 'utf8')) as ReturnType<typeof record>
  test('serves the session by profile, address and file, renews it, and leaves nothing', async () => {
    world.standIn.setSessionLifetime(DEPLOY_ROLE, 6)
    const job = newJob({ env: { ALICLOUD_PROFILE: 'before' } })
    const step = await main(job)
    expect([step.warnings, step.stderr]).toEqual([[], ''])
    expect([...step.env.keys()]).toEqual([
      'ALIBABA_CLOUD_CREDENTIALS_URI',
      'ALIBABA_CLOUD_ECS_METADATA_DISABLED',
      'ALICLOUD_SHARED_CREDENTIALS_FILE',
      'ALICLOUD_PROFILE',
      'ALIBABA_CLOUD_REGION_ID',
      'ALIBABA_CLOUD_REGION',
      'ALICLOUD_REGION',
      'ALIBABACLOUD_REGION_ID',
    ])
    const [, port, readPath] = /^http:\/\/127\.0\.0\.1:(\d+)\/([0-9a-f]{64})$/.exec(uriOf(job)) ?? []
    expect(JSON.parse(readFileSync(job.configFile, 'utf8'))).toEqual({
      current: 'ci',
      profiles: [
        {
          name: 'ci',
          mode: 'CredentialsURI',
          region_id: 'cn-hangzhou',
          output_format: 'json',
          language: 'en',
          site: 'china',
          credentials_uri: uriOf(job),
        },
      ],
      meta_path: '',
    })
    const before = statSync(job.configFile)
    const { expiration } = record(job).entries[0] ?? {}
    const file = (): unknown => JSON.parse(readFileSync(fileOf(job), 'utf8'))
    const fileWith = ({ body }: ServedAnswer): unknown => ({
      current: 'ci',
      profiles: [
        {
          name: 'ci',
          mode: 'StsToken',
          access_key_id: body.AccessKeyId,
          access_key_secret: body.AccessKeySecret,
          sts_token: body.SecurityToken,
          region_id: 'cn-hangzhou',
          output_format: 'json',
          language: 'en',
          site: 'china',
        },
      ],
      meta_path: '',
    })
    const [issued] = world.standIn.assumptions
    await eventually('the file holds what is served', async () => {
      const answer = await served(uriOf(job))
      expect(answer?.status).toBe(200)
      return answer !== undefined && isDeepStrictEqual(file(), fileWith(answer))
    })
    // Windows has no mode bits.
    const [fileMode, folderMode] = process.platform === 'win32' ? [0o666, 0o666] : [0o600, 0o700]
    expect(statSync(fileOf(job)).mode & 0o777).toBe(fileMode)
    expect(statSync(dirname(fileOf(job))).mode & 0o777).toBe(folderMode)

    // Masked: both paths and the first session. Nowhere else: the paths in what main printed or
    // saved.
    const state = step.state.get('state') ?? ''
    const stopPath = /\/([0-9a-f]{64})"/.exec(state)?.[1]
    expect(stopPath).not.toBe(readPath)
    for (const secret of [readPath, stopPath, issued?.accessKeyId]) expect(step.masks).toContain(secret)
    expect([state, step.log]).not.toContainEqual(expect.stringContaining(readPath ?? ''))
    expect(step.log).not.toContain(stopPath)

    const second = await renewed(job, issued?.accessKeyId)
    await renewed(job, second)
    await eventually(
      "the record's expiration follows",
      () => (record(job).entries[0]?.expiration ?? '') > (expiration ?? ''),
    )
    const after = statSync(job.configFile)
    expect([after.ino, after.mtimeMs]).toEqual([before.ino, before.mtimeMs])
    const now = await served(uriOf(job))
    await eventually('the file follows', () => {
      const text = readFileSync(fileOf(job), 'utf8')
      return !text.includes(issued?.accessKeyId ?? '')
    })
    expect(statSync(fileOf(job)).mode & 0o777).toBe(fileMode)
    expect(world.standIn.authenticate(now?.body.AccessKeyId ?? '', now?.body.SecurityToken)).toMatchObject({
      accessKeySecret: now?.body.AccessKeySecret,
    })

    const [post] = await job.posts()
    expect([post?.exitCode, post?.warnings, post?.errors]).toEqual([0, [], []])
    expect(post?.log).toMatch(/^Stopped the keeper\. It renewed the credentials \d+ times?\.$/m)
    expect(post?.env.get('ALICLOUD_PROFILE')).toBe('before')
    expect([...(post?.env.values() ?? [])].filter((value) => value !== '')).toEqual(['before'])
    await nothingLeft(job)
    expect(await served(`http://127.0.0.1:${port ?? ''}/${readPath ?? ''}`)).toBeUndefined()
  })

  const seen = linuxOnly('elsewhere the keeper cannot be found among the processes')
  seen('nothing secret is in the environment and the arguments of the keeper', async () => {
    const job = newJob({
      env: {
        HTTPS_PROXY: 'http://user:proxy-password@127.0.0.1:1',
        NODE_OPTIONS: '--use-openssl-ca --max-old-space-size=512 --dns-result-order ipv4first --tls-min-v1.2',
        OPENSSL_CONF: '/dev/null',
        SOMEBODYS_SECRET: 'secret',
      },
    })
    await main(job)
    const [keeper, ...others] = keepersOf(job)
    expect(others).toEqual([])
    expect(keeper?.environment).toEqual({
      RES_OPTIONS: expect.any(String),
      RUNNER_TRACKING_ID: expect.any(String),
      NODE_OPTIONS: '--use-openssl-ca --dns-result-order ipv4first --tls-min-v1.2',
      OPENSSL_CONF: '/dev/null',
    })
    expect(keeper?.commandLine).toEqual([
      node,
      '--jitless',
      '--max-semi-space-size=1',
      expect.stringMatching(/\/dist\/keeper\/index\.js$/),
    ])
    await job.posts()
    await nothingLeft(job)
  })

  seen('no signal opens a debugger in the keeper', async () => {
    const job = newJob()
    await main(job)
    const [keeper] = keepersOf(job)
    process.kill(keeper?.pid ?? 0, 'SIGUSR1')
    for (let calls = 0; calls < 20; calls++) expect((await served(uriOf(job)))?.status).toBe(200)
    expect(portsOf(keeper?.pid ?? 0)).toEqual([Number(new URL(uriOf(job)).port)])
    await job.posts()
    await nothingLeft(job)
  })

  test('serves only the profile if exports are off, for several identities in one job', async () => {
    const job = newJob()
    const one = await main(job, { 'export-environment-variables': 'false' })
    const two = await main(job, {
      ...world.byOidc,
      'export-environment-variables': 'false',
      profile: 'other',
      'access-key-id': '',
      'access-key-secret': '',
      'set-current-profile': 'false',
    })
    expect([one.env.size, two.env.size, one.warnings, two.warnings]).toEqual([0, 0, [], []])
    const { current, profiles } = JSON.parse(readFileSync(job.configFile, 'utf8')) as {
      current: string
      profiles: { name: string; credentials_uri: string }[]
    }
    expect([current, profiles.map(({ name }) => name)]).toEqual(['ci', ['ci', 'other']])
    const roles = await Promise.all(
      profiles.map(async ({ credentials_uri: uri }) => {
        const { AccessKeyId: id = '', SecurityToken: token } = (await served(uri))?.body ?? {}
        const owner = world.standIn.authenticate(id, token)
        return 'arn' in owner ? owner.arn : owner.code
      }),
    )
    expect(roles).toEqual([expect.stringContaining('/deploy/'), expect.stringContaining('/deploy-oidc/')])
    for (const post of await job.posts()) expect([post.exitCode, post.warnings]).toEqual([0, []])
    await nothingLeft(job)
  })

  test('two steps with refresh in one job unwind to the state before the first', async () => {
    const job = newJob()
    await main(job)
    const outer = [uriOf(job), fileOf(job)]
    await main(job, { profile: 'inner' })
    expect(uriOf(job)).not.toBe(outer[0])
    const [inner, first] = await job.posts()
    expect(inner?.env.get('ALIBABA_CLOUD_CREDENTIALS_URI')).toBe(outer[0])
    expect(inner?.env.get('ALICLOUD_SHARED_CREDENTIALS_FILE')).toBe(outer[1])
    expect(inner?.env.get('ALICLOUD_PROFILE')).toBe('ci')
    expect([inner?.warnings, first?.warnings]).toEqual([[], []])
    expect([...(first?.env.values() ?? [])].filter((value) => value !== '')).toEqual([])
    await nothingLeft(job)
  })

  test('next to a step that exports its key, main warns; both unwind', async () => {
    const job = newJob()
    await job.main(world.byKey)
    const second = await main(job)
    expect(second.warnings).toEqual([
      expect.stringMatching(/ALIBABA_CLOUD_ACCESS_KEY_ID.*: SDKs and Terraform prefer a key/),
    ])
    for (const post of await job.posts()) expect([post.exitCode, post.warnings]).toEqual([0, []])
    expect(variablesLeft(job)).toEqual([])
    await nothingLeft(job)
  })

  describe('the end of the keeper', () => {
    seen('a keeper that was killed: post warns and restores', async () => {
      const job = newJob()
      await main(job)
      const [keeper] = keepersOf(job)
      process.kill(keeper?.pid ?? 0, 'SIGKILL')
      await eventually('it is dead', () => keepersOf(job).length === 0)
      const [post] = await job.posts()
      expect([post?.exitCode, post?.warnings]).toEqual([
        0,
        [expect.stringMatching(/^refresh: the keeper had ended before the job did.*ECONNREFUSED/)],
      ])
      expect(variablesLeft(job)).toEqual([])
      await nothingLeft(job)
    })

    test('follows the removal of its folder, and nothing is left although no post ran', async () => {
      const job = newJob()
      await main(job)
      for (const name of readdirSync(job.temp)) rmSync(join(job.temp, name), { recursive: true })
      await nothingLeft(job)
    })

    seen('it is told to end by a signal: nothing is left', async () => {
      for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
        const job = newJob()
        await main(job)
        process.kill(keepersOf(job)[0]?.pid ?? 0, signal)
        await nothingLeft(job)
      }
    })

    seen("the job's worker is gone: nothing is left, though no post ran", async () => {
      const folder = temporaryFolder()
      // The step's parent is a process of the worker's name, which goes on living when the step has
      // ended.
      const [worker, script, run] = ['Runner.Worker', 'worker.cjs', 'run'].map((name) =>
        join(folder, name),
      ) as [string, string, string]
      symlinkSync(process.execPath, worker)
      writeFileSync(
        script,
        `const { status } = require('node:child_process').spawnSync(${JSON.stringify(node)}, process.argv.slice(2), { stdio: 'inherit' })
        for (const stream of [1, 2]) require('node:fs').closeSync(stream)
        process.send(status)
        setTimeout(() => undefined, 60_000)`,
      )
      writeFileSync(
        run,
        `#!${process.execPath}
        const worker = require('node:child_process').spawn(${JSON.stringify(worker)}, [${JSON.stringify(script)}, ...process.argv.slice(2)], { detached: true, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
        require('node:fs').writeFileSync(${JSON.stringify(join(folder, 'pid'))}, String(worker.pid))
        worker.once('message', (status) => process.exit(status))`,
        { mode: 0o755 },
      )
      const job = newJob({ node: run })
      await main(job)
      expect(keepersOf(job)).toHaveLength(1)
      process.kill(Number(readFileSync(join(folder, 'pid'), 'utf8')), 'SIGKILL')
      await nothingLeft(job)
    })

    test('comes with post if main is killed at any time', async () => {
      for (const killAfter of [100, 200, 300]) {
        const job = newJob()
        await job.main({ ...world.byKey, ...REFRESH }, {}, killAfter)
        const [post] = await job.posts()
        expect([post?.exitCode, post?.errors]).toEqual([0, []])
        await nothingLeft(job)
      }
    })
  })

  test('a step that cannot export leaves no keeper', async () => {
    const job = newJob()
    const step = await job.main({ ...world.byKey, ...REFRESH }, { GITHUB_OUTPUT: '/dev/full' })
    expect([step.exitCode, step.env.size]).toEqual([1, 0])
    await eventually('the keeper has ended', () => keepersOf(job).length === 0)
    expect(foldersLeft(job)).toEqual([])
  })

  test('a step that fails leaves no keeper', async () => {
    const job = newJob()
    const step = await job.main({ ...world.byKey, ...REFRESH, 'allowed-account-ids': '1' })
    expect([step.exitCode, step.env.size]).toEqual([1, 0])
    await eventually('the keeper has ended', () => keepersOf(job).length === 0)
    expect(foldersLeft(job)).toEqual([])
  })

  test('without RUNNER_TEMP the step fails before it asks for anything', async () => {
    const job = newJob({ env: { RUNNER_TEMP: '' } })
    const step = await job.main({ ...world.byKey, ...REFRESH })
    expect([step.exitCode, step.errors]).toEqual([1, [expect.stringMatching(/RUNNER_TEMP/)]])
    expect(world.standIn.requests).toEqual([])
  })

  describe('a keeper alone', () => {
    const outcome = async (...flags: string[]): Promise<[exitCode: number, output: string]> => {
      const script = join(import.meta.dirname, '../dist/keeper/index.js')
      const keeper = spawn(node, [...flags, script], { stdio: ['pipe', 'pipe', 'ignore'] })
      keeper.stdin.on('error', () => undefined).end('{}')
      let output = ''
      keeper.stdout.setEncoding('utf8').on('data', (part: string) => (output += part))
      return [await new Promise<number>((done) => keeper.once('close', done)), output]
    }

    test('ends by itself without an order', async () => {
      expect(await outcome()).toEqual([0, ''])
    })

    test('takes no order under a debugger', async () => {
      expect(await outcome('--inspect=127.0.0.1:0')).toEqual([1, ''])
    })
  })
})
