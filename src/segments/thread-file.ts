import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The worker thread's entry beside this module; undefined where a bundler has left it behind. */
export function threadFile(): string | undefined {
  try {
    const file = fileURLToPath(new URL('./spoor-thread.js', import.meta.url))
    return existsSync(file) ? file : undefined
  } catch {
    return undefined
  }
}
