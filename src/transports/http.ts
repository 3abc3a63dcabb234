import { Buffer } from 'node:buffer'
import { builtin } from '../config/builtin.ts'
import { beforeExit } from '../config/exit.ts'
import { LOSS_MESSAGE } from '../config/loss.ts'
import { createBatch, type Loss } from '../segments/batch.ts'
import type { KeyNames } from '../segments/spool/about.ts'
import { MAX_LINE_BYTES } from '../segments/spool/limits.ts'
import { makeOwner } from '../segments/spool/owner.ts'
import { createSpoolWriter, type SpoolWriter } from '../segments/spool/writer.ts'
import type { ShipperEvent } from '../shipping/events.ts'
import { guardedHost, levelNumber, lossByLevel, lossLine, stderrHost } from './host.ts'
import {
  type HttpStats,
  type HttpTransport,
  type HttpTransportOptions,
  httpSettings,
} from './http-options.ts'
import { createShipping } from './shipping.ts'
import { useSpool } from './spool-users.ts'
import type { TransportHost } from './transport.ts'

export type { HttpBatchOptions, HttpStats, HttpTransport, HttpTransportOptions } from './http-options.ts'

const RETRY_MS = [100, 1000] as const
const CLOSE_WAIT_MS = 1000
/** How long a spool may fail before records are delivered from memory. */
const CARRY_AFTER_MS = 1000
const WARN = 40

/**
 * Ships records to a back end, by way of a spool on the disk: what a call has taken is in the page cache at the end of
 * the event-loop turn, error and above before the call returns, and stays in the spool until the back end has
 * acknowledged it, over restarts and outages. docs/shipping.md has all that it promises, and a page for each back end.
 *
 * @throws TypeError ERR_SPOOR_OPTION for an option that is wrong; never because of the network or the disk
 */
export function httpTransport(options: HttpTransportOptions): HttpTransport {
  const settings = httpSettings(options)
  const { name, directory, bufferLimit } = settings
  const owner = makeOwner(builtin('node:worker_threads').threadId)
  let host: TransportHost = stderrHost(name)
  let writer: SpoolWriter | undefined
  let closing: Promise<void> | undefined
  let closed = false
  // Since when nothing could be written, ms of a clock that nobody sets.
  let unwrittenMs: number | undefined
  let carrying = false
  let carriedLost = 0
  let oversized = 0
  let use: ReturnType<typeof useSpool> | undefined
  let forgetCarried: (() => void) | undefined

  const shipping = createShipping(settings, owner, {
    onEvent: tellOfShipping,
    onProblem: (code, message, dropped) =>
      host.report({ code, message, ...(dropped === undefined ? {} : { dropped }) }),
    onCarried: () => batch.retry(),
    note,
    onLost(lines, byLevel, reason) {
      const loss = lossOf(lines, byLevel)
      host.report({
        code: 'dropped',
        message: `${lines} records for ${name} were given up: ${reason}`,
        dropped: lines,
      })
      if (!closed) batch.add(lossLine(host, name, loss, reason), WARN)
    },
  })

  function spool(): SpoolWriter {
    writer ??= createSpoolWriter({
      directory,
      owner,
      names: Object.fromEntries(host.names ?? []),
      budgetBytes: settings.budgetBytes,
      fsync: settings.fsync,
      fsyncMs: settings.fsyncMs,
      onProblem: ({ code, message }) => host.report({ code, message }),
      onDirectory: shipping.wrote,
    })
    return writer
  }

  /** To the spool; what that does not take for longer than a hiccup is delivered from memory. */
  function write(lines: string): number {
    const taken = spool().append(lines)
    if (taken > 0 || lines === '') {
      wrote()
      return taken
    }
    unwrittenMs ??= performance.now()
    // A spool that is full is one that is not delivered.
    if (performance.now() - unwrittenMs < CARRY_AFTER_MS || writer?.error?.code === 'ESPOOLFULL') return 0
    const carried = shipping.carry(lines)
    if (carried > 0) carries()
    return carried
  }

  function wrote(): void {
    unwrittenMs = undefined
    if (!carrying) return
    carrying = false
    host.report({ code: 'recovered', message: `the spool ${directory} is written again.` })
  }

  function carries(): void {
    forgetCarried ??= beforeExit(saveCarried)
    if (carrying) return
    carrying = true
    const message = `the spool ${directory} still can't be written: ${cause()}. Records are delivered from memory until it can; what is not delivered yet is lost if the process is killed.`
    host.report({ code: 'unspooled', message })
  }

  /** At the end: what is not delivered is written after all, or told. */
  function saveCarried(): void {
    const lines = shipping.takeCarried()
    if (lines === '') return
    const left = lines.slice(spool().append(lines))
    const records = left.split('\n').length - 1
    if (records === 0) return
    carriedLost += records
    const message = `${records} records for ${name} may be lost: they were not delivered yet, and could not be written: ${cause()}.`
    host.report({ code: 'dropped', message, dropped: records })
  }

  /** The spool would not give it back, and no back end takes it. */
  function leaveOut(level: number): void {
    oversized++
    const reason = `it has more than ${MAX_LINE_BYTES} bytes`
    const loss = { dropped: 1, byLevel: new Map([[level, 1]]), since: Date.now() }
    const message = `a record for ${name} was lost (${lossByLevel(loss)}): ${reason}. Log less of what is large.`
    host.report({ code: 'dropped', message, dropped: 1 })
    batch.add(lossLine(host, name, loss, reason), WARN)
  }

  const batch = createBatch({
    commit: write,
    bufferLimit,
    retryMs: RETRY_MS,
    keepAlive: false,
    onBlocked: () =>
      host.report({
        code: writer?.error?.code ?? 'short',
        message: `can't write the spool ${directory}: ${cause()}. Records are held in memory (up to ${bufferLimit} characters, then the lowest levels are dropped); writing goes on by itself when it is possible again.`,
      }),
    onLoss(loss, final) {
      const message = final
        ? `${loss.dropped} records for ${name} were lost (${lossByLevel(loss)}): ${cause()}.`
        : `the memory held for ${name} is full; records are being lost, lowest levels first, until its spool can be written: ${cause()}.`
      host.report({ code: 'dropped', message, dropped: loss.dropped })
    },
    onRecovered(loss) {
      const lost = loss.dropped === 0 ? 'nothing was lost' : `${loss.dropped} records were lost`
      const how = carrying
        ? 'what was held is being delivered from memory'
        : `the spool ${directory} is written again`
      host.report({ code: 'recovered', message: `${how}; ${lost}.`, dropped: loss.dropped })
      if (loss.dropped > 0) batch.add(lossLine(host, name, loss, cause()), WARN)
    },
  })

  /** For the record that stands in the spool in place of those that were given up. */
  function note(): { line: string; timeKey: string; names: KeyNames } {
    const fields = { component: 'spoor', transport: name }
    const line = host.line?.(WARN, LOSS_MESSAGE, fields) ?? '{"level":"warn"}'
    const timeKey = [...(host.names ?? [])].find(([, key]) => key === 'time')?.[0] ?? 'time'
    return { line, timeKey, names: Object.fromEntries(host.names ?? []) }
  }

  /** To stand in a sentence of another. */
  function cause(): string {
    return writer?.error?.message.replace(/\.$/, '') ?? 'a write came back short'
  }

  /** On stderr, and as a record in the other transports: the one that is failing can't tell. */
  function tellOfShipping({ code, message, records }: ShipperEvent): void {
    host.report({ code, message, ...(records === undefined ? {} : { dropped: records }) })
    const fields = {
      component: 'spoor',
      transport: name,
      code,
      ...(records === undefined ? {} : { records }),
    }
    host.tell?.(WARN, message, fields)
  }

  const delivered = (waitMs: number): Promise<boolean> => shipping.drain(batch.drained(), waitMs)
  // At the program's own end, when nothing else is left to do. process.exit and an exception wait for nothing.
  const waitAtEnd = (): void => void delivered(settings.exitWaitMs)
  if (settings.exitWaitMs > 0) process.once('beforeExit', waitAtEnd)

  function tellShared(): void {
    const message = `another transport that ships elsewhere has the same spool, ${directory}: after a restart one may deliver what the other has left. Give each a name of its own (httpTransport({ name })).`
    host.report({ code: 'shared-spool', message })
  }

  async function end(): Promise<void> {
    closed = true
    use?.leave()
    process.off('beforeExit', waitAtEnd)
    await batch.close(CLOSE_WAIT_MS)
    writer?.close()
    await shipping.end(Math.max(settings.exitWaitMs, shipping.carried > 0 ? CLOSE_WAIT_MS : 0))
    forgetCarried?.()
    saveCarried()
    writer?.close()
  }

  return {
    name,
    level: levelNumber(settings.level),
    attach(given) {
      host = guardedHost(given, name)
      use ??= useSpool(settings)
      if (use.elsewhere) tellShared()
      // What an earlier run has left goes out whether or not there are records of this one.
      shipping.begin()
    },
    write(line, level) {
      // A UTF-16 unit is three bytes at most: what is short needs no counting.
      if (line.length * 3 > MAX_LINE_BYTES && Buffer.byteLength(line) > MAX_LINE_BYTES) leaveOut(level)
      else batch.add(line, level)
    },
    flushSync: () => void batch.flush(),
    flush: () => batch.drained(),
    delivered,
    close() {
      closing ??= end()
      return closing
    },
    stats(): HttpStats {
      const { shipper, spoolBytes, dropped, failure } = shipping.stats()
      return {
        records: batch.records + oversized,
        bytes: writer?.bytes ?? 0,
        dropped: batch.dropped + dropped + carriedLost + oversized + (shipper?.lost ?? 0),
        buffered: batch.buffered + shipping.carried,
        lastError: failure ?? shipper?.lastError ?? writer?.error?.message,
        state: failure === undefined ? (shipper?.state ?? 'starting') : 'held',
        shipper,
        spoolBytes,
        spoolDropped: dropped,
      }
    },
  }
}

function lossOf(lines: number, byLevel: Readonly<Record<string, number>>): Loss {
  const levels = Object.entries(byLevel).map(([level, count]): [number, number] => [
    levelNumber(level as never),
    count,
  ])
  return { dropped: lines, byLevel: new Map(levels), since: Date.now() }
}
