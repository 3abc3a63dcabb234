import { shared } from './shared.ts'

interface ExitState {
  readonly hooks: Set<() => void>
  exiting: boolean
}

function exitState(): ExitState {
  return shared('exit', 1, () => {
    const state: ExitState = { hooks: new Set(), exiting: false }
    // First in line, so that neither the records made in the service's own exit handlers nor what was buffered
    // before them depend on whether one of those handlers throws, which would end the emit.
    process.prependListener('exit', () => {
      state.exiting = true
      for (const hook of state.hooks) {
        try {
          hook()
        } catch {
          // The other hooks still have records to save, and nobody is left to tell.
        }
      }
    })
    return state
  })
}

/**
 * Runs `flushSync` when the process (or the worker thread) exits: at process.exit, after an uncaught exception
 * or an unhandled rejection, and when there is nothing left to do. Not at a signal that nobody handles, an
 * abort or a SIGKILL. One `exit` listener serves the whole process.
 *
 * @returns a function that takes it back
 */
export function beforeExit(flushSync: () => void): () => void {
  const { hooks } = exitState()
  hooks.add(flushSync)
  return () => {
    hooks.delete(flushSync)
  }
}

/** True once 'exit' has begun: no timer and no event-loop turn will come, so everything is written at once. */
export function isExiting(): boolean {
  return exitState().exiting
}
