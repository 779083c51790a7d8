/** What each source of the first identity is called in texts for people. */
import type { Source } from '../inputs/inputs.js'
import { say, type Prose } from '../text/prose.js'

/** Completes "Source: " and "Caller: ". */
export function sourceLabel(source: Source): Prose {
  switch (source.kind) {
    case 'oidc':
      return source.tokenFile === undefined
        ? ['the OIDC token of this job']
        : say`the OIDC token in ${source.tokenFile}`
    case 'access-key':
      return ['the access key of the inputs']
    case 'environment':
      return ["the key in the job's environment"]
    case 'ecs-ram-role':
      return ["the instance's RAM role"]
  }
}
