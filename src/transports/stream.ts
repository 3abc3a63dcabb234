import type { Writable } from 'node:stream'
import { bytesOf, checkOptions, isLevel, isSize, isString, type OptionsSpec } from '../config/check.ts'
import { optionError } from '../config/errors.ts'
import type { LevelOrSilent } from '../config/levels.ts'
import { createBatch } from '../segments/batch.ts'
import { outsideScopes } from '../segments/timers.ts'
import { guardedHost, levelNumber, lossByLevel, lossLine, stderrHost } from './host.ts'
import type { Transport, TransportHost } from './transport.ts'

export interface StreamTransportOptions {
  /** The transport's name in stats and on stderr. @default 'stream' */
  name?: string | undefined
  /** Lowest level written. @default all */
  level?: LevelOrSilent | undefined
  /** How much is held while the stream asks to wait, in UTF-16 units or as '16MB'. @default '16MB' */
  bufferLimit?: number | string | undefined
}

const SPEC: OptionsSpec<StreamTransportOptions> = { name: isString, level: isLevel, bufferLimit: isSize }
const BUFFER_LIMIT = 16 * 1024 * 1024
const RETRY_MS = 1000
// For a stream that is slow and not dead.
const CLOSE_WAIT_MS = 10_000
const WARN = 40

/**
 * Writes to any Writable: a rotating-file-stream, a socket. It stops while the stream asks to wait and goes on
 * at its 'drain'; when the stream has ended or failed, records are counted as dropped.
 *
 * What is handed over is the stream's own from then on: most write asynchronously, and lose what they still hold
 * when the process ends. `flush()` waits for the stream's callbacks; at exit nobody can.
 *
 * @throws TypeError ERR_SPOOR_OPTION for an option that is wrong, or a stream that is none
 */
export function streamTransport(stream: Writable, options: StreamTransportOptions = {}): Transport {
  if (typeof stream?.write !== 'function' || typeof stream.on !== 'function') {
    const expected = 'a Writable: an object with write() and on()'
    throw optionError({ option: 'streamTransport(stream)', value: stream, expected })
  }
  checkOptions(options, SPEC, 'streamTransport')
  const name = options.name ?? 'stream'
  let host: TransportHost = stderrHost(name)
  let bytes = 0
  let lost = 0
  let unwritten = 0
  let waiting = false
  let ended = false
  let lastError: string | undefined
  let waiters: (() => void)[] = []

  const batch = createBatch({
    commit,
    bufferLimit: bytesOf(options.bufferLimit ?? BUFFER_LIMIT),
    retryMs: [RETRY_MS, RETRY_MS],
    keepAlive: false,
    onLoss: (loss, final) =>
      host.report({
        code: 'dropped',
        message: `the stream is too slow: ${final ? `${loss.dropped} records were lost (${lossByLevel(loss)})` : 'records are being lost, lowest levels first'}.`,
        dropped: loss.dropped,
      }),
    onRecovered: (loss) => {
      if (loss.dropped === 0) return
      const message = `the stream takes records again; ${loss.dropped} were lost (${lossByLevel(loss)}).`
      host.report({ code: 'recovered', message, dropped: loss.dropped })
      batch.add(lossLine(host, name, loss, 'the stream was too slow'), WARN)
    },
  })

  function commit(lines: string): number {
    if (ended || stream.destroyed || stream.writableEnded) {
      end('the stream has ended')
      lost += countLines(lines)
      return lines.length
    }
    if (waiting) return 0
    const length = Buffer.byteLength(lines)
    unwritten++
    try {
      waiting = !outsideScopes(() => stream.write(lines, settled))
      bytes += length
    } catch (error) {
      settled()
      end((error as Error).message)
      lost += countLines(lines)
    }
    return lines.length
  }

  function settled(): void {
    unwritten--
    if (unwritten > 0) return
    const released = waiters
    waiters = []
    for (const resolve of released) resolve()
  }

  function end(reason: string): void {
    if (ended) return
    ended = true
    waiting = false
    lastError = reason
    host.report({
      code: 'ended',
      message: `${reason}; the transport '${name}' writes no more and counts what comes.`,
    })
    // What is held is counted now, not at the next record.
    batch.retry()
  }

  stream.on('drain', () => {
    waiting = false
    batch.retry()
  })
  stream.on('error', (error: Error) => end(error.message))
  stream.on('close', () => end('the stream was closed'))

  async function flush(): Promise<void> {
    await batch.drained()
    if (unwritten > 0 && !ended) await new Promise<void>((resolve) => waiters.push(resolve))
  }

  return {
    name,
    level: levelNumber(options.level),
    attach(given) {
      host = guardedHost(given, name)
    },
    write: batch.add,
    flushSync() {
      batch.flush()
    },
    flush,
    async close() {
      await batch.close(CLOSE_WAIT_MS)
      if (unwritten > 0 && !ended) await new Promise<void>((resolve) => waiters.push(resolve))
      ended = true
    },
    stats: () => ({
      records: batch.records,
      bytes,
      dropped: batch.dropped + lost,
      buffered: batch.buffered,
      lastError,
    }),
  }
}

function countLines(lines: string): number {
  let count = 0
  for (let at = lines.indexOf('\n'); at !== -1; at = lines.indexOf('\n', at + 1)) count++
  return count
}
