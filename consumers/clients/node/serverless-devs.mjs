// Prints, as JSON, the key that Serverless Devs takes for a project's "access" (argv; its default where not given).
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const { default: Credential } = require('@serverless-devs/credential')

try {
  const { credential } = await new Credential().get(process.argv[2])
  console.log(JSON.stringify({ credential, version: require('@serverless-devs/credential/package.json').version }))
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
