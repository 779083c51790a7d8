/** What the CI says about this run, in its environment. */
export interface RunContext {
  readonly owner: string | undefined
  readonly repo: string | undefined
  readonly runId: string | undefined
  /** `push`, `pull_request`, ... */
  readonly eventName: string | undefined
  readonly eventPath: string | undefined
  readonly ref: string | undefined
  readonly actor: string | undefined
  /** `https://github.com`, or another host that runs workflows. */
  readonly serverUrl: string | undefined
  /** True where act runs the workflow, Gitea's or Forgejo's runner too. */
  readonly notGithub: boolean
}

export function readRunContext(env: Readonly<Record<string, string | undefined>>): RunContext {
  const value = (name: string): string | undefined => env[name] || undefined
  const [owner, repo] = value('GITHUB_REPOSITORY')?.split('/') ?? []
  return {
    owner: owner || value('GITHUB_REPOSITORY_OWNER'),
    repo: repo || undefined,
    runId: value('GITHUB_RUN_ID'),
    eventName: value('GITHUB_EVENT_NAME'),
    eventPath: value('GITHUB_EVENT_PATH'),
    ref: value('GITHUB_REF'),
    actor: value('GITHUB_ACTOR'),
    serverUrl: value('GITHUB_SERVER_URL'),
    notGithub: ['ACT', 'GITEA_ACTIONS', 'FORGEJO_ACTIONS'].some((name) => value(name) !== undefined),
  }
}
