import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Destination } from '../destination.ts'
import type { Answer, PresetRequest, Verdict } from '../preset.ts'
import { at, bodyOf } from '../presets/answers.ts'
import { type SplunkOptions, splunkPreset } from '../presets/splunk.ts'
import type { Shipped } from '../shipped.ts'

/** Sends a request and reads the answer; rejects where there is none. */
export type Exchange = (request: PresetRequest, signal: AbortSignal) => Promise<Answer>

export interface SplunkAckOptions extends SplunkOptions {
  /** A UUID for this process. @default a random one */
  readonly channel?: string | undefined
  /** How requests are sent. */
  readonly exchange: Exchange
  /** First and longest pause between two questions whether a batch is indexed, in ms. @default [250, 5000] */
  readonly pollMs?: readonly [first: number, longest: number] | undefined
}

const ACK_IS_OFF = 14
// Keeping the records would only send them again and again: Splunk takes them each time.
const UNACKNOWLEDGED: Verdict = {
  kind: 'delivered',
  warning: 'indexer acknowledgement is off for this token: taken, but not known to be indexed',
}

/**
 * Splunk's HTTP Event Collector with indexer acknowledgement (docs: "About HTTP Event Collector Indexer
 * Acknowledgment"). A 200 alone means that Splunk has parsed the events; here they count as delivered once the
 * indexers have them. This takes more than one request, so it is a destination and no preset.
 *
 * The shipper's time-out covers the waiting too: give it some minutes. What is not acknowledged by then is sent again.
 * A token without acknowledgement gives what the preset gives, with a warning. A load balancer must send one channel's
 * requests to one instance.
 */
export function splunkAckDestination(options: SplunkAckOptions): Destination {
  const { exchange } = options
  const [firstMs, longestMs] = options.pollMs ?? [250, 5000]
  const channel = options.channel ?? randomUUID()
  const preset = splunkPreset({ ...options, channel })

  async function acknowledged(sent: PresetRequest, ackId: unknown, signal: AbortSignal): Promise<Verdict> {
    const request = { ...sent, url: ackUrl(sent.url), body: JSON.stringify({ acks: [ackId] }) }
    for (let waitMs = firstMs; ; waitMs = Math.min(waitMs * 2, longestMs)) {
      await pause(waitMs, undefined, { signal, ref: false })
      const body = bodyOf(await answerTo(request, signal))
      if (at(body, 'acks', String(ackId)) === true) return { kind: 'delivered' }
      if (at(body, 'code') === ACK_IS_OFF) return UNACKNOWLEDGED
    }
  }

  /** The events are sent: a question that got no answer is asked again, until the shipper's time-out. */
  async function answerTo(request: PresetRequest, signal: AbortSignal): Promise<Answer> {
    try {
      return await exchange(request, signal)
    } catch {
      return { status: 0, headers: {}, body: '' }
    }
  }

  return {
    name: 'splunk',
    maxBytes: preset.maxBytes,
    maxCount: preset.maxCount,
    concurrency: preset.concurrency,
    async send(records: readonly Shipped[], signal: AbortSignal): Promise<Verdict> {
      const request = preset.encode(records)
      const answer = await exchange(request, signal)
      const verdict = preset.judge(answer, records)
      if (verdict.kind !== 'delivered') return verdict
      const ackId = at(bodyOf(answer), 'ackId')
      return typeof ackId === 'number' ? acknowledged(request, ackId, signal) : UNACKNOWLEDGED
    },
  }
}

function ackUrl(url: string): string {
  const ack = new URL(url)
  ack.pathname = ack.pathname.replace(/\/services\/collector.*$/, '/services/collector/ack')
  return ack.href
}
