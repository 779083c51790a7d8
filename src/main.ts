/** The entry of the step itself. */
import { createRunner } from './runner.js'
import { run } from './step.js'

// The SDK calls url.parse while it builds its client, and Node 24 would say so in every user's log.
process.noDeprecation = true
// Libraries that are loaded later print requests, tokens and proxy URLs where the job sets DEBUG.
delete process.env.DEBUG

void run(createRunner(process.env), process.env)
