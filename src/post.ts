/** The entry of the post step. */
import { cleanUp } from './cleanup.js'
import { endAfter } from './runner/process-end.js'
import { createRunner } from './runner/runner.js'

endAfter(cleanUp(createRunner(process.env), process.env))
