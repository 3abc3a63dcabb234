import { AsyncResource } from 'node:async_hooks'
import timers from 'node:timers'

// Taken once, so that neither a test that replaces the global timers nor one that replaces the module's
// (node:test's mock.timers does both) stops the flush.
const { setImmediate, setTimeout } = timers
export const { clearTimeout } = timers

const realNow = performance.now
const clock = performance

/** Milliseconds of a clock that nobody sets, and that no test stops. */
export function monotonicNow(): number {
  return realNow.call(clock)
}

// What is armed while a request is served would keep the request's scope alive, and a stream that makes its
// connection at its first write would keep it for good. It costs about 100 ns.
const outside = new AsyncResource('spoor', { requireManualDestroy: true })

/** Runs `act` in no request's scope. */
export function outsideScopes<T>(act: () => T): T {
  return outside.runInAsyncScope(act)
}

/** Runs `act` at the end of the event-loop turn, in no request's scope. */
export function atEndOfTurn(act: () => void): void {
  outside.runInAsyncScope(setImmediate as (act: () => void) => unknown, undefined, act)
}

// Node takes a longer one for 1 ms. Whoever asked for more is early, once in 24 days.
const LONGEST_MS = 2 ** 31 - 1

/** Runs `act` after `ms`, at most 24 days, in no request's scope. */
export function after(ms: number, act: () => void): NodeJS.Timeout {
  const arm = setTimeout as (act: () => void, ms: number) => NodeJS.Timeout
  return outside.runInAsyncScope(arm, undefined, act, Math.min(ms, LONGEST_MS))
}
