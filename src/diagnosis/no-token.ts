/** Why a job has no OIDC token, and what to do about it. */
import type { OidcTokenError } from '../identity/oidc-token.js'
import type { RunContext } from '../runner/run-context.js'
import { list, paragraph, yaml } from '../text/document.js'
import { say, type Prose } from '../text/prose.js'
import type { Diagnosis } from './diagnosis.js'
import { SKIPS, untrustedRun } from './untrusted-run.js'

const PERMISSIONS = `permissions:
  id-token: write
  contents: read`

const ANCHOR = 'no-oidc-token'

/** @param event the parsed event of the run */
export function explainNoToken(error: OidcTokenError, run: RunContext, event: unknown): Diagnosis {
  switch (error.code) {
    case 'no-issuer':
      return noIssuer(run, event)
    case 'issuer-without-tls':
      return withoutTls(error)
    case 'issuer-refused':
      return issuerRefused(error)
    case 'token-file':
      return tokenFile(error)
  }
}

function noIssuer(run: RunContext, event: unknown): Diagnosis {
  switch (untrustedRun(run, event)) {
    case 'dependabot':
      return dependabot()
    case 'fork':
      return forksPullRequest()
    case undefined:
      break
  }
  switch (run.runner) {
    case 'forgejo':
      return forgejo()
    case 'gitea':
    case 'act':
      return runnerWithoutIssuer(run)
    case 'github':
      return missingPermission(run)
  }
}

function missingPermission(run: RunContext): Diagnosis {
  const host = hostOf(run)
  const onGithub = host === undefined || host === 'github.com' || host.endsWith('.ghe.com')
  return {
    fault: ['the job has no permission to request an OIDC token (`id-token: write`)'],
    todo: [
      paragraph(['Add this to the job:']),
      yaml(PERMISSIONS),
      ...list([
        [
          '`permissions` removes every permission that it does not list. Keep `contents: read` for `actions/checkout`, and add whatever else the job uses.',
        ],
        [
          'In a reusable workflow the calling job (`uses: .../workflow.yml`) must grant the permission as well.',
        ],
        ['In a composite action it is the job that uses the action.'],
        ...(onGithub
          ? []
          : [
              say`${host} is not github.com. GitHub Enterprise Server has its own issuer. If this host has none, use \`oidc-token-file\`, or \`access-key-id\` and \`access-key-secret\`.`,
            ]),
      ]),
    ],
    means: [
      paragraph([
        'GitHub gives OIDC tokens only to jobs with the permission `id-token: write`. Without it the runner sets neither `ACTIONS_ID_TOKEN_REQUEST_URL` nor `ACTIONS_ID_TOKEN_REQUEST_TOKEN`.',
      ]),
    ],
    anchor: ANCHOR,
  }
}

function forksPullRequest(): Diagnosis {
  return {
    fault: ['this run belongs to a pull request from a fork, which gets no OIDC token'],
    todo: [
      paragraph(['Skip the job, or this step, for pull requests from forks:']),
      yaml(SKIPS.fork),
      paragraph(['What needs Alibaba Cloud can run after the merge, on `push`.']),
    ],
    means: [
      paragraph([
        'Anyone can write the code of a fork, so the CI gives its pull requests neither OIDC tokens nor secrets. `permissions` do not change that.',
      ]),
    ],
    anchor: ANCHOR,
  }
}

function dependabot(): Diagnosis {
  return {
    fault: ['Dependabot started this run, and its runs get no OIDC token'],
    todo: [
      paragraph(["Skip the job, or this step, for Dependabot's runs:"]),
      yaml(SKIPS.dependabot),
      paragraph([
        'If the run needs Alibaba Cloud, create an access key of a RAM user with few permissions, store it as Dependabot secrets (Settings, Secrets and variables, Dependabot), and use it in `access-key-id` and `access-key-secret`.',
      ]),
    ],
    means: [
      paragraph([
        'GitHub treats runs that Dependabot starts like those of a fork: they get no OIDC token and none of the secrets of Actions.',
      ]),
    ],
    anchor: ANCHOR,
  }
}

function forgejo(): Diagnosis {
  return {
    fault: ['the job has not enabled OpenID Connect (`enable-openid-connect: true`)'],
    todo: [
      paragraph(['Add this to the workflow or to the job (Forgejo 15 or later):']),
      yaml('enable-openid-connect: true'),
      ...list([
        [
          'In RAM the issuer URL of the OIDC provider is that of the Forgejo instance, followed by `/api/actions`. RAM must be able to reach it from the internet.',
        ],
        ['For an older Forgejo, use `access-key-id` and `access-key-secret` instead of `oidc-provider-arn`.'],
      ]),
    ],
    means: [
      paragraph([
        'Forgejo sets `ACTIONS_ID_TOKEN_REQUEST_URL` and `ACTIONS_ID_TOKEN_REQUEST_TOKEN` only for jobs that ask for them. It ignores `permissions`.',
      ]),
    ],
    anchor: ANCHOR,
  }
}

function runnerWithoutIssuer(run: RunContext): Diagnosis {
  const host = hostOf(run)
  const name: Prose = [run.runner === 'act' ? 'act' : "Gitea's runner"]
  const server = host === undefined || host === 'github.com' ? [] : say` (for ${host})`
  return {
    fault: say`${name}${server} has no OIDC issuer`,
    todo: list([
      ['Use an access key: `access-key-id` and `access-key-secret` instead of `oidc-provider-arn`.'],
      [
        'If something else on the machine issues OIDC tokens, write one to a file and set `oidc-token-file` to its path, next to `oidc-provider-arn`.',
      ],
    ]),
    means: [
      paragraph([
        "act and Gitea run GitHub's workflows, but do not set `ACTIONS_ID_TOKEN_REQUEST_URL`: there is nobody to ask for a token, whatever the `permissions`.",
      ]),
    ],
    anchor: ANCHOR,
  }
}

function issuerRefused(error: OidcTokenError): Diagnosis {
  const { status, text } = error
  return {
    fault: say`the OIDC issuer refused to issue a token (status ${status ?? 'unknown'})`,
    said: text,
    todo: list([
      ['If the job has run for hours: run this step earlier, or split the job.'],
      [
        'Otherwise check that the job has `id-token: write`, that the calling job of a reusable workflow grants it too, and that the issuer allows this `audience`.',
      ],
    ]),
    means: [paragraph(meaningOfStatus(status))],
    anchor: ANCHOR,
  }
}

function meaningOfStatus(status: number | undefined): Prose {
  if (status === 401)
    return [
      "The issuer does not accept this job's request token. GitHub's are valid for about six hours, and a job gets no second one.",
    ]
  if (status === 403)
    return [
      'The issuer knows the job, but does not give it a token: the permissions of the job, or a rule of the organisation or enterprise, forbid it.',
    ]
  return ['The issuer does not accept the request as it is.']
}

function withoutTls(error: OidcTokenError): Diagnosis {
  return {
    fault: error.text,
    todo: [
      paragraph([
        "Give the server that runs the workflows an https URL (Forgejo's and Gitea's `ROOT_URL`): RAM accepts only issuers with https anyway.",
      ]),
    ],
    means: [],
    anchor: ANCHOR,
  }
}

function tokenFile(error: OidcTokenError): Diagnosis {
  return {
    fault: error.text,
    todo: list([
      [
        'Check that `oidc-token-file` is the path as this job sees it: a job in a container has other paths than its host.',
      ],
      [
        "Check that the program which writes the file has run before this step, that it writes the JWT alone, and that the runner's user can read it.",
      ],
      [
        'In ACK only pods with RRSA injection have the file: `/var/run/secrets/ack.alibabacloud.com/rrsa-tokens/token`.',
      ],
    ]),
    means: [],
    anchor: ANCHOR,
  }
}

function hostOf({ serverUrl }: RunContext): string | undefined {
  return serverUrl !== undefined && URL.canParse(serverUrl) ? new URL(serverUrl).host : undefined
}
