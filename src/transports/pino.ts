import { bytesOf } from '../config/check.ts'
import { beforeExit, isExiting } from '../config/exit.ts'
import { LEVELS } from '../config/levels.ts'
import { createBatch } from '../segments/batch.ts'
import { after, clearTimeout, outsideScopes } from '../segments/timers.ts'
import { guardedHost, levelNumber, lossByLevel, lossLine, stderrHost } from './host.ts'
import { createPinoLine } from './pino-line.ts'
import { adviceOn, checkPinoOptions, labelOf, type PinoTransportOptions, requestOf } from './pino-options.ts'
import { callersOf, endAtExit, type PinoWorker, startPinoWorker, stayLast } from './pino-worker.ts'
import type { Transport, TransportEvent, TransportHost } from './transport.ts'

export type { PinoPipeline, PinoTarget, PinoTransportOptions } from './pino-options.ts'

const BUFFER_LIMIT = 16 * 1024 * 1024
const RETRY_MS = 1000
const CLOSE_WAIT_MS = 10_000
// thread-stream's own limit for each of its two waits: that its worker has read, and that it has closed.
const EXIT_WAIT_MS = 10_000
const TOO_LATE = 'it did not finish within 10 s'
const WARN = 40
const PINO_LEVELS = {
  values: LEVELS,
  labels: Object.fromEntries(Object.entries(LEVELS).map(([name, level]) => [level, name])),
}

/**
 * Writes to any pino transport (pino-roll, pino-pretty, pino-loki), which pino runs in a worker of its own. What
 * is handed over is the transport's: it reaches its end at process.exit, at the program's end and after an
 * uncaught exception, not after a signal, an abort or SIGKILL. A worker that fails is not started again: it is
 * told, and records are counted as dropped.
 *
 * At exit the worker is waited for, blocking, until it has written what it has: up to 10 s where it hangs, up to
 * 30 s where it is only slow.
 *
 * @throws TypeError ERR_SPOOR_OPTION for an option that is wrong; never because of the module, which is told
 */
export function pinoTransport(options: PinoTransportOptions): Transport {
  checkPinoOptions(options)
  const name = options.name ?? 'pino'
  const request = requestOf(options, callersOf(pinoTransport))
  const label = labelOf(options)
  let host: TransportHost = stderrHost(name)
  let worker: PinoWorker | undefined
  let encode = (line: string, _level: number): string => line
  let started = false
  let ended = false
  let closing = false
  let bytes = 0
  let lost = 0
  // What was handed over before the worker was there is lost if it never comes.
  let came = false
  let early = 0
  let waitedMs = 0
  let lastError: string | undefined
  const waiters = new Set<() => void>()

  const batch = createBatch({
    commit,
    bufferLimit: bytesOf(options.bufferLimit ?? BUFFER_LIMIT),
    retryMs: [RETRY_MS, RETRY_MS],
    keepAlive: false,
    onLoss: (loss, final) =>
      host.report({
        code: 'dropped',
        message: `${label} is too slow: ${final ? `${loss.dropped} records were lost (${lossByLevel(loss)})` : 'records are being lost, lowest levels first'}.`,
        dropped: loss.dropped,
      }),
    onRecovered: (loss) => {
      if (loss.dropped === 0 || ended) return
      const message = `${label} takes records again; ${loss.dropped} were lost (${lossByLevel(loss)}).`
      host.report({ code: 'recovered', message, dropped: loss.dropped })
      batch.add(encode(lossLine(host, name, loss, 'the pino transport was too slow'), WARN), WARN)
    },
  })
  // At exit ours comes last; before a signal there is no other moment.
  const forgetHook = beforeExit(() => {
    if ((process as { _exiting?: boolean })._exiting !== true) endNow()
  })
  let forgetEnd = (): void => {}

  function start(): void {
    if (started) return
    started = true
    if (options.format !== 'spoor') encode = createPinoLine(host.names)
    try {
      worker = startPinoWorker(request)
    } catch (error) {
      fail((error as Error).message)
      return
    }
    watch(worker)
    forgetEnd = endAtExit(endNow)
  }

  function watch(made: PinoWorker): void {
    made.on('ready', () => {
      came = true
      batch.retry()
    })
    made.on('drain', () => batch.retry())
    made.on('error', (error) => fail(error.message))
    made.on('close', () => {
      if (!closing) fail(causeOf(made))
      release()
    })
    // As pino's own logger does; a transport may wait for it.
    const messageKey = nameOf('msg')
    const errorKey = nameOf('err')
    made.emit('message', { code: 'PINO_CONFIG', config: { levels: PINO_LEVELS, messageKey, errorKey } })
  }

  function nameOf(key: string): string {
    for (const [each, of] of host.names ?? []) if (of === key) return each
    return key
  }

  function commit(lines: string): number {
    if (ended || worker === undefined || worker.destroyed || worker.writableEnded) {
      fail(isExiting() ? 'the process is ending' : causeOf(worker))
      lost += countLines(lines)
      return lines.length
    }
    if (worker.writableNeedDrain) {
      if (!isExiting()) return 0
      if (!caughtUp()) {
        lost += countLines(lines)
        return lines.length
      }
    }
    hand(worker, lines)
    return lines.length
  }

  function hand(to: PinoWorker, lines: string): void {
    bytes += Buffer.byteLength(lines)
    if (!came) early += countLines(lines)
    outsideScopes(() => to.write(lines))
    if (!isExiting()) stayLast()
  }

  /** Blocks until the worker has read what it was given. Only at exit, and not without end. */
  function caughtUp(): boolean {
    const began = performance.now()
    try {
      if (waitedMs >= EXIT_WAIT_MS) throw new Error(TOO_LATE)
      worker?.flushSync()
      came ||= early > 0
      return true
    } catch (error) {
      fail((error as Error).message)
      return false
    } finally {
      waitedMs += performance.now() - began
    }
  }

  function endNow(): void {
    if (worker === undefined || ended || worker.destroyed || worker.writableEnded) return
    if (!came && early === 0) {
      // It was given nothing: its start need not be waited for.
      ended = true
      return
    }
    closing = true
    if (!caughtUp()) return
    worker.end()
    if (worker.writableErrored) fail(worker.writableErrored.message)
  }

  function fail(cause: string): void {
    if (ended) return
    ended = true
    // Its own words name its functions.
    const reason = cause.includes('took too long') ? TOO_LATE : cause
    lastError = reason
    if (!came) lost += early
    const message = came
      ? `${label} has ended: ${reason}. What it was given last may be missing; records for it are dropped and counted until the process is started again.`
      : `can't start ${label}: ${reason}. ${adviceOn(reason)} Records for it are dropped and counted.`
    const event: TransportEvent = { code: 'ended', message }
    host.report(!came && early > 0 ? { ...event, dropped: early } : event)
    // What is held is counted now, not at the next record.
    batch.retry()
  }

  function release(): void {
    for (const resolve of waiters) resolve()
    waiters.clear()
  }

  /** Resolves when the worker has flushed its destination, or has ended. */
  function workerFlushed(): Promise<void> {
    return new Promise((resolve) => {
      if (worker === undefined || ended || worker.destroyed || worker.writableEnded) return resolve()
      waiters.add(resolve)
      outsideScopes(() =>
        worker?.flush(() => {
          waiters.delete(resolve)
          resolve()
        }),
      )
    })
  }

  return {
    name,
    level: levelNumber(options.level),
    attach(given) {
      host = guardedHost(given, name)
      start()
    },
    write(line, level) {
      start()
      batch.add(encode(line, level), level)
    },
    flushSync() {
      batch.flush()
    },
    async flush() {
      await batch.drained()
      await workerFlushed()
    },
    async close() {
      const began = performance.now()
      await batch.close(CLOSE_WAIT_MS)
      forgetHook()
      forgetEnd()
      if (worker === undefined || ended || closing) return
      await closed(worker, Math.max(0, began + CLOSE_WAIT_MS - performance.now()))
    },
    stats: () => ({
      records: batch.records,
      bytes,
      dropped: batch.dropped + lost,
      buffered: batch.buffered,
      lastError,
    }),
  }

  async function closed(open: PinoWorker, waitMs: number): Promise<void> {
    let patience: NodeJS.Timeout | undefined
    const inTime = await Promise.race([
      workerFlushed().then(() => true),
      new Promise<boolean>((resolve) => {
        patience = after(waitMs, () => resolve(false))
      }),
    ])
    clearTimeout(patience)
    if (!inTime) fail(TOO_LATE)
    closing = true
    const gone = new Promise<void>((resolve) => open.on('close', resolve))
    if (open.destroyed) return
    // Nothing else may keep the process alive until it is over.
    open.ref()
    if (inTime) open.end()
    else void open.worker.terminate()
    await gone
    ended = true
  }
}

// The worker's end may be told before its error.
function causeOf(worker: PinoWorker | undefined): string {
  return worker?.writableErrored?.message ?? 'its worker has ended'
}

function countLines(lines: string): number {
  let count = 0
  for (let at = lines.indexOf('\n'); at !== -1; at = lines.indexOf('\n', at + 1)) count++
  return count
}
