// Asks STS who it is, with what the default credential chain finds, and prints the answer as JSON. argv: the package of the STS SDK.
import { createRequire } from 'node:module'

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
  const { body } = await new Client(config).getCallerIdentity()
  console.log(
    JSON.stringify({ arn: body.arn, version: require('@alicloud/credentials/package.json').version }),
  )
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
