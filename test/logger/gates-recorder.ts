import { onTestFinished } from 'vitest'
import { createScope, runInScope } from '../../src/context/scope.ts'
import { newTrace } from '../../src/context/traceparent.ts'
import { shutdown } from '../../src/logger/default.ts'
import type { LoggerOptions } from '../../src/logger/options.ts'
import type { Transport } from '../../src/transports/transport.ts'
import { recorder as bareRecorder, type Record_, type Recorder, recorderOn, type Way } from './memory.ts'

/** At info, and shut down with its test: a gate waits for the end of the process otherwise. */
export function recorder(options: LoggerOptions = {}, way: Way = 'direct'): Recorder {
  const log =
    way === 'direct'
      ? bareRecorder({ level: 'info', ...options })
      : recorderOn(way, { level: 'info', ...options })
  onTestFinished(() => shutdown(log.logger))
  return log
}

export const messages = (log: Recorder): unknown[] => log.records().map(({ msg }) => msg)

export const repeat = (times: number, act: (i: number) => void): void => {
  for (let i = 0; i < times; i++) act(i)
}

/** Runs `act` in a scope with a trace of its own. */
export const inTrace = <T>(act: () => T): T => runInScope(createScope({}, newTrace()), act)

/** A transport that takes objects, and what it got. */
export function objectTransport(): { readonly transport: Transport; readonly objects: Record_[] } {
  const objects: Record_[] = []
  const transport: Transport = {
    name: 'objects',
    write() {},
    writeRecord: (record) => objects.push(record),
    stats: () => ({ records: 0, bytes: 0, dropped: 0, buffered: 0 }),
  }
  return { transport, objects }
}
