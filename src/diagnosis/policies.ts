/**
 * RAM policies that would accept a caller: documents as RAM's console takes them, for a person to
 * paste.
 */

/**
 * The role's trust policy for exactly this OIDC identity. RAM has the condition keys oidc:iss,
 * oidc:aud and oidc:sub, and no other.
 */
export function trustOfOidcToken(
  providerArn: string,
  token: { issuer: string; audiences: readonly string[]; subject: string },
): object {
  const [only, ...more] = token.audiences
  return policy({
    Effect: 'Allow',
    Action: 'sts:AssumeRole',
    Principal: { Federated: [providerArn] },
    Condition: {
      StringEquals: {
        'oidc:iss': token.issuer,
        'oidc:aud': more.length === 0 ? only : token.audiences,
        'oidc:sub': token.subject,
      },
    },
  })
}

/** What AssumeRole may require of both sides besides sts:AssumeRole. */
export interface Terms {
  readonly setsSourceIdentity: boolean
  readonly externalId: string | undefined
}

/**
 * The role's trust policy for a RAM user, for a role, or (`acs:ram::<account>:root`) for everyone
 * in an account who is allowed to assume it.
 */
export function trustOfCaller(callerArn: string, terms: Terms): object {
  return policy({
    Effect: 'Allow',
    Action: actions(terms),
    Principal: { RAM: [callerArn] },
    ...(terms.externalId === undefined
      ? {}
      : { Condition: { StringEquals: { 'sts:ExternalId': terms.externalId } } }),
  })
}

/** The caller's own policy. */
export function permissionToAssume(roleArn: string, terms: Terms): object {
  return policy({ Effect: 'Allow', Action: actions(terms), Resource: roleArn })
}

function actions({ setsSourceIdentity }: Terms): string | string[] {
  return setsSourceIdentity ? ['sts:AssumeRole', 'sts:SetSourceIdentity'] : 'sts:AssumeRole'
}

function policy(statement: object): object {
  return { Version: '1', Statement: [statement] }
}
