import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The worker thread's entry beside this module; undefined where a bundler has left it behind. */
export function threadFile(): string | undefined {
  try {
    const file = join(here(), 'spoor-thread.js')
    return existsSync(file) ? file : undefined
  } catch {
    return undefined
  }
}

// A bundle in CommonJS has no import.meta.url.
function here(): string {
  return typeof __dirname === 'string' ? __dirname : dirname(fileURLToPath(import.meta.url))
}
