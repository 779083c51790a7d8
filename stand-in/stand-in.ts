import { createCertificates } from './certificates.js'
import { createIssuer, GITHUB_ISSUER } from './issuer.js'
import type { Claims, MintOptions } from './issuer.js'
import { listen } from './listener.js'
import type { End } from './listener.js'
import { createRam } from './ram.js'
import type { Ram, RamState } from './ram.js'
import { createSts } from './sts.js'
import type { Authentication, IssuedCredentials, SessionInput } from './sts.js'
import { createTrail } from './trail.js'
import type { Assumption, RecordedRequest } from './trail.js'

export interface StandInOptions {
  /** RAM's state to begin with. Default: empty. */
  readonly ram?: RamState
  /** Whether both services speak TLS, under a CA of their own. Default false. */
  readonly tls?: boolean
  /** Names that the certificates hold for beside 127.0.0.1, ::1 and localhost. */
  readonly hostNames?: readonly string[]
  /** The `iss` of the issuer's tokens. Default: that of github.com. */
  readonly issuer?: string
  /** An address of this machine, `::1` among them. Default 127.0.0.1. */
  readonly host?: string
  /** Default: free ports. */
  readonly stsPort?: number
  readonly issuerPort?: number
  /** The machine's clock, in milliseconds since the epoch. Default Date.now. */
  readonly clock?: () => number
  /** How many requests and how many assumptions are sure to be kept. Default 10,000 of each. */
  readonly keep?: number
}

export interface StandIn {
  readonly ram: Ram
  readonly sts: End
  readonly issuer: IssuerEnd
  /** Every request to either service, in the order in which they had been read. */
  readonly requests: readonly RecordedRequest[]
  /** Every session that STS gave out. */
  readonly assumptions: readonly Assumption[]
  /** Empties `requests` and `assumptions`. */
  readonly forget: () => void
  /** The test CA's certificate, PEM, for NODE_EXTRA_CA_CERTS; undefined without TLS. */
  readonly caFile: string | undefined
  /**
   * Lets everything that was issued (sessions, OIDC tokens) grow older by so many seconds. Request
   * timestamps and the Date header keep to the machine's clock, as though the client had aged
   * along.
   */
  readonly advanceClock: (seconds: number) => void
  /**
   * Puts the service's clock, by which it judges timestamps and writes the Date header, so many
   * seconds before (or, negative, behind) the machine's.
   */
  readonly setClockSkew: (seconds: number) => void
  /**
   * Lets the sessions of a role from now on end after so many seconds, whatever DurationSeconds was
   * asked for; undefined ends that.
   */
  readonly setSessionLifetime: (roleArn: string, seconds: number | undefined) => void
  /**
   * A session as if it had been assumed long ago by someone else: no request, no check of any
   * trust. Throws if there is no such role.
   */
  readonly issueSession: (session: SessionInput) => IssuedCredentials
  /** What STS makes of a key and its token, for other services that verify signatures. */
  readonly authenticate: (accessKeyId: string, token: string | undefined) => Authentication
  /**
   * Everything secret there is: keys' IDs and secrets, sessions, OIDC tokens, the issuer's request
   * token. Nobody may print one of these.
   */
  readonly secrets: () => readonly string[]
  /** Ends every connection and removes the CA's file. */
  readonly close: () => Promise<void>
}

export interface IssuerEnd extends End {
  readonly iss: string
  /** ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN of a job. */
  readonly requestUrl: string
  readonly requestToken: string
  /** Claims of every token from now on, over GitHub's usual ones. To be changed in place. */
  readonly claims: Claims
  /**
   * Makes a token without a request, of these claims over all others; a claim given as undefined is
   * left out.
   */
  readonly mint: (claims?: Claims, options?: MintOptions) => Promise<string>
}

/**
 * Starts a stand-in for Alibaba Cloud STS, with the RAM behind it, and for GitHub's OIDC issuer.
 */
export async function startStandIn(options: StandInOptions = {}): Promise<StandIn> {
  const { clock = Date.now, host = '127.0.0.1', keep = 10_000 } = options
  let aged = 0
  let skew = 0
  const wireNow = (): number => clock() + skew
  const issueNow = (): number => clock() + aged

  const { ram, directory } = createRam(options.ram)
  const trail = createTrail(keep)
  const issuer = await createIssuer(options.issuer ?? GITHUB_ISSUER, issueNow)
  const sts = createSts({ ram: directory, issuer, trail, wireNow, issueNow })

  const certificates = options.tls === true ? await createCertificates(options.hostNames ?? []) : undefined
  const common = { host, tls: certificates, trail, now: wireNow }
  const stsListener = await listen(sts.service, { ...common, port: options.stsPort ?? 0 })
  const issuerListener = await listen(issuer.service, { ...common, port: options.issuerPort ?? 0 })

  return {
    ram,
    sts: stsListener,
    issuer: {
      ...issuerListener,
      iss: issuer.iss,
      requestUrl: `${issuerListener.url}${issuer.requestPath}?api-version=2.0`,
      requestToken: issuer.requestToken,
      claims: issuer.claims,
      mint: issuer.mint,
    },
    requests: trail.requests,
    assumptions: trail.assumptions,
    forget: trail.forget,
    caFile: certificates?.caFile,
    advanceClock(seconds) {
      aged += seconds * 1000
    },
    setClockSkew(seconds) {
      skew = seconds * 1000
    },
    setSessionLifetime: sts.setSessionLifetime,
    issueSession: sts.issueSession,
    authenticate: sts.authenticate,
    secrets: () => [
      ...[...directory.keys()].flatMap(({ accessKeyId, accessKeySecret }) => [accessKeyId, accessKeySecret]),
      ...[...sts.issued()].flatMap(({ accessKeyId, accessKeySecret, securityToken }) => [
        accessKeyId,
        accessKeySecret,
        securityToken,
      ]),
      ...issuer.minted,
      issuer.requestToken,
    ],
    async close() {
      await Promise.all([stsListener.close(), issuerListener.close(), certificates?.remove()])
    },
  }
}
