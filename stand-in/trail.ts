/** One request as it was read from the wire, and what became of it. */
export interface RecordedRequest {
  readonly service: 'sts' | 'issuer' | 'metadata' | 'oss'
  /** When it had been read, in milliseconds since the epoch, by the stand-in's clock. */
  readonly time: number
  /**
   * Counts the connections to this service from 1: two requests with one number shared a
   * connection.
   */
  readonly connection: number
  readonly method: string
  readonly path: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
  readonly form: Readonly<Record<string, string>>
  readonly action: string | undefined
  /** The key that the request names, genuine or not. */
  readonly accessKeyId: string | undefined
  /** The ARN of who signed it; undefined until the signature has been found genuine. */
  readonly caller: string | undefined
  /** The fault that it met. */
  readonly fault: string | undefined
  /** Undefined if nothing was answered. */
  readonly status: number | undefined
  /** STS's error code. */
  readonly code: string | undefined
  readonly requestId: string | undefined
}

/** A session that STS issued. */
export interface Assumption {
  readonly time: number
  readonly action: 'AssumeRole' | 'AssumeRoleWithOIDC'
  readonly roleArn: string
  readonly roleSessionName: string
  /** What holds for the session: the parameter, or STS's default. */
  readonly durationSeconds: number
  readonly policy: string | undefined
  readonly externalId: string | undefined
  /** What holds for the session: the parameter, or what the session before it carried. */
  readonly sourceIdentity: string | undefined
  /** The access key that signed; undefined for OIDC. */
  readonly signer: string | undefined
  /** The ARN of the signer, or the `sub` of the OIDC token. */
  readonly caller: string
  /** The access key that was issued. */
  readonly accessKeyId: string
}

/** While the service works on a request it fills in what it learns. */
export type OpenRecord = { -readonly [K in keyof RecordedRequest]: RecordedRequest[K] }

export interface Trail {
  readonly requests: readonly RecordedRequest[]
  readonly assumptions: readonly Assumption[]
  readonly addRequest: (record: RecordedRequest) => void
  readonly addAssumption: (assumption: Assumption) => void
  readonly forget: () => void
}

/**
 * @param limit how many entries of each kind are sure to be kept; older ones go, so that a long
 * benchmark does not fill the memory.
 */
export function createTrail(limit: number): Trail {
  const requests: RecordedRequest[] = []
  const assumptions: Assumption[] = []
  return {
    requests,
    assumptions,
    addRequest(record) {
      append(requests, record, limit)
    },
    addAssumption(assumption) {
      append(assumptions, assumption, limit)
    },
    forget() {
      requests.length = 0
      assumptions.length = 0
    },
  }
}

/**
 * Drops the older half only when the list is twice as long as promised, which keeps an append
 * cheap.
 */
function append<Entry>(list: Entry[], entry: Entry, limit: number): void {
  list.push(entry)
  if (list.length > 2 * limit) list.splice(0, list.length - limit)
}
