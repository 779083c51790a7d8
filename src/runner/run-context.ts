/** What the CI says about this run: the toolkit's context, read without its side effects. */
import { statSync } from 'node:fs'
// The package's entry loads the whole of octokit with it, and the package exports no other way to
// this file.
import { Context } from '../../node_modules/@actions/github/lib/context.js'

/** The run that this step belongs to; undefined is what the CI does not say. */
export interface RunContext {
  readonly owner: string | undefined
  readonly repo: string | undefined
  readonly runId: string | undefined
  /** `push`, `pull_request`, ... */
  readonly eventName: string | undefined
  readonly ref: string | undefined
  readonly actor: string | undefined
  /** `https://github.com`, or another host that runs workflows. */
  readonly serverUrl: string | undefined
  /** Which kind of runner this is, by its own variables. */
  readonly runner: 'github' | 'forgejo' | 'gitea' | 'act'
  /** The `owner/repo` of this action in `uses`; undefined for an action of the same repository. */
  readonly actionRepository: string | undefined
  /** The tag, branch or commit of this action in `uses`. */
  readonly actionRef: string | undefined
  /** Reads the event that triggered the run; undefined if there is none that can be read. */
  readonly event: () => unknown
}

/**
 * Forgejo's runner descends from Gitea's, and both from act: the variables of the ancestors may be
 * set too.
 */
const RUNNERS = [
  ['FORGEJO_ACTIONS', 'forgejo'],
  ['GITEA_ACTIONS', 'gitea'],
  ['ACT', 'act'],
] as const

/** Reads the variables, not the event, which is read when it is needed. */
export function readRunContext(variables: Readonly<NodeJS.ProcessEnv>): RunContext {
  const value = (name: string): string | undefined => variables[name] || undefined
  const [context, repository] = withEnvironment({ ...variables, GITHUB_EVENT_PATH: undefined }, () => {
    const read = new Context()
    return [read, value('GITHUB_REPOSITORY') === undefined ? undefined : read.repo] as const
  })
  return {
    owner: repository?.owner || value('GITHUB_REPOSITORY_OWNER'),
    repo: repository?.repo || undefined,
    runId: Number.isNaN(context.runId) ? undefined : String(context.runId),
    eventName: context.eventName || undefined,
    ref: context.ref || undefined,
    actor: context.actor || undefined,
    serverUrl: context.serverUrl || undefined,
    runner: RUNNERS.find(([name]) => value(name) !== undefined)?.[1] ?? 'github',
    actionRepository: value('GITHUB_ACTION_REPOSITORY'),
    actionRef: value('GITHUB_ACTION_REF'),
    event: () => readEvent(variables),
  }
}

/** GitHub's own limit for an event is 25 MB. */
const LARGEST_EVENT = 32 * 1024 * 1024

/**
 * Read only if the step fails: an event may have megabytes. The context would print a line if there
 * is no file.
 */
function readEvent(variables: Readonly<NodeJS.ProcessEnv>): unknown {
  try {
    const file = statSync(variables.GITHUB_EVENT_PATH ?? '')
    if (!file.isFile() || file.size > LARGEST_EVENT) return undefined
    return withEnvironment(variables, () => new Context().payload)
  } catch {
    return undefined
  }
}

/** The context knows no other place than `process.env`, and this step reads that once only. */
function withEnvironment<T>(variables: Readonly<NodeJS.ProcessEnv>, read: () => T): T {
  const { env } = process
  process.env = { ...variables }
  try {
    return read()
  } finally {
    process.env = env
  }
}
