import { randomUUID } from 'node:crypto'

import { createLocalJWKSet, exportJWK, generateKeyPair, SignJWT } from 'jose'
import type { JWTVerifyGetKey } from 'jose'

import type { Answer, Service, WireRequest } from './listener.js'
import { alphanumeric } from './ram.js'

/** Claims of a token; undefined leaves one out. */
export type Claims = Record<string, unknown>

export interface MintOptions {
  /** Sign with a key that the issuer has not published. */
  readonly stranger?: boolean
}

export interface Issuer {
  readonly iss: string
  /** Claims of every token from now on, over GitHub's usual ones. To be changed in place. */
  readonly claims: Claims
  /** The bearer token that a token request must show. */
  readonly requestToken: string
  readonly requestPath: string
  /** Makes a token, of these claims over all others. */
  readonly mint: (claims?: Claims, options?: MintOptions) => Promise<string>
  /** The tokens minted, the latest at least. */
  readonly minted: readonly string[]
  readonly keys: JWTVerifyGetKey
  readonly service: Service
}

/** GitHub's issuer on github.com. */
export const GITHUB_ISSUER = 'https://token.actions.githubusercontent.com'

const KEY_ID = 'cc413527-173f-5a05-976e-9c52b1d7b431'
const LIFETIME_SECONDS = 300

/** Enough for any test; a benchmark's thousands need not fill the memory. */
const KEPT_TOKENS = 200

const DEFAULT_CLAIMS = {
  sub: 'repo:octo-org/octo-repo:ref:refs/heads/main',
  aud: 'https://github.com/octo-org',
  ref: 'refs/heads/main',
  sha: '6dcb09b5b57875f334f61aebed695e2e4193db5e',
  repository: 'octo-org/octo-repo',
  repository_owner: 'octo-org',
  repository_owner_id: '65',
  run_id: '30433642',
  run_number: '562',
  run_attempt: '1',
  repository_visibility: 'private',
  repository_id: '74',
  actor_id: '12',
  actor: 'octocat',
  workflow: 'deploy',
  head_ref: '',
  base_ref: '',
  event_name: 'push',
  ref_protected: 'true',
  ref_type: 'branch',
  workflow_ref: 'octo-org/octo-repo/.github/workflows/deploy.yml@refs/heads/main',
  workflow_sha: '6dcb09b5b57875f334f61aebed695e2e4193db5e',
  job_workflow_ref: 'octo-org/octo-repo/.github/workflows/deploy.yml@refs/heads/main',
  job_workflow_sha: '6dcb09b5b57875f334f61aebed695e2e4193db5e',
  runner_environment: 'github-hosted',
}

/**
 * GitHub's OIDC issuer: signs RS256 tokens of five minutes for whoever shows the request token, and
 * publishes its keys.
 * @param now the time by which tokens are dated, in milliseconds since the epoch
 */
export async function createIssuer(iss: string, now: () => number): Promise<Issuer> {
  const signingKey = await ownKey()
  const jwks = {
    keys: [{ ...(await exportJWK(signingKey.publicKey)), kid: KEY_ID, use: 'sig', alg: 'RS256' }],
  }
  const claims: Claims = {}
  const requestToken = `eyJ0eXAiOiJKV1Qi.${alphanumeric(200)}.${alphanumeric(43)}`
  const requestPath = `/idtoken/${randomUUID()}/${randomUUID()}`

  const minted: string[] = []

  async function mint(override: Claims = {}, options: MintOptions = {}): Promise<string> {
    const issuedAt = Math.floor(now() / 1000)
    const payload = {
      jti: randomUUID(),
      ...DEFAULT_CLAIMS,
      iss,
      nbf: issuedAt - 600,
      exp: issuedAt + LIFETIME_SECONDS,
      iat: issuedAt,
      ...claims,
      ...override,
    }
    const token = await new SignJWT(payload)
      .setProtectedHeader({ typ: 'JWT', alg: 'RS256', kid: KEY_ID })
      .sign(options.stranger === true ? (await strangersKey()).privateKey : signingKey.privateKey)
    minted.push(token)
    if (minted.length > KEPT_TOKENS) minted.splice(0, KEPT_TOKENS / 2)
    return token
  }

  async function answerTokenRequest(request: WireRequest): Promise<Answer> {
    if (/^bearer (.*)$/i.exec(request.headers.authorization ?? '')?.[1] !== requestToken)
      return message(401, 'Unauthorized')
    const audience = request.query.find(([name]) => name === 'audience')?.[1]
    return json(200, {
      count: 1,
      value: await mint(
        audience === undefined ? {} : { aud: audience, ...('aud' in claims ? { aud: claims.aud } : {}) },
      ),
    })
  }

  const service: Service = {
    name: 'issuer',
    receive(request) {
      const action = request.method === 'GET' ? actionOf(request.path, requestPath) : undefined
      return {
        action,
        accessKeyId: undefined,
        answer() {
          switch (action) {
            case 'IdToken':
              return answerTokenRequest(request)
            case 'Discovery':
              return json(200, {
                issuer: iss,
                jwks_uri: `${iss}/.well-known/jwks`,
                subject_types_supported: ['public', 'pairwise'],
                response_types_supported: ['id_token'],
                claims_supported: [
                  'sub',
                  'aud',
                  'exp',
                  'iat',
                  'iss',
                  'jti',
                  'nbf',
                  ...Object.keys(DEFAULT_CLAIMS).slice(2),
                ],
                id_token_signing_alg_values_supported: ['RS256'],
                scopes_supported: ['openid'],
              })
            case 'Jwks':
              return json(200, jwks)
            case undefined:
              return message(404, 'Not found')
          }
        },
      }
    },
    refuse: (fault) => ({
      ...json(fault.status, { message: fault.message ?? fault.code, ...fault.fields }, fault.headers),
      code: fault.code,
    }),
  }

  return { iss, claims, requestToken, requestPath, mint, minted, keys: createLocalJWKSet(jwks), service }
}

// RSA keys take long to make: those of a process serve all its stand-ins.
const ownKey = once(() => generateKeyPair('RS256'))
const strangersKey = once(() => generateKeyPair('RS256'))

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => (made ??= make())
}

function actionOf(path: string, requestPath: string): 'IdToken' | 'Discovery' | 'Jwks' | undefined {
  switch (path) {
    case requestPath:
      return 'IdToken'
    case '/.well-known/openid-configuration':
      return 'Discovery'
    case '/.well-known/jwks':
      return 'Jwks'
    default:
      return undefined
  }
}

function message(status: number, text: string): Answer {
  return json(status, { message: text })
}

function json(status: number, content: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: JSON.stringify(content),
  }
}
