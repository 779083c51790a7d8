import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { example, NODES, runWorkflow } from './act.js'
import { ACCOUNT, startAccounts, type Accounts } from './accounts.js'

let accounts: Accounts
beforeAll(async () => {
  accounts = await startAccounts()
})
afterAll(async () => accounts.standIn.close())

test.each(NODES)('oidc.yml on %s', async (node) => {
  const run = await runWorkflow(accounts, { '.github/workflows/deploy.yml': example('oidc.yml') }, { node })
  console.log(run.log, run.sights)
  expect(run.exitCode).toBe(0)
  expect(run.sight('deploy.sh').identity).toBe(ACCOUNT)
})
