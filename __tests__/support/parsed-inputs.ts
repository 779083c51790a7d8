import type { AccessKey } from '../../src/identity/credentials.js'
import { parseInputs, type Inputs } from '../../src/inputs/inputs.js'

/** Inputs as a run without anything special in its environment would parse them. */
export function parsedInputs(given: Readonly<Record<string, string>>, environmentKey?: AccessKey): Inputs {
  return parseInputs((name) => given[name], {
    defaultSessionName: 'GitHubActions-1',
    environmentKey,
    otherFaults: [],
    namesGiven: [],
    secrets: [],
  })
}
