import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { example, HAS_ACT, runWorkflow } from './act.js'
import { ACCOUNT, PRODUCTION, STAGING, startAccounts, type Accounts } from './accounts.js'
import { configOf, credentialVariables, deployIn, EMPTIED, ownerConfig } from './sights.js'

let accounts: Accounts
let config: string
beforeAll(async () => {
  accounts = await startAccounts()
  config = ownerConfig(accounts.key)
})
beforeEach(() => {
  accounts.standIn.forget()
})
afterAll(async () => accounts.standIn.close())

/** Who a program without variables is, in a home of ownerConfig's. */
const OWNER = `acs:ram::${ACCOUNT}:user/ci`

const describeWithAct = HAS_ACT ? describe : describe.skip

// That the home is as it was before is checked by runWorkflow, for every run.
/** Processes of keepers that a run of act has left. */
function keepers(): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      const parts = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
      return parts.some((part) => /\/workflow-[^/]+\/.*\/keeper\/index\.js$/.test(part))
    } catch {
      return false
    }
  })
}

async function noKeeperIsLeft(): Promise<void> {
  for (let moments = 0; moments < 200 && keepers().length > 0; moments++) await delay(50)
  expect(keepers()).toEqual([])
}

describeWithAct('a job with refresh', () => {
  const text = example('oidc.yml').replace(
    'region: cn-hangzhou',
    '$&\n          profile: ci\n          refresh: true',
  )
  const files = { '.github/workflows/deploy.yml': text }

  test.each([
    ['ends well', {}, 0],
    ['fails in a later step', { exitCode: 3 }, 1],
    ['is cancelled', 'interrupt', 1],
  ] as const)('%s: its keeper ends, and nothing is left', async (_, ending, exitCode) => {
    let alive = 0
    const run = await runWorkflow(accounts, files, {
      config,
      answer: ({ program }) => {
        if (program !== 'deploy.sh') return {}
        alive = keepers().length
        return ending
      },
    })
    expect([run.exitCode, alive]).toEqual([exitCode, 1])
    expect(run.sight('deploy.sh').identity).toBe(deployIn(ACCOUNT))
    expect(run.log).toContain('Stopped the keeper.')
    expect(run.log).not.toContain('::warning')
    for (const end of run.ends.map(credentialVariables))
      expect(Object.values(end).filter((value) => value !== '')).toEqual([])
    await noKeeperIsLeft()
  })

  test('loses its act: its keeper ends by itself, and nothing is left', async () => {
    let alive = 0
    const run = await runWorkflow(accounts, files, {
      config,
      leavesHome: true,
      answer: ({ program }) => {
        if (program !== 'deploy.sh') return {}
        alive = keepers().length
        return 'kill'
      },
    })
    expect(alive).toBe(1)
    expect(run.log).not.toContain('Stopped the keeper.')
    await noKeeperIsLeft()
  })
})

describeWithAct('a job that does not end well', () => {
  const files = { '.github/workflows/deploy.yml': example('one-after-the-other.yml') }

  test('a later step fails', async () => {
    const run = await runWorkflow(accounts, files, {
      config,
      answer: ({ args }) => ({ exitCode: args[0] === 'production' ? 3 : 0 }),
    })
    expect(run.exitCode).toBe(1)
    expect(run.sights.map(({ args, identity }) => [args[0], identity])).toEqual([
      ['staging', deployIn(STAGING)],
      ['production', deployIn(PRODUCTION)],
      [undefined, OWNER],
    ])
    expect(run.ends.map(credentialVariables)).toEqual([EMPTIED])
  })

  test('the job is cancelled between two uses', async () => {
    const run = await runWorkflow(accounts, files, {
      config,
      answer: ({ args }) => (args[0] === 'staging' ? 'interrupt' : {}),
    })
    expect(run.exitCode).not.toBe(0)
    expect(run.sights.map(({ args }) => args[0])).toEqual(['staging', undefined])
    expect(configOf(run.sights[0]?.config).current).toBe('staging')
    expect(run.ends.map(credentialVariables)).toEqual([EMPTIED])
    expect(accounts.standIn.assumptions.map(({ roleArn }) => roleArn)).toEqual([
      `acs:ram::${STAGING}:role/deploy`,
    ])
  })

  test('the job is cancelled after both', async () => {
    const run = await runWorkflow(accounts, files, {
      config,
      answer: ({ args }) => (args[0] === 'production' ? 'interrupt' : {}),
    })
    expect(run.exitCode).not.toBe(0)
    expect(configOf(run.sights[1]?.config).current).toBe('production')
    expect(run.ends.map(credentialVariables)).toEqual([EMPTIED])
  })

  test('the first main fails', async () => {
    accounts.standIn.issuer.claims.sub = 'repo:octo-org/octo-repo:pull_request'
    const run = await runWorkflow(accounts, files, { config })
    Reflect.deleteProperty(accounts.standIn.issuer.claims, 'sub')
    expect(run.exitCode).toBe(1)
    expect(run.sights.map(({ program }) => program)).toEqual(['(end)'])
    expect(run.ends.map(credentialVariables)).toEqual([{}])
    expect(run.log).toContain('AuthenticationFail.NoPermission')
  })

  test('the second main fails', async () => {
    const text = files['.github/workflows/deploy.yml'].replace(
      'profile: production',
      `$&\n          allowed-account-ids: ${STAGING}`,
    )
    const run = await runWorkflow(accounts, { '.github/workflows/deploy.yml': text }, { config })
    expect(run.exitCode).toBe(1)
    expect(run.sights.map(({ args, identity }) => [args[0], identity])).toEqual([
      ['staging', deployIn(STAGING)],
      [undefined, OWNER],
    ])
    expect(run.ends.map(credentialVariables)).toEqual([EMPTIED])
    expect(run.log).toContain('allowed-account-ids')
  })
})
