/** The entry of the post step. */
import { cleanUp } from './cleanup.js'
import { createRunner } from './runner/runner.js'

void cleanUp(createRunner(process.env), process.env)
