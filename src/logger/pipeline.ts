import { selfLog } from '../config/self-log.ts'
import type { Pipeline, Sink } from './core.ts'
import { makeLevelTree, SILENT } from './levels.ts'
import { groundPrefix } from './line/prefix.ts'
import { makeSchema } from './line/schema.ts'

const noSink: Sink = { writeLine() {}, flushSync() {} }

/** A pipeline that writes nowhere yet: configuration.ts gives it what it shares. */
export function makePipeline(): Pipeline {
  const schema = makeSchema()
  const ground = groundPrefix(schema, [], {})
  return {
    schema,
    ground,
    recordGround: ground,
    heads: {},
    sink: noSink,
    levels: makeLevelTree(0),
    sourceFrom: SILENT,
    slowMs: Number.POSITIVE_INFINITY,
    serializers: undefined,
    redacts: false,
    unhooked: false,
    instrumented: false,
    direct: false,
    foreignAsJson: undefined,
    now: Date.now,
    gates: undefined,
    prepare: undefined,
    fail,
  }
}

function fail(what: string, thrown: unknown): void {
  let why = 'unreadable error'
  try {
    why = thrown instanceof Error ? thrown.message : String(thrown)
  } catch {
    // A thrown thing may itself throw when it is read.
  }
  selfLog(`logger.${what}`, `${what}: ${why}`)
}
