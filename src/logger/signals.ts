import { exitNow } from '../config/exit.ts'
import { shared } from '../config/shared.ts'
import { endAllLives } from './lifecycle.ts'

const SIGNALS = ['SIGTERM', 'SIGINT'] as const

interface SignalState {
  /** What is to be flushed; each copy of spoor in the process adds its own. */
  readonly flushes: Set<() => void>
  readonly ends: Set<(reason: string) => void>
  installed: boolean
}

const state = shared<SignalState>('signals', 1, () => ({
  flushes: new Set(),
  ends: new Set(),
  installed: false,
}))

/**
 * LOG_SIGNALS=flush: at SIGTERM and SIGINT everything is flushed synchronously, then the signal does what it
 * would have done without us: it ends the process where nobody else listens, and is left to whoever does.
 *
 * @returns a function that takes `flush` back; the listeners stay
 */
export function flushOnSignals(flush: () => void): () => void {
  state.flushes.add(flush)
  state.ends.add(endAllLives)
  if (!state.installed) {
    state.installed = true
    for (const signal of SIGNALS) process.on(signal, onSignal)
  }
  return () => {
    state.flushes.delete(flush)
  }
}

export type ReopenSignal = 'SIGHUP' | 'SIGUSR2'

/**
 * LOG_REOPEN_SIGNAL: at that signal files are opened anew, as logrotate's `postrotate` asks of daemons. The
 * listener also keeps the signal from ending the process, which is what SIGHUP and SIGUSR2 do otherwise.
 *
 * @returns a function that takes it back
 */
export function reopenOnSignal(signal: ReopenSignal, reopen: () => void): () => void {
  process.on(signal, reopen)
  return () => {
    process.off(signal, reopen)
  }
}

function onSignal(signal: NodeJS.Signals): void {
  const last = process.listenerCount(signal) === 1
  if (last) each(state.ends, (end) => end(signal))
  each(state.flushes, (flush) => flush())
  if (!last) return
  // What a slow reader has not taken yet is waited for as at any other exit, and told where it is given up.
  exitNow()
  process.removeListener(signal, onSignal)
  process.kill(process.pid, signal)
}

function each<T>(all: Iterable<T>, act: (one: T) => void): void {
  for (const one of all) {
    try {
      act(one)
    } catch {
      // The others still have records to save.
    }
  }
}
