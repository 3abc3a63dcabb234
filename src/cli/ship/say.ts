import { writeSync } from 'node:fs'
import { selfLog } from '../../config/self-log.ts'
import { visible } from '../../config/visible.ts'

/** How the command speaks: on stderr, a line each. */
export interface Say {
  /** What it does; nothing with --quiet. */
  news(message: string): void
  /** What goes wrong. */
  trouble(message: string): void
  /** The same for what may come often: once a minute for each code. */
  often(code: string, message: string): void
}

const STDERR = 2

/** Writes past process.stderr, so that it arrives from a process that ends right after. */
export function complain(message: string): void {
  try {
    writeSync(STDERR, `spoor: ${visible(message.replace(/^spoor: /, ''))}\n`)
  } catch {
    // Nobody reads it.
  }
}

export function createSay(quiet: boolean): Say {
  return {
    news: (message) => {
      if (!quiet) complain(message)
    },
    trouble: complain,
    often: selfLog,
  }
}
