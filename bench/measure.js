// One contender, one case, one fresh process: run.js starts `node measure.js <spec>` with stdout open on the file
// at spec.path and gets { ns, cpu, records } back: wall and CPU nanoseconds a record, records written in all.

import { AsyncLocalStorage } from 'node:async_hooks'
import { statSync } from 'node:fs'
import { cases, ERRORS, SCOPE } from './cases.js'
import { contenders, UNSCOPED } from './contenders.js'
import { idsAlone, offAlone, runAlone } from './floors.js'

// Records between two turns of the event loop: what a few requests that are served in one turn write.
const PER_TURN = 32
const STEP = 512
// A slow logger is as cold after 100 ms as a fast one after ten: this many records at least make it warm.
const LEAST = 8192

const turn = () => new Promise(setImmediate)

/** Calls `record(i)` `count` times, with a turn of the event loop after every `perTurn`. */
async function inTurns(count, perTurn, record) {
  for (let i = 0; i < count; ) {
    const stop = Math.min(i + perTurn, count)
    for (; i < stop; i++) record(i)
    await turn()
  }
}

const cpuMs = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/**
 * Warms up, then times as many records as fill `spec.ms`; the end is when `close` says that all are written.
 * How many is counted in CPU time, so that a busy machine does not measure colder code.
 */
async function timed(spec, batch, close) {
  let warm = 0
  let rate = 0
  for (const end = cpuMs() + spec.warmMs; cpuMs() < end || warm < LEAST; warm += STEP) {
    const from = cpuMs()
    await batch(STEP)
    rate = STEP / (cpuMs() - from)
  }
  await settled(spec.path)
  globalThis.gc()
  const count = Math.max(LEAST / 2, Math.ceil(rate * spec.ms))
  const cpuFrom = cpuMs()
  const from = process.hrtime.bigint()
  await batch(count)
  await close()
  const ns = Number(process.hrtime.bigint() - from) / count
  return { ns, cpu: ((cpuMs() - cpuFrom) * 1e6) / count, records: warm + count }
}

// The warm-up's backlog must not be paid for by the timed run, wherever a contender keeps it.
async function settled(path) {
  for (let last = -1, same = 0; same < 3; ) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
    same = size === last ? same + 1 : 0
    last = size
  }
}

async function verified(batch, close, scope) {
  await batch(3)
  await close()
  return { scope }
}

// The span is made as an instrumentation makes it: the SDK's own, active for what runs inside.
async function inSpan(fn) {
  const { NodeTracerProvider } = await import('@opentelemetry/sdk-trace-node')
  const { trace } = await import('@opentelemetry/api')
  new NodeTracerProvider().register()
  return trace.getTracer('bench').startActiveSpan('order', async (span) => {
    const { traceId, spanId } = span.spanContext()
    const result = await fn({ trace_id: traceId, span_id: spanId })
    span.end()
    return result
  })
}

async function measureRecords(spec, { scope, outer = scope, live, kind = 'record', perTurn, ...theCase }) {
  const contender = contenders[spec.contender]
  const opened = await contender.open(spec)
  const { error, close, enter, nested = enter } = opened
  const call = theCase.error && error ? (log, i) => error(log, ERRORS[i & 4095], i) : theCase[contender.order]

  const batches = {
    record: (log) => (count) => inTurns(count, perTurn ?? PER_TURN, (i) => call(log, i)),
    first: () => {
      const scopes = Array.from({ length: 1024 }, (_, k) => ({ ...SCOPE, user_id: `u-${1000 + k}` }))
      let at = 0
      const one = (log) => call(log, at)
      return (count) =>
        inTurns(count, PER_TURN, (i) => {
          at = i
          nested(scopes[i & 1023], one)
        })
    },
    live: () => {
      const entered = Array.from({ length: live }, (_, k) =>
        enter({ ...SCOPE, user_id: `u-${k}` }, (log) => ({ log, run: AsyncLocalStorage.snapshot() })),
      )
      // What a scope's first record costs has a case of its own.
      if (!spec.verify) for (const { log, run } of entered) run(call, log, 0)
      return (count) =>
        inTurns(count, PER_TURN, (i) => {
          const { log, run } = entered[i % live]
          run(call, log, i)
        })
    },
  }

  const work = (log, span) => {
    const batch = batches[kind](log)
    const checked = kind === 'record' ? { ...scope, ...span } : {}
    return spec.verify
      ? verified(batch, close, UNSCOPED.includes(spec.contender) ? {} : checked)
      : timed(spec, batch, close)
  }
  const main = (log) => (theCase.otel ? inSpan((span) => work(log, span)) : work(log))
  return outer && kind !== 'live' ? enter(outer, main) : main(opened.log)
}

const spec = JSON.parse(process.argv[2])
const theCase = cases[spec.case]
const measures = {
  off: async () => offAlone(contenders[spec.contender], spec, theCase),
  run: async () => runAlone(),
  ids: async () => idsAlone(),
}
const result = await (measures[theCase.kind] ?? measureRecords)(spec, theCase)
process.send(result, () => process.exit())
