/** The entry of the post step. */
import { createRunner } from './runner.js'
import { undo } from './undo.js'

void undo(createRunner(process.env))
