/** The entry of the post step. */
import { cleanUp } from './cleanup.js'
import { muteNodeDebug } from './runner/node-debug.js'
import { endAfter } from './runner/process-end.js'
import { createRunner } from './runner/runner.js'

muteNodeDebug()

endAfter(cleanUp(createRunner(process.env), process.env))
