import { shared } from './shared.ts'

/**
 * Called at exit with how long has been waited, in ms, blocking: at first 0. True asks to be called again a
 * little later; who asks must come to an end by himself.
 */
export type ExitHook = (waitedMs: number) => unknown

interface ExitState {
  /** Called before the others, once. */
  readonly first: Set<ExitHook>
  readonly hooks: Set<ExitHook>
  exiting: boolean
  /** What all hooks together have waited: the wait is the process's, however many loggers it has. */
  waitedMs: number
}

// Steps and not a clock: one that a test has stopped would make this wait for ever.
const STEP_MS = 5

// At load and not with the first record, which may be one made in an exit handler.
const state = shared<ExitState>('exit', 3, () => {
  const made: ExitState = { first: new Set(), hooks: new Set(), exiting: false, waitedMs: 0 }
  // First in line, so that neither the records made in the service's own exit handlers nor what was buffered
  // before them depend on whether one of those handlers throws, which would end the emit.
  process.prependListener('exit', () => runExit(made))
  return made
})

function runExit(of: ExitState): void {
  of.exiting = true
  for (const hook of [...of.first]) wants(hook, of.waitedMs)
  let waiting = [...of.hooks].filter((hook) => wants(hook, of.waitedMs))
  while (waiting.length > 0) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STEP_MS)
    of.waitedMs += STEP_MS
    waiting = waiting.filter((hook) => wants(hook, of.waitedMs))
  }
}

function wants(hook: ExitHook, waitedMs: number): boolean {
  try {
    return hook(waitedMs) === true
  } catch {
    // The other hooks still have records to save, and nobody is left to tell.
    return false
  }
}

/**
 * Runs `hook` when the process (or the worker thread) exits: at process.exit, after an uncaught exception
 * or an unhandled rejection, and when there is nothing left to do. Not at a signal that nobody handles, an
 * abort or a SIGKILL. One `exit` listener serves the whole process.
 *
 * @returns a function that takes it back
 */
export function beforeExit(hook: ExitHook): () => void {
  state.hooks.add(hook)
  return () => {
    state.hooks.delete(hook)
  }
}

/**
 * The same for what still has records to hand to transports: before those see to their own, so that they wait for a
 * slow reader of these too.
 *
 * @returns a function that takes it back
 */
export function firstAtExit(hook: () => void): () => void {
  state.first.add(hook)
  return () => {
    state.first.delete(hook)
  }
}

/** Does now what is to be done at exit, for an end that 'exit' does not come before: a signal's. */
export function exitNow(): void {
  runExit(state)
}

/** True once 'exit' has begun: no timer and no event-loop turn will come, so everything is written at once. */
export function isExiting(): boolean {
  // Node's own flag too: whoever loads spoor in an exit handler has missed the event.
  return state.exiting || (process as { _exiting?: boolean })._exiting === true
}
