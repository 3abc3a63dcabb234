import { setTimeout as pause } from 'node:timers/promises'

const PAUSE_MS = 50

/**
 * Asks again and again until the answer is something; a rejection counts as not yet.
 *
 * @param limitMs a guard against waiting for ever, far beyond what it can take
 * @throws Error with `what` and the last rejection when the guard ends it
 */
export async function poll<T>(
  what: string,
  ask: () => Promise<T | undefined | false>,
  limitMs = 120_000,
): Promise<T> {
  const begun = performance.now()
  let last: unknown = 'not yet'
  while (performance.now() - begun < limitMs) {
    try {
      const answer = await ask()
      if (answer !== undefined && answer !== false) return answer
      last = 'not yet'
    } catch (error) {
      if (error instanceof Hopeless) throw error
      last = error
    }
    await pause(PAUSE_MS)
  }
  throw new Error(`${what}: not within ${limitMs} ms; last: ${last}`)
}

/** Thrown by what is polled when it can never come. */
export class Hopeless extends Error {}
