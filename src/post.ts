/** The entry of the post step. */
import { createRunner } from './runner/runner.js'
import { undo } from './cleanup.js'

void undo(createRunner(process.env))
