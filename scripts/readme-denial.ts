// Writes the denial that README.md shows, from a run of the built action against the stand-in:
// `npm run build && npm run denial`.
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { trustOfOidc } from '../stand-in/policy.js'
import { readAction } from '../stand-in/runner/action-manifest.js'
import { startRunnerJob } from '../stand-in/runner/runner-job.js'
import { drawn } from '../stand-in/runner/step-log.js'
import { startStandIn } from '../stand-in/stand-in.js'
import { README, replaced } from './readme-tables.js'

/**
 * What the step prints if the role trusts the ordinary form of the subject and GitHub sends the
 * immutable one.
 *
 * @returns the log, with a fixed RequestId and the host of STS in place of the stand-in's
 */
async function denial(): Promise<string> {
  const standIn = await startStandIn()
  const { ram, issuer, sts } = standIn
  const job = startRunnerJob({
    action: readAction('this action', resolve(import.meta.dirname, '..')),
    runnerEnv: {
      ACTIONS_ID_TOKEN_REQUEST_URL: issuer.requestUrl,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: issuer.requestToken,
      // As the runner sets them for an action of another repository.
      GITHUB_ACTION_REPOSITORY: 'OWNER/configure-alibaba-cloud-credentials',
      GITHUB_ACTION_REF: 'v1',
    },
  })
  try {
    const { arn: providerArn } = ram.addOidcProvider({
      name: 'github',
      issuer: issuer.iss,
      clientIds: ['sts.aliyuncs.com'],
    })
    const { arn: roleArn } = ram.addRole({
      name: 'deploy',
      trustPolicy: trustOfOidc(providerArn, {
        StringEquals: {
          'oidc:iss': issuer.iss,
          'oidc:aud': 'sts.aliyuncs.com',
          'oidc:sub': 'repo:octo-org/octo-repo:ref:refs/heads/main',
        },
      }),
    })
    issuer.claims.sub = 'repo:octo-org@65/octo-repo@74:ref:refs/heads/main'
    const { exitCode, log } = await job.main({
      inputs: {
        'oidc-provider-arn': providerArn,
        'role-to-assume': roleArn,
        region: 'cn-hangzhou',
        'sts-endpoint': sts.url,
      },
    })
    if (exitCode !== 1) throw new Error('The step was to be denied.')
    return drawn(log)
      .replaceAll(new URL(sts.url).host, 'sts.cn-hangzhou.aliyuncs.com')
      .replaceAll(REQUEST_ID, '0C5A5A1E-7A4B-5E7C-9C55-3F2B1D6E8A90')
  } finally {
    job.remove()
    await standIn.close()
  }
}

const REQUEST_ID = /[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}/g

/** README.md with the denial made anew, and the rest as it is. */
export async function withDenial(readme: string): Promise<string> {
  return replaced(readme, 'denial', `\`\`\`text\n${await denial()}\n\`\`\``)
}

if (process.argv[1] === import.meta.filename)
  writeFileSync(README, await withDenial(readFileSync(README, 'utf8')))
