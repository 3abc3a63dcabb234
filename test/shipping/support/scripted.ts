import { once } from 'node:events'
import type { Destination } from '../../../src/shipping/destination.ts'
import type { Verdict } from '../../../src/shipping/preset.ts'
import type { Shipped } from '../../../src/shipping/shipped.ts'

/** What a scripted destination does with a request. */
export type Act =
  | Verdict
  /** Rejects, as a connection that is refused. */
  | 'network'
  /** Never answers; it does not listen to the signal either. */
  | 'hang'
  /** Takes all, and the answer gets lost. */
  | 'lost answer'

export interface Scripted extends Destination {
  /** What is to be done with the coming requests, one each; then all are delivered. */
  readonly script: (Act | ((records: readonly Shipped[]) => Act | Promise<Act>))[]
  /** What is done with requests that the script says nothing of. */
  always: Act | ((records: readonly Shipped[]) => Act | Promise<Act>)
  /** The ids of each request. */
  readonly requests: string[][]
  /** The ids of what it has, each time that it got it. */
  readonly stored: string[]
  readonly mostInFlight: number
  readonly closed: boolean
}

export const DELIVERED: Verdict = { kind: 'delivered' }

export function scripted(
  options: Partial<Destination> & { readonly script?: Scripted['script'] } = {},
): Scripted {
  const requests: string[][] = []
  const stored: string[] = []
  const script = options.script ?? []
  let inFlight = 0
  let mostInFlight = 0
  let closed = false

  function store(records: readonly Shipped[], verdict: Verdict) {
    if (verdict?.kind === 'delivered') stored.push(...records.map(({ id }) => id))
    if (verdict?.kind !== 'partly' || !Array.isArray(verdict.retry ?? [])) return
    const not = new Set([...(verdict.retry ?? []), ...(verdict.refused ?? []).map(({ index }) => index)])
    stored.push(...records.filter((_, index) => !not.has(index)).map(({ id }) => id))
  }

  const made: Scripted = {
    name: 'backend',
    maxBytes: 1024 * 1024,
    maxCount: 1000,
    concurrency: 1,
    ...options,
    script,
    always: DELIVERED,
    requests,
    stored,
    async send(records, signal) {
      requests.push(records.map(({ id }) => id))
      mostInFlight = Math.max(mostInFlight, ++inFlight)
      try {
        const next = script.length > 0 ? script.shift() : made.always
        const act = (typeof next === 'function' ? await next(records) : next) as Act
        if (act === 'hang') await once(signal, 'abort')
        if (act === 'hang') return new Promise(() => {})
        if (act === 'network')
          throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
        store(records, act === 'lost answer' ? DELIVERED : act)
        if (act === 'lost answer') throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })
        return act
      } finally {
        inFlight--
      }
    },
    async close() {
      closed = true
    },
    get mostInFlight() {
      return mostInFlight
    },
    get closed() {
      return closed
    },
  }
  return made
}
