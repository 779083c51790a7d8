import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, jest, test } from '@jest/globals'
import { readRunContext } from '../src/runner/run-context.js'
import { posixOnly } from './support/platform.js'
import { useFolder } from './support/set-up.js'

const folder = useFolder()

afterEach(() => {
  jest.restoreAllMocks()
})

const GITHUB = {
  GITHUB_REPOSITORY: 'octo-org/octo-repo',
  GITHUB_REPOSITORY_OWNER: 'octo-org',
  GITHUB_RUN_ID: '1234567890123',
  GITHUB_EVENT_NAME: 'push',
  GITHUB_REF: 'refs/heads/main',
  GITHUB_ACTOR: 'octocat',
  GITHUB_SERVER_URL: 'https://ghes.example.com',
}

test("GitHub's variables are read", () => {
  expect(readRunContext(GITHUB)).toMatchObject({
    owner: 'octo-org',
    repo: 'octo-repo',
    runId: '1234567890123',
    eventName: 'push',
    ref: 'refs/heads/main',
    actor: 'octocat',
    serverUrl: 'https://ghes.example.com',
    runner: 'github',
    actionRepository: undefined,
    actionRef: undefined,
  })
})

test('what is unknown is undefined, and the variables of this process are not read', () => {
  const { env } = process
  process.env.GITHUB_REPOSITORY = 'other/other'
  try {
    for (const variables of [{}, { GITHUB_REPOSITORY: '', GITHUB_RUN_ID: 'x', GITHUB_REF: '' }]) {
      const { owner, repo, runId, eventName, ref, actor } = readRunContext(variables)
      expect([owner, repo, runId, eventName, ref, actor]).toEqual(Array(6).fill(undefined))
    }
    expect(readRunContext({ GITHUB_REPOSITORY_OWNER: 'octo-org' }).owner).toBe('octo-org')
    expect(readRunContext({ GITHUB_REPOSITORY: 'octo-org' })).toMatchObject({
      owner: 'octo-org',
      repo: undefined,
    })
    expect(process.env).toBe(env)
  } finally {
    delete process.env.GITHUB_REPOSITORY
  }
})

test.each([
  [['ACT'], 'act'],
  [['GITEA_ACTIONS'], 'gitea'],
  [['FORGEJO_ACTIONS', 'GITEA_ACTIONS'], 'forgejo'],
  [['FORGEJO_ACTIONS', 'GITEA_ACTIONS', 'ACT'], 'forgejo'],
] as const)('%j means that the runner is of %s', (names, runner) => {
  const variables = Object.fromEntries(names.map((name) => [name, 'true']))
  expect(readRunContext({ ...GITHUB, ...variables }).runner).toBe(runner)
})

test('the name and ref of the action in `uses` are read', () => {
  const uses = { GITHUB_ACTION_REPOSITORY: 'octo/credentials', GITHUB_ACTION_REF: 'v1' }
  expect(readRunContext({ ...GITHUB, ...uses })).toMatchObject({
    actionRepository: 'octo/credentials',
    actionRef: 'v1',
  })
})

describe('the event', () => {
  const eventIn = (path: string): unknown => readRunContext({ ...GITHUB, GITHUB_EVENT_PATH: path }).event()

  test('is what the file contains', () => {
    const path = join(folder(), 'event.json')
    writeFileSync(path, '{"pull_request":{"number":7}}')
    expect(eventIn(path)).toEqual({ pull_request: { number: 7 } })
  })

  const withDevices = posixOnly('Windows has neither such pipes nor such devices')
  withDevices.each(['no file', 'no JSON', 'a folder', 'a pipe', 'a file without end'])(
    '%s: there is none, nothing waits and nothing is printed',
    (kind) => {
      const write = jest.spyOn(process.stdout, 'write')
      const path =
        kind === 'a folder' ? folder() : kind === 'a file without end' ? '/dev/zero' : join(folder(), 'event')
      if (kind === 'no JSON') writeFileSync(path, '{')
      if (kind === 'a pipe') execFileSync('mkfifo', [path])
      expect(eventIn(path)).toBeUndefined()
      expect(write).not.toHaveBeenCalled()
    },
  )
})
