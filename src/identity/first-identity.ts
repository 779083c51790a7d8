/** The first identity: who calls STS for the first role, or whose session is passed on as it is. */
import type { Source } from '../inputs/inputs.js'
import type { RetryPolicy } from '../net/retry.js'
import type { Prose } from '../text/prose.js'
import type { AccessKey } from './credentials.js'
import { instanceSession } from './ecs-ram-role.js'
import { tokenFromIssuer, type Issuer } from './oidc-issuer.js'
import { tokenFromFile } from './oidc-token-file.js'
import type { OidcTokenSource } from './oidc-token.js'

/** An OIDC token that can be had, or a key. */
export type FirstIdentity =
  | { readonly by: 'oidc'; readonly token: OidcTokenSource; readonly providerArn: string }
  | { readonly by: 'key'; readonly key: AccessKey; readonly expiration: string | undefined }

/** What fetching the first identity needs besides the inputs. */
export interface Surroundings {
  readonly issuer: Issuer
  readonly onlyHardenedMetadata: boolean
  readonly policy: RetryPolicy
  /** Called with each secret before anything else is done with it. */
  readonly mask: (secret: string) => void
  readonly warn: (text: Prose) => void
  /**
   * Called with each OIDC token: a denial is explained by the claims of the token that was denied.
   */
  readonly onToken: (token: string) => void
}

/**
 * Gets the first identity from its source. An OIDC token is fetched only when it is used.
 *
 * @throws InstanceRoleError, SessionRejectedError
 */
export async function firstIdentity(source: Source, surroundings: Surroundings): Promise<FirstIdentity> {
  const { issuer, policy, mask, warn, onToken } = surroundings
  switch (source.kind) {
    case 'oidc': {
      const token =
        source.tokenFile === undefined
          ? tokenFromIssuer(issuer, source.audience, policy, mask)
          : tokenFromFile(source.tokenFile, mask, warn)
      return { by: 'oidc', token: withTokenCapture(token, onToken), providerArn: source.providerArn }
    }
    case 'access-key':
    case 'environment':
      return { by: 'key', key: source.key, expiration: undefined }
    case 'ecs-ram-role':
      return { by: 'key', ...(await instanceSession(surroundings.onlyHardenedMetadata, policy, mask)) }
  }
}

function withTokenCapture(source: OidcTokenSource, onToken: (token: string) => void): OidcTokenSource {
  return async (fresh) => {
    const token = await source(fresh)
    onToken(token)
    return token
  }
}
