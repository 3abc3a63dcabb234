// A service that logs numbered records for as long as it lives, and answers what service.ts asks it.
import { closeSync, existsSync, openSync } from 'node:fs'
import { fileTransport } from '../../src/transports/file.ts'
import { recordOf } from './record.ts'
import type { Given, Question, State } from './service.ts'

const given = JSON.parse(process.argv[2] as string) as Given
const { path } = given.options
if (given.user !== undefined) {
  process.setgid?.(given.user)
  process.setuid?.(given.user)
}

// The clock that stderr's limit of one line a minute and cause goes by.
let leapt = 0
const monotonic = performance.now.bind(performance)
performance.now = () => monotonic() + leapt

const file = fileTransport(given.options)
const taken: number[] = []
let written = 0
let turns = 0
let perTurn = given.perTurn
let ended = false
let asked: { question: Question; from: State }[] = []

const state = (): State => ({ written, turns, ...file.stats() })

/** When a question is answered; all others at the next turn. */
const conditions: Readonly<Record<string, (question: Question, now: State, from: State) => boolean>> = {
  /** So many records more. */
  written: ({ count = 0 }, now, from) => now.written >= from.written + count,
  /** All that it was to write. */
  through: (_, now) => now.written === given.most && now.buffered === 0,
  /** So many records more, all of them in the file, which is there. */
  followed: ({ count = 0 }, now, from) =>
    now.written >= from.written + count && now.buffered === 0 && existsSync(path),
  /** A write has failed with this code, and the event loop goes on turning. */
  failing: ({ code = '' }, now, from) =>
    now.turns > from.turns + 20 && now.buffered > 0 && now.lastError?.startsWith(code) === true,
  dropping: (_, now, from) => now.dropped > from.dropped,
  rotated: ({ count = 0 }, now, from) => now.rotated >= from.rotated + count,
  compressed: ({ count = 0 }, now) => now.compressed >= count,
  drained: (_, now) => now.buffered === 0,
}

/** What is done before the answer. */
const actions: Readonly<Record<string, (question: Question) => unknown>> = {
  pace(question) {
    perTurn = question.perTurn ?? 0
    if (perTurn === 0) file.flushSync?.()
  },
  reopen: () => file.reopen(),
  rotate: () => file.rotate(),
  leap({ ms = 0 }) {
    leapt += ms
  },
  /** Takes every descriptor that is left. */
  grab() {
    try {
      for (;;) taken.push(openSync('/dev/null', 'r'))
    } catch {}
  },
  release() {
    for (const fd of taken.splice(0)) closeSync(fd)
  },
  async end() {
    perTurn = 0
    await file.close?.()
    ended = true
  },
}

process.on('message', async (question: Question) => {
  await actions[question.what]?.(question)
  asked.push({ question, from: state() })
})
// Whoever started it has gone.
process.on('disconnect', () => ended || process.exit())

function answer(): void {
  const now = state()
  const met = ({ question, from }: (typeof asked)[number]) =>
    conditions[question.what]?.(question, now, from) ?? true
  const ready = asked.filter(met)
  asked = asked.filter((one) => !ready.includes(one))
  for (const { question } of ready) process.send?.({ id: question.id, state: now })
}

function turn(): void {
  turns++
  answer()
  // Nothing else may hold the process.
  if (ended) {
    process.disconnect?.()
    return
  }
  for (let i = 0; i < perTurn && written < given.most; i++) {
    file.write(recordOf(given.who, written), given.levels[written % given.levels.length] as number)
    written++
  }
  if (given.pace === 0 && perTurn > 0) setImmediate(turn)
  else setTimeout(turn, Math.max(1, given.pace))
}
turn()
