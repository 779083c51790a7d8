/** The entry of the step itself. */
import { readJobEnvironment } from './runner/job-environment.js'
import { muteNodeDebug } from './runner/node-debug.js'
import { endAfter } from './runner/process-end.js'
import { createRunner } from './runner/runner.js'
import { run } from './step.js'

// The SDK calls url.parse while it builds its client, and Node 24 would say so in every user's log.
process.noDeprecation = true
// Libraries that are loaded later print requests, tokens and proxy URLs if the job sets DEBUG.
delete process.env.DEBUG
// Certificates are verified whatever this says, and Node would warn that they are not.
delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
// Node cannot end while a name look-up is pending, and glibc's own bounds are 5 s and two attempts
// for each name server. One attempt will do, since the step retries. This must precede the first
// look-up.
process.env.RES_OPTIONS = `${process.env.RES_OPTIONS ?? ''} timeout:2 attempts:1`.trim()
muteNodeDebug()

endAfter(run(createRunner(process.env), readJobEnvironment(process.env, process.platform)))
