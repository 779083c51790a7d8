// Prints, as JSON, the key that Serverless Devs takes for a project's `access`, in
// SERVERLESS_DEVS_ACCESS.
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const { default: Credential } = require('@serverless-devs/credential')
// Its own way of telling prints to stdout.
const logger = { debug() {}, info() {}, warn() {}, error() {} }

try {
  const { credential } = await new Credential({ logger }).get(
    process.env.SERVERLESS_DEVS_ACCESS ?? 'any-name',
  )
  console.log(
    JSON.stringify({ credential, version: require('@serverless-devs/credential/package.json').version }),
  )
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
