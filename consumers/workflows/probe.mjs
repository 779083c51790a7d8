// Stands for a program that a workflow runs: ./deploy.sh, aliyun and so on. It tells the test what
// it sees, and with whose credentials a client finds itself that searches as the SDKs do (variables
// first, then the profile of ~/.aliyun/config.json); then it ends as the test bids it. `node
// probe.mjs <server> <STS endpoint> <its name> [arguments]`
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

// The SDK calls what Node 24 deprecates. A job's NODE_OPTIONS may make that an error: the action's
// affair, not the probe's.
process.noDeprecation = true

const [server, stsEndpoint, program, ...args] = process.argv.slice(2)
const config = join(homedir(), '.aliyun/config.json')
const seen = {
  program,
  args,
  cwd: process.cwd(),
  node: process.version,
  env: { ...process.env },
  workspace: readdirSync(process.env.GITHUB_WORKSPACE, { recursive: true }).sort(),
  config: existsSync(config) ? readFileSync(config, 'utf8') : undefined,
}

process.env.ALIBABA_CLOUD_ECS_METADATA_DISABLED = 'true'
const profile = args.indexOf('--profile')
if (profile >= 0) process.env.ALIBABA_CLOUD_PROFILE = args[profile + 1]
const { default: credentials } = await import('@alicloud/credentials')
const { default: sts } = await import('@alicloud/sts20150401')
const { $OpenApiUtil } = await import('@alicloud/openapi-core')

async function identity() {
  const { host, protocol } = new URL(stsEndpoint)
  const credential = new credentials.default()
  const client = new sts.default(
    new $OpenApiUtil.Config({ credential, endpoint: host, protocol: protocol.slice(0, -1) }),
  )
  return (await client.getCallerIdentity()).body.arn
}

const report = { ...seen, identity: await identity().catch(() => undefined) }
const response = await globalThis.fetch(server, { method: 'POST', body: JSON.stringify(report) })
const { exitCode, stdout } = await response.json()
process.stdout.write(stdout)
process.exitCode = exitCode
