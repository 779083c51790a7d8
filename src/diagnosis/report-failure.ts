/** A failure of the step becomes its one error, in the log and in the job's summary. */
import { textOf } from '../errors/action-error.js'
import type { Inputs } from '../inputs/inputs.js'
import { onceWithin } from '../net/retry.js'
import type { RunContext } from '../runner/run-context.js'
import type { Runner } from '../runner/runner.js'
import type { CallerIdentity } from '../sts/answers.js'
import type { StsClient } from '../sts/client.js'
import { AssumeRoleError } from '../sts/role-chain.js'
import { say } from '../text/prose.js'
import type { Explanation } from './explain.js'

/** What a question that only the explanation asks may take. */
const EXPLANATION_SECONDS = 3

/** What is known when the step fails. */
export interface FailureContext {
  readonly run: RunContext
  readonly inputs: Inputs
  readonly sts: StsClient
  /** The OIDC token last used; undefined if there was none. */
  readonly oidcToken: string | undefined
}

/** Never throws. */
export async function reportFailure(
  runner: Runner,
  failure: unknown,
  context: FailureContext,
): Promise<void> {
  try {
    const { message, summary } = await explanationOf(failure, context)
    if (context.inputs.maskAccountId)
      for (const [, id] of `${message}\n${summary}`.matchAll(/(?:::|\baccount )(\d{5,})/g))
        runner.mask(id ?? '')
    await runner.summary(summary)
    runner.fail([message])
  } catch (unexplained) {
    // A fault of ours must not hide the user's.
    runner.debug(say`The failure could not be explained: ${textOf(unexplained)}`)
    runner.fail(textOf(failure))
  }
}

async function explanationOf(failure: unknown, context: FailureContext): Promise<Explanation> {
  // Loaded now: a run that succeeds does without.
  const { explain, wantsCaller } = await import('./explain.js')
  const { run, inputs, sts, oidcToken } = context
  const caller = wantsCaller(failure) ? await identifyCaller(failure, sts) : undefined
  return explain(failure, { inputs, run, event: run.event(), oidcToken, caller })
}

/** Whose key was refused; undefined if STS does not say either. */
async function identifyCaller(failure: unknown, sts: StsClient): Promise<CallerIdentity | undefined> {
  const caller = failure instanceof AssumeRoleError ? failure.caller : undefined
  if (caller === undefined) return undefined
  try {
    return await sts.getCallerIdentity(caller.key, onceWithin(EXPLANATION_SECONDS))
  } catch {
    return undefined
  }
}
