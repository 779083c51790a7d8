// Asks STS who it is, with what the default credential chain finds, and prints the answer as JSON.
// argv: the package of the STS SDK, and for how many seconds the same client goes on asking.
import { createRequire } from 'node:module'
import { setTimeout as delay } from 'node:timers/promises'

const require = createRequire(import.meta.url)
const { default: Credential } = require('@alicloud/credentials')
const { default: Client } = require(process.argv[2])
const { $OpenApiUtil } = require('@alicloud/openapi-core')

try {
  const config = new $OpenApiUtil.Config({
    credential: new Credential(),
    endpoint: process.env.STS_ENDPOINT,
    protocol: 'https',
  })
  const client = new Client(config)
  const end = Date.now() + Number(process.argv[3] ?? 0) * 1000
  let { body } = await client.getCallerIdentity()
  while (Date.now() < end) {
    await delay(500)
    ;({ body } = await client.getCallerIdentity())
  }
  console.log(
    JSON.stringify({ arn: body.arn, version: require('@alicloud/credentials/package.json').version }),
  )
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
