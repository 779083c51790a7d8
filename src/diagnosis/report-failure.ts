/** A failure of the step becomes its one error, in the log and in the job's summary. */
import { textOf } from '../errors/action-error.js'
import { InputError } from '../inputs/fault.js'
import type { Inputs } from '../inputs/inputs.js'
import { onceWithin } from '../net/retry.js'
import type { JobEnvironment } from '../runner/job-environment.js'
import type { Runner } from '../runner/runner.js'
import type { CallerIdentity } from '../sts/answers.js'
import type { StsClient } from '../sts/client.js'
import { AssumeRoleError } from '../sts/role-chain.js'
import { list, type Block } from '../text/document.js'
import { joined, plain, say } from '../text/prose.js'
import type { Explanation } from './explain.js'

/** What is known when the step fails. */
export interface FailureContext {
  readonly job: JobEnvironment
  /** Absent if the inputs are what is wrong. */
  readonly known?: {
    readonly inputs: Inputs
    readonly sts: StsClient
    /** The OIDC token last used; undefined if there was none. */
    readonly oidcToken: string | undefined
  }
}

/** Seconds; a question asked for the explanation alone must not hold it back. */
const IDENTIFY_TIMEOUT_SECONDS = 3

/** Makes the step fail, with an explanation if there is one. Never throws. */
export async function reportFailure(
  runner: Runner,
  failure: unknown,
  context: FailureContext,
): Promise<void> {
  let explanation: Explanation | undefined
  try {
    explanation = await explanationOf(runner, failure, context)
  } catch (unexplained) {
    // A fault of ours must not hide the user's.
    runner.debug(say`The failure could not be explained: ${textOf(unexplained)}`)
  }
  if (explanation === undefined) {
    runner.fail(['No Alibaba Cloud credentials'], textOf(failure))
    return
  }
  const { title, message, attachments, summary } = explanation
  if (attachments.length > 0) runner.group(['Details of the error below'], attachments)
  runner.fail(title, message)
  await runner.summary(summary)
}

async function explanationOf(
  runner: Runner,
  failure: unknown,
  { job, known }: FailureContext,
): Promise<Explanation> {
  // Loaded now: a run that succeeds does without.
  const [{ explainByOwnMessage, explain, wantsCaller }, { emptySecrets }, { readNodeSettings }] =
    await Promise.all([import('./explain.js'), import('./empty-secrets.js'), import('./node-settings.js')])
  const { run } = job
  const event = run.event()
  if (known === undefined) {
    if (!(failure instanceof InputError)) return explainByOwnMessage(failure, run)
    return explainByOwnMessage(failure, run, [], {
      todo: emptySecrets(runner.input, run, event),
      attachments: faultsLeftOut(failure),
    })
  }
  const { inputs, sts, oidcToken } = known
  const caller = wantsCaller(failure) ? await identifyCaller(failure, sts) : undefined
  const node = await readNodeSettings(job.variables, process.versions.node)
  return explain(failure, { inputs, run, node, event, oidcToken, caller })
}

/** All faults, if the error itself has no room for them. */
function faultsLeftOut({ faults, text }: InputError): Block[] {
  return plain(joined(faults, '')).length <= plain(text).length ? [] : list(faults)
}

/**
 * Whose key was refused; undefined if STS does not say so at once. One request, no retry, no word
 * in the log.
 */
async function identifyCaller(failure: unknown, sts: StsClient): Promise<CallerIdentity | undefined> {
  const caller = failure instanceof AssumeRoleError ? failure.caller : undefined
  if (caller === undefined) return undefined
  try {
    return await sts.getCallerIdentity(caller.key, onceWithin(IDENTIFY_TIMEOUT_SECONDS))
  } catch {
    return undefined
  }
}
