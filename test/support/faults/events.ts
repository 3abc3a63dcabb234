import { EventEmitter } from 'node:events'
import type { Fault } from './fault.ts'

/** Something that a fault proxy did or saw. */
export interface FaultEvent {
  /**
   * - connection: one was accepted
   * - request: its head was read and its fault chosen
   * - passed-on: the target has answered the request; over TCP: a connection to it is up
   * - fault: the fault was carried out; for hang and half-open: has begun
   * - gone: the client left before it had its answer
   * - target-failed: no answer from the target; the client's connection was reset
   * - refusing, accepting: the port was closed, opened again
   */
  readonly kind:
    | 'connection'
    | 'request'
    | 'passed-on'
    | 'fault'
    | 'gone'
    | 'target-failed'
    | 'refusing'
    | 'accepting'
  /** The number of the request; over TCP of the connection. */
  readonly request?: number | undefined
  readonly fault?: Fault['kind'] | undefined
  /** What the target answered. */
  readonly status?: number | undefined
  /** How much of the body was read before a reset. */
  readonly bytes?: number | undefined
}

/** What happened so far, in order, and what will. */
export interface EventLog {
  readonly events: readonly FaultEvent[]
  add(event: FaultEvent): void
  /** How many events agree with all that is given. */
  count(wanted: Partial<FaultEvent>): number
  /** Resolves with the `count`th event that agrees, counted from the proxy's start, also if that was long ago. */
  happened(wanted: Partial<FaultEvent>, count?: number): Promise<FaultEvent>
}

export function createEventLog(): EventLog {
  const events: FaultEvent[] = []
  const emitter = new EventEmitter().setMaxListeners(0)
  const agreeing = (wanted: Partial<FaultEvent>) => events.filter((event) => agrees(event, wanted))
  return {
    events,
    add(event) {
      events.push(event)
      emitter.emit('event')
    },
    count: (wanted) => agreeing(wanted).length,
    happened: (wanted, count = 1) =>
      new Promise((resolve) => {
        const look = () => {
          const event = agreeing(wanted)[count - 1]
          if (event === undefined) return
          emitter.off('event', look)
          resolve(event)
        }
        emitter.on('event', look)
        look()
      }),
  }
}

function agrees(event: FaultEvent, wanted: Partial<FaultEvent>): boolean {
  return Object.entries(wanted).every(([key, value]) => event[key as keyof FaultEvent] === value)
}
