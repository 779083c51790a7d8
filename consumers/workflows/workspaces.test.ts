import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { example, HAS_ACT, NODES, runWorkflow } from './act.js'
import { ACCOUNT, startAccounts, type Accounts } from './accounts.js'
import { credentialVariables, deployIn, EMPTIED } from './sights.js'

let accounts: Accounts
beforeAll(async () => {
  accounts = await startAccounts()
})
afterAll(async () => accounts.standIn.close())

const describeWithAct = HAS_ACT ? describe : describe.skip

describeWithAct('the workspace and the process', () => {
  test('a working directory', async () => {
    const run = await runWorkflow(accounts, {
      '.github/workflows/deploy.yml': `${example('oidc.yml')}defaults:\n  run:\n    working-directory: infrastructure\n`,
      'infrastructure/main.tf': '',
    })
    const { cwd, env, identity } = run.sight('deploy.sh')
    expect(run.exitCode).toBe(0)
    expect(cwd).toBe(`${env.GITHUB_WORKSPACE ?? ''}/infrastructure`)
    expect(identity).toBe(deployIn(ACCOUNT))
    expect(run.ends.map(credentialVariables)).toEqual([EMPTIED])
  })

  test('an empty workspace', async () => {
    const text = example('access-key.yml')
    const checkout = /^ +- uses: actions\/checkout@.*\n +with:\n +persist-credentials: false\n/m
    expect(text).toMatch(checkout)
    const run = await runWorkflow(
      accounts,
      { '.github/workflows/deploy.yml': text.replace(checkout, '') },
      {
        secrets: {
          ALIBABA_CLOUD_ACCESS_KEY_ID: accounts.key.accessKeyId,
          ALIBABA_CLOUD_ACCESS_KEY_SECRET: accounts.key.accessKeySecret,
        },
      },
    )
    expect(run.exitCode).toBe(0)
    expect(run.sight('aliyun')).toMatchObject({ workspace: [], identity: deployIn(ACCOUNT) })
  })

  test.each(['{ "type": "module" }', '{ "type": "commonjs" }', '{ "type": '])(
    'a workspace whose package.json is %s',
    async (text) => {
      const run = await runWorkflow(accounts, {
        '.github/workflows/deploy.yml': example('oidc.yml'),
        'package.json': text,
      })
      expect(run.exitCode).toBe(0)
      expect(run.sight('deploy.sh').workspace).toContain('package.json')
      expect(run.sight('deploy.sh').identity).toBe(deployIn(ACCOUNT))
      expect(run.ends.map(credentialVariables)).toEqual([EMPTIED])
    },
  )

  test.each(NODES.flatMap((node) => ['oidc.yml', 'node24.yml'].map((name) => [name, node] as const)))(
    'NODE_OPTIONS, %s on %s',
    async (name, node) => {
      const options = '--throw-deprecation --experimental-vm-modules --max-old-space-size=300'
      const text = `${example(name)}env:\n  NODE_OPTIONS: ${options}\n`
      const run = await runWorkflow(accounts, { '.github/workflows/deploy.yml': text }, { node })
      const { env, identity } = run.sight('deploy.sh')
      expect(run.exitCode).toBe(0)
      expect(env.NODE_OPTIONS).toBe(options)
      expect(identity).toBe(deployIn(ACCOUNT))
      expect(run.ends.map(credentialVariables)).toEqual([EMPTIED])
    },
  )
})
