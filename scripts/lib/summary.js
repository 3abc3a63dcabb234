import { appendFileSync } from 'node:fs'

/**
 * Ends a script the way .ci/run reads it: one line `<what>: N passed, N failed`, and an exit code that says
 * whether any failed. Nothing passed at all is a failure too: then nothing was tested.
 */
export function count(what, passed, failed) {
  const failures = passed === 0 && failed === 0 ? 1 : failed
  console.log(`${what}: ${passed} passed, ${failures} failed`)
  record(passed, failures)
  if (failures > 0) process.exitCode = 1
}

/** Adds to the counts of the step that .ci/run is in; does nothing elsewhere. */
export function record(passed, failed) {
  if (process.env.SPOOR_COUNTS) appendFileSync(process.env.SPOOR_COUNTS, `${passed} ${failed}\n`)
}
