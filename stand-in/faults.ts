/**
 * What goes wrong with one request. Unless said otherwise, the service does not even look at
 * the request.
 */
export type Fault =
  /** A refusal in STS's own error body; `fields` are added to it, `headers` to the response. */
  | {
      readonly kind: 'error'
      readonly status: number
      readonly code: string
      readonly message?: string
      readonly fields?: Readonly<Record<string, unknown>>
      readonly headers?: Readonly<Record<string, string>>
    }
  /** Any response at all: HTML, an empty body, `{}`, a redirect, `Retry-After`. */
  | {
      readonly kind: 'response'
      readonly status: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: string
    }
  /**
   * The true answer with some of its fields changed, whatever their type: `{
   * 'Credentials.Expiration': 7 }`. Undefined takes a field away.
   */
  | { readonly kind: 'fields'; readonly fields: Readonly<Record<string, unknown>> }
  /**
   * A TCP reset, once the request has been read: before anything is answered, or after half of the
   * true answer's body.
   */
  | { readonly kind: 'reset'; readonly when: 'before-response' | 'mid-response' }
  /** No answer, ever. The connection stays open. */
  | { readonly kind: 'hang' }
  /** The true answer, so much later. */
  | { readonly kind: 'delay'; readonly milliseconds: number }
  /** The true answer under a Date header that is so far from the truth. */
  | { readonly kind: 'date'; readonly skewSeconds: number }

export interface FaultOptions {
  /** How many requests meet the fault. Default 1. */
  readonly times?: number
  /**
   * Only requests for this action meet it (`AssumeRole`; for the issuer `IdToken`, `Discovery`,
   * `Jwks`). Default: any request.
   */
  readonly action?: string
}

export interface FaultQueue {
  readonly add: (fault: Fault, options?: FaultOptions) => void
  /** Takes the first fault that waits for a request of this action. */
  readonly take: (action: string | undefined) => Fault | undefined
  readonly clear: () => void
}

export function createFaultQueue(): FaultQueue {
  const waiting: { readonly fault: Fault; readonly action: string | undefined; left: number }[] = []
  return {
    add(fault, { times = 1, action } = {}) {
      if (!(times >= 1)) throw new RangeError(`A fault cannot happen ${times} times`)
      waiting.push({ fault, action, left: times })
    },
    take(action) {
      const index = waiting.findIndex((entry) => entry.action === undefined || entry.action === action)
      const entry = waiting[index]
      if (entry === undefined) return undefined
      entry.left -= 1
      if (entry.left === 0) waiting.splice(index, 1)
      return entry.fault
    },
    clear() {
      waiting.length = 0
    },
  }
}
