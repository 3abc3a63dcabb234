import type { RetentionLevel } from '../config/retention.ts'
import { createBatch, type Loss } from '../segments/batch.ts'
import { createLogFile } from '../segments/log-file.ts'
import { threadFile } from '../segments/thread-file.ts'
import {
  type FileSettings,
  type FileTransport,
  type FileTransportOptions,
  fileSettings,
} from './file-options.ts'
import { guardedHost, levelNumber, lossByLevel, lossLine, stderrHost } from './host.ts'
import { splitFiles } from './split.ts'
import type { TransportEvent, TransportHost } from './transport.ts'
import { createUpkeep } from './upkeep.ts'

export type { FileStats, FileTransport, FileTransportOptions } from './file-options.ts'

const RETRY_MS = 1000
const FAILED_RETRY_MS = [RETRY_MS, RETRY_MS] as const
// Before a pipe's reader, as the console does.
const FULL_RETRY_MS = [5, 100] as const
const EXIT_WAIT_MS = 1000
const WARN = 40
const ERROR = 50

/**
 * Appends to a file that rotates. What is written in an event-loop turn is in the page cache at the turn's end,
 * error and above before the call returns; a dying process loses nothing of that. `docs/files.md` has all it
 * promises and what happens at each fault.
 *
 * @throws TypeError ERR_SPOOR_OPTION for an option that is wrong; never because of the file
 */
export function fileTransport(options: FileTransportOptions): FileTransport {
  const settings = fileSettings(options)
  const level = levelNumber(settings.level)
  const group: (() => void)[] = []
  if (options.split !== true) return oneFile(settings, level, undefined, group)
  return splitFiles(settings, level, (part, levels) => oneFile(part, level, levels, group))
}

/**
 * @param levels whose records are in it, for retention; undefined for all
 * @param group what looks after this file and those beside it: also after one that gets no record in this process
 */
function oneFile(
  settings: FileSettings,
  level: number,
  levels: readonly RetentionLevel[] | undefined,
  group: (() => void)[],
): FileTransport {
  const { path, name, bufferLimit } = settings
  let host: TransportHost = stderrHost(name)
  let told = false
  const report = (event: TransportEvent): void => host.report(event)
  const upkeep = createUpkeep(settings, levels, report)
  group.push(upkeep.begin)
  let closed = false

  const thread = settings.durability === 'interval' ? threadFile() : undefined
  let threadless = settings.durability === 'interval' && thread === undefined
  // What the thread has not written yet counts as well.
  const shares = thread === undefined ? 1 : 2
  const file = createLogFile({
    ...settings,
    thread,
    inFlightLimit: bufferLimit / shares,
    onReady: () => batch.retry(),
    onOpened() {
      for (const begin of group) begin()
      if (threadless) tellThreadless()
    },
    onRotated: upkeep.rotated,
    report,
  })

  const batch = createBatch({
    commit: file.append,
    pending: file.pending,
    bufferLimit: bufferLimit / shares,
    size: settings.durability === 'record' ? 1 : undefined,
    interval: settings.durability === 'interval' ? settings.intervalMs : undefined,
    get retryMs() {
      return file.full ? FULL_RETRY_MS : FAILED_RETRY_MS
    },
    get keepAlive() {
      return file.full
    },
    get exitWaitMs() {
      return file.full || file.threaded ? EXIT_WAIT_MS : 0
    },
    onBlocked: () => {
      // A pipe whose reader is slow is no fault, and what a thread can't write is told where that is seen.
      told = !file.full && !file.threaded
      if (!told) return
      host.report({
        code: file.error?.code ?? 'short',
        message: `can't write ${path}: ${cause()}. Records are held in memory (up to ${bufferLimit} characters, then the lowest levels are dropped); writing goes on by itself when it is possible again.`,
      })
    },
    onLoss: tellLoss,
    onRecovered: (loss) => {
      // What a thread took is not written yet; it tells by itself when it is.
      if ((!told || file.threaded) && loss.dropped === 0) return
      const lost = loss.dropped === 0 ? 'nothing was lost' : `${loss.dropped} records were lost`
      // The thread has told 'recovered' already, and stderr says a code once a minute.
      const code = file.threaded ? 'lost' : 'recovered'
      host.report({ code, message: `${path} is written again; ${lost}.`, dropped: loss.dropped })
      if (loss.dropped > 0) batch.add(lossLine(host, name, loss, cause()), WARN)
    },
  })

  function cause(): string {
    return file.error?.message ?? (file.threaded ? 'the disk is too slow' : 'a write came back short')
  }

  function tellThreadless(): void {
    threadless = false
    host.report({
      code: 'thread',
      message: `durability 'interval' finds no spoor-thread.js beside the code, so the service's own thread writes ${path} every ${settings.intervalMs} ms. Copy dist/spoor-thread.js of the package to where the bundle lies.`,
    })
  }

  function tellLoss(loss: Loss, final: boolean): void {
    const message = final
      ? `${loss.dropped} records for ${path} were lost (${lossByLevel(loss)}): ${cause()}.`
      : `the memory held for ${path} is full; records are being lost, lowest levels first, until it can be written: ${cause()}.`
    host.report({ code: 'dropped', message, dropped: loss.dropped })
  }

  function write(line: string, at: number): void {
    batch.add(line, at)
    if (at >= ERROR) file.urgent()
  }

  return {
    name,
    level,
    attach(given) {
      host = guardedHost(given, name)
    },
    write,
    flushSync() {
      batch.flush()
      file.takeOver(EXIT_WAIT_MS)
    },
    async flush() {
      await batch.drained()
      await file.settled()
    },
    rotate() {
      if (closed) return
      batch.flush()
      file.rotate()
    },
    reopen() {
      if (closed) return
      batch.flush()
      file.reopen()
    },
    async close() {
      closed = true
      await batch.close(RETRY_MS)
      await file.close(EXIT_WAIT_MS)
      await upkeep.end()
    },
    stats: () => ({
      records: batch.records,
      bytes: file.bytes,
      dropped: batch.dropped + file.lost,
      buffered: batch.buffered + file.units,
      lastError: file.error?.message,
      rotated: file.rotated,
      ...upkeep.counts(),
    }),
  }
}
