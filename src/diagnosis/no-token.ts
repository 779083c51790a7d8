/** Why a job has no OIDC token, and what to do about it. */
import type { RunContext } from '../runner/run-context.js'
import type { OidcTokenError } from '../identity/oidc-token.js'
import { heading, list, paragraph, yaml, type Block } from '../text/document.js'
import { say, visible, type Prose } from '../text/prose.js'

const PERMISSIONS = `permissions:
  id-token: write
  contents: read`

/**
 * @param event the parsed event of the run
 * @returns the fault in a few words, and what explains it
 */
export function explainNoToken(
  error: OidcTokenError,
  run: RunContext,
  event: unknown,
): { fault: Prose; blocks: Block[] } {
  switch (error.code) {
    case 'no-issuer':
      if (run.notGithub) return otherRunner(run)
      if (run.actor === 'dependabot[bot]') return dependabot()
      if (isForksPullRequest(run.eventName, event)) return forksPullRequest()
      return missingPermission(run)
    case 'issuer-without-tls':
      return withoutTls(error)
    case 'issuer-refused':
      return refused(error)
    case 'token-file':
      return tokenFile(error)
  }
}

function missingPermission(run: RunContext): { fault: Prose; blocks: Block[] } {
  const host = hostOf(run)
  const onGithub = host === undefined || host === 'github.com' || host.endsWith('.ghe.com')
  return {
    fault: say`the job has no permission to ask for an OIDC token (\`id-token: write\`)`,
    blocks: [
      heading('What it means'),
      paragraph(
        say`GitHub hands out OIDC tokens only to jobs that may write \`id-token\`. Without it the runner sets neither \`ACTIONS_ID_TOKEN_REQUEST_URL\` nor \`ACTIONS_ID_TOKEN_REQUEST_TOKEN\`.`,
      ),
      heading('What to do'),
      paragraph(say`Add this to the job, or to the top of the workflow:`),
      yaml(PERMISSIONS),
      ...list([
        say`\`permissions\` takes away every permission that it does not list, so \`contents: read\` (for \`actions/checkout\`) and whatever else the job uses must be there too.`,
        say`In a reusable workflow the job that calls it (\`uses: .../workflow.yml\`) must grant the permission as well.`,
        say`In a composite action it is the job that uses the action.`,
        ...(onGithub
          ? []
          : [
              say`${host} is not github.com. GitHub Enterprise Server has an issuer of its own; where this host is something else and has none, see \`oidc-token-file\`, or use \`access-key-id\` and \`access-key-secret\`.`,
            ]),
      ]),
    ],
  }
}

function forksPullRequest(): { fault: Prose; blocks: Block[] } {
  return {
    fault: say`this run belongs to a pull request from a fork, and GitHub gives those no OIDC token`,
    blocks: [
      heading('What it means'),
      paragraph(
        say`The code of a fork is not the repository's own, so GitHub withholds OIDC tokens and secrets from it. No \`permissions\` change that.`,
      ),
      heading('What to do'),
      paragraph(say`Let the job, or this step, pass over pull requests from forks:`),
      yaml(
        "if: github.event_name != 'pull_request' || github.event.pull_request.head.repo.full_name == github.repository",
      ),
      paragraph(say`What needs Alibaba Cloud can run after the merge, on \`push\`.`),
    ],
  }
}

function dependabot(): { fault: Prose; blocks: Block[] } {
  return {
    fault: say`Dependabot started this run, and GitHub gives its runs no OIDC token`,
    blocks: [
      heading('What it means'),
      paragraph(
        say`Runs that Dependabot starts are treated as those of a fork: no OIDC token, and none of the secrets of Actions.`,
      ),
      heading('What to do'),
      paragraph(say`Let the job, or this step, pass over Dependabot's runs:`),
      yaml("if: github.actor != 'dependabot[bot]'"),
      paragraph(
        say`Where the run needs Alibaba Cloud, give it an access key of a RAM user that may do little, as Dependabot secrets (Settings, Secrets and variables, Dependabot), in \`access-key-id\` and \`access-key-secret\`.`,
      ),
    ],
  }
}

function otherRunner(run: RunContext): { fault: Prose; blocks: Block[] } {
  const host = hostOf(run)
  const where =
    host === undefined || host === 'github.com'
      ? say`the runner is not GitHub's own (act, for one)`
      : say`the runner is not GitHub's own (it works for ${host})`
  return {
    fault: say`${where} and has no OIDC issuer`,
    blocks: [
      heading('What it means'),
      paragraph(
        say`act, Gitea and Forgejo run GitHub's workflows. Where they set no \`ACTIONS_ID_TOKEN_REQUEST_URL\` they have no token to give, and \`permissions\` do not matter.`,
      ),
      heading('What to do'),
      ...list([
        say`Use an access key: \`access-key-id\` and \`access-key-secret\`, in place of \`oidc-provider-arn\`.`,
        say`Or, where something else on the machine issues OIDC tokens, put one into a file and name it in \`oidc-token-file\`, beside \`oidc-provider-arn\`.`,
      ]),
    ],
  }
}

function refused({ message, status }: OidcTokenError): { fault: Prose; blocks: Block[] } {
  return {
    fault: say`the OIDC issuer refused to issue a token (status ${status ?? 'unknown'})`,
    blocks: [
      paragraph(say`${message}.`),
      heading('What it means'),
      paragraph(
        status === 401
          ? say`The issuer does not accept the request token of this job. GitHub's are good for about six hours, and then not again for this job.`
          : status === 403
            ? say`The issuer knows the job and does not let it have a token. The job's \`permissions\`, or a rule of the organisation or enterprise, forbid it.`
            : say`The issuer does not take the request as it is.`,
      ),
      heading('What to do'),
      ...list([
        say`In a job that has run for hours: run this step earlier, or split the job.`,
        say`Otherwise see that the job has \`id-token: write\`, that a caller of a reusable workflow grants it too, and that \`audience\` is what the issuer allows.`,
      ]),
    ],
  }
}

function withoutTls({ text }: OidcTokenError): { fault: Prose; blocks: Block[] } {
  return {
    fault: say`${text}`,
    blocks: [
      heading('What to do'),
      paragraph(
        say`RAM accepts issuers with https only, so give the server that runs the workflows an https URL (Forgejo's and Gitea's \`ROOT_URL\`).`,
      ),
    ],
  }
}

function tokenFile({ message }: OidcTokenError): { fault: Prose; blocks: Block[] } {
  return {
    fault: say`${message.replace(/^oidc-token-file: /, 'the token file ')}`,
    blocks: [
      heading('What to do'),
      ...list([
        say`See that \`oidc-token-file\` names the file as this job sees it: a job in a container has other paths than its host.`,
        say`See that whatever writes the file has run before this step, that it writes the JWT alone, and that the runner's user may read it.`,
        say`In ACK the file is there only in pods to which RRSA is injected: \`/var/run/secrets/ack.alibabacloud.com/rrsa-tokens/token\`.`,
      ]),
    ],
  }
}

/**
 * Whether the run belongs to a pull request whose code is another repository's. `pull_request_target` runs the base's code, with tokens.
 * A fork that has been deleted is null in the event. The flag `fork` alone is no sign: a repository that is a fork has pull requests of its own.
 */
function isForksPullRequest(eventName: string | undefined, event: unknown): boolean {
  if (eventName === undefined || !/^pull_request(_review|_review_comment)?$/.test(eventName)) return false
  const pullRequest = field(event, 'pull_request')
  const head = field(field(pullRequest, 'head'), 'repo')
  if (head === null) return true
  const [headName, baseName] = [
    field(head, 'full_name'),
    field(field(field(pullRequest, 'base'), 'repo'), 'full_name'),
  ]
  if (typeof headName !== 'string' || typeof baseName !== 'string') return field(head, 'fork') === true
  return headName.toLowerCase() !== baseName.toLowerCase()
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined
}

function hostOf({ serverUrl }: RunContext): string | undefined {
  return serverUrl !== undefined && URL.canParse(serverUrl) ? visible(new URL(serverUrl).host) : undefined
}
