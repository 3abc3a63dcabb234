import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A worker thread's entry beside this module; undefined where a bundler has left it behind. */
export function threadFile(
  name: 'spoor-thread.js' | 'spoor-shipper.js' = 'spoor-thread.js',
): string | undefined {
  try {
    const file = join(here(), name)
    return existsSync(file) ? file : undefined
  } catch {
    return undefined
  }
}

// A bundle in CommonJS has no import.meta.url.
function here(): string {
  return typeof __dirname === 'string' ? __dirname : dirname(fileURLToPath(import.meta.url))
}
