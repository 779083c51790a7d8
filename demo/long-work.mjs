// A program that works for longer than a session lasts, as a workflow may run it after the step: it
// asks STS who it is, again and again, with what the SDK's default chain finds. `node long-work.mjs
// <seconds> <URL of STS>`
import { setTimeout as delay } from 'node:timers/promises'
import credentials from '@alicloud/credentials'
import openApi from '@alicloud/openapi-core'
import sts from '@alicloud/sts20150401'

const url = new URL(process.argv[3])
const credential = new credentials.default()
const client = new sts.default(
  new openApi.$OpenApiUtil.Config({
    credential,
    endpoint: url.host,
    protocol: url.protocol.replace(':', ''),
  }),
)
const end = Date.now() + Number(process.argv[2]) * 1000
const sessions = new Set()
let calls = 0
try {
  do {
    await client.getCallerIdentity()
    sessions.add((await credential.getCredential()).accessKeyId)
    calls += 1
    await delay(500)
  } while (Date.now() < end)
  console.log(`I made ${calls} calls with ${sessions.size} sessions, and none failed.`)
} catch (error) {
  // The SDK's messages may quote URLs: the code says enough.
  console.log(`STS did not answer call ${calls + 1} (${error.code ?? error.name}).`)
  process.exitCode = 1
}
