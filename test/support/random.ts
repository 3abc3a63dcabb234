/** Numbers from 0 to 1, the same ones for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/**
 * How often a property of hostile input is tried: 2,000 times in .ci/run, 100,000 in the full run; fewer where the
 * tests alone are run.
 */
export const HOSTILE_RUNS = Number(process.env.SPOOR_RUNS_HOSTILE ?? process.env.SPOOR_RUNS ?? 500)
