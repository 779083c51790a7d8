import { join } from 'node:path'
import shared from '../../jest.config.mjs'

// Workflows as users write them, run by act. Apart from the suite at the top, which needs Node
// only.
export default {
  ...shared,
  rootDir: join(import.meta.dirname, '../..'),
  roots: [import.meta.dirname],
  globalSetup: join(import.meta.dirname, 'install.mjs'),
  // A workflow of three jobs, each of which waits for processes, on a busy machine.
  testTimeout: 60_000,
}
