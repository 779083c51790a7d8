/** The entry of the step itself. */
import { readJobEnvironment } from './runner/job-environment.js'
import { createRunner } from './runner/runner.js'
import { run } from './step.js'

// The SDK calls url.parse while it builds its client, and Node 24 would say so in every user's log.
process.noDeprecation = true
// Libraries that are loaded later print requests, tokens and proxy URLs where the job sets DEBUG.
delete process.env.DEBUG
// Under NODE_DEBUG=http Node itself prints every header of every request to stderr, keys and signatures with them, and it read the variable
// before this line. This step has nothing of its own to say there.
if (process.env.NODE_DEBUG) process.stderr.write = () => true

void run(createRunner(process.env), readJobEnvironment(process.env, process.platform))
