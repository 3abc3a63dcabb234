import { writeSync } from 'node:fs'
import { shared } from './shared.ts'
import { visible } from './visible.ts'

const STDERR = 2
const MINUTE_MS = 60_000
const LONGEST = 1000
// Codes are ours and few; the bound is for a transport of somebody else's that makes them up.
const MOST_CODES = 200
const OTHERS = 'others'

/** What the self-log counted since the process began. */
export interface SelfLogStats {
  /** Lines written to stderr. */
  readonly written: number
  /** Lines held back by the limit of one a minute for each code. */
  readonly suppressed: number
  /** Lines that stderr refused. */
  readonly failed: number
  /** Calls by code, whether shown or not. */
  readonly codes: Readonly<Record<string, number>>
}

interface CodeState {
  count: number
  suppressed: number
  shownAt: number
}

interface SelfLogState {
  written: number
  suppressed: number
  failed: number
  readonly codes: Map<string, CodeState>
}

const state = shared<SelfLogState>('self-log', 1, () => ({
  written: 0,
  suppressed: 0,
  failed: 0,
  codes: new Map(),
}))

function stateOf(code: string): CodeState {
  const key = state.codes.has(code) || state.codes.size < MOST_CODES ? code : OTHERS
  let present = state.codes.get(key)
  if (present === undefined) {
    present = { count: 0, suppressed: 0, shownAt: Number.NEGATIVE_INFINITY }
    state.codes.set(key, present)
  }
  return present
}

function lineOf(message: string, suppressed: number): string {
  const text = visible(message.slice(0, LONGEST)) + (message.length > LONGEST ? '…' : '')
  const more = suppressed === 0 ? '' : ` (${suppressed} more with this cause were not shown)`
  return `spoor: ${text}${more}\n`
}

/**
 * Tells the operator, in one line on stderr, what went wrong in logging itself. At most one line a minute for
 * each `code`; the next one says how many were held back. Never throws, and never goes through the pipeline
 * that may be failing.
 *
 * @param code stable and without variable parts, such as 'ENOSPC' or 'config.LOG_LEVEL'
 */
export function selfLog(code: string, message: string): void {
  try {
    const mine = stateOf(String(code))
    mine.count++
    const now = performance.now()
    if (now - mine.shownAt < MINUTE_MS) {
      mine.suppressed++
      state.suppressed++
      return
    }
    const line = lineOf(String(message), mine.suppressed)
    mine.shownAt = now
    mine.suppressed = 0
    // Synchronous, and past process.stderr: it must reach the operator from a process that is about to die.
    writeSync(STDERR, line)
    state.written++
  } catch {
    state.failed++
  }
}

/** What was told and what was held back; a copy. */
export function selfLogStats(): SelfLogStats {
  const codes = Object.fromEntries([...state.codes].map(([code, { count }]) => [code, count]))
  return { written: state.written, suppressed: state.suppressed, failed: state.failed, codes }
}
