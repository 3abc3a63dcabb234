import { builtin } from '../config/builtin.ts'
import {
  bytesOf,
  checkOptions,
  isBoolean,
  isLevel,
  isNumber,
  isObject,
  isOneOf,
  isSize,
  isString,
  type OptionsSpec,
} from '../config/check.ts'
import type { LevelOrSilent } from '../config/levels.ts'
import { visible } from '../config/visible.ts'
import { createBatch, type Loss } from '../segments/batch.ts'
import { wantsColor } from './color.ts'
import { guardedHost, levelNumber, lossByLevel, lossLine, stderrHost } from './host.ts'
import { createOutput } from './output.ts'
import { createPretty, type PrettyKeys } from './pretty.ts'
import type { Transport, TransportHost } from './transport.ts'

/** How lines look; 'auto' is pretty on a terminal and JSON everywhere else, 'console' another name of pretty. */
export type ConsoleFormat = 'auto' | 'json' | 'pretty' | 'console'

export interface ConsoleTransportOptions {
  /** @default 'auto' */
  format?: ConsoleFormat | undefined
  /** Lowest level written. @default all */
  level?: LevelOrSilent | undefined
  /** Whether pretty lines are coloured. @default by FORCE_COLOR, NO_COLOR, TERM and whether it is a terminal */
  color?: boolean | undefined
  /** The descriptor: 1 is stdout, 2 stderr. @default 1 */
  fd?: number | undefined
  /** Written to in place of the descriptor: `process.stdout` of a worker made with `stdout: true`, or a test's. */
  stream?: { write(text: string): unknown; isTTY?: boolean | undefined } | undefined
  /** How much is held while the reader is stopped, in UTF-16 units or as '16MB'. @default '16MB' */
  bufferLimit?: number | string | undefined
  /** The record's keys where they are not the default schema's; for pretty. */
  keys?: PrettyKeys | undefined
  /** The transport's name in stats and on stderr. @default 'console' */
  name?: string | undefined
}

const SPEC: OptionsSpec<ConsoleTransportOptions> = {
  format: isOneOf('auto', 'json', 'pretty', 'console'),
  level: isLevel,
  color: isBoolean,
  fd: isNumber({ min: 0, integer: true }),
  stream: isObject,
  bufferLimit: isSize,
  keys: isObject,
  name: isString,
}

const STDOUT = 1
const WARN = 40
const FIRST_RETRY_MS = 5
const LONGEST_RETRY_MS = 100
const EXIT_WAIT_MS = 1000

/**
 * Writes to stdout: JSON lines, or coloured ones for people. Written at the end of each event-loop turn, error
 * and above at once. A slow reader costs neither order nor the event loop; `docs/console.md` has the rest.
 *
 * @throws TypeError ERR_SPOOR_OPTION for an option that is wrong
 */
export function consoleTransport(options: ConsoleTransportOptions = {}): Transport {
  checkOptions(options, SPEC, 'consoleTransport')
  const name = options.name ?? 'console'
  const fd = options.fd ?? STDOUT
  let host: TransportHost = stderrHost(name)
  let asides = 0
  let names: TransportHost['names']

  const output = createOutput({
    fd,
    stream: options.stream,
    render: renderOf(
      options,
      () => names,
      (error) =>
        host.report({
          code: 'pretty',
          message: `can't load pino-pretty (${error.message}); the console's lines are JSON. Install it, or set the format to json.`,
        }),
    ),
    onGone: (error) =>
      host.report({
        code: error.code ?? 'gone',
        message: `nobody reads the console's lines any more (${error.message}); they are counted as dropped.`,
      }),
    onReady: () => batch.retry(),
    onLoop: () =>
      host.report({
        code: 'loop',
        message: `the stream's write logs what it is given; ${options.stream === undefined ? 'the lines pass it by from now on and go to the descriptor' : 'what it logs meanwhile is dropped'}.`,
      }),
  })

  const batch = createBatch({
    commit: output.commit,
    pending: output.pending,
    bufferLimit: bytesOf(options.bufferLimit ?? '16MB'),
    retryMs: [FIRST_RETRY_MS, LONGEST_RETRY_MS],
    keepAlive: true,
    exitWaitMs: EXIT_WAIT_MS,
    onLoss: tellLoss,
    onRecovered: (loss) => {
      if (loss.dropped === 0) return
      const message = `the console is read again; ${loss.dropped} records were lost (${lossByLevel(loss)}).`
      host.report({ code: 'recovered', message, dropped: loss.dropped })
      batch.add(lossLine(host, name, loss, cause()), WARN)
    },
  })

  function cause(): string {
    return output.error?.message ?? 'the reader was too slow'
  }

  function tellLoss(loss: Loss, final: boolean): void {
    const message = final
      ? `${loss.dropped} of the console's records were lost (${lossByLevel(loss)}): ${cause()}.`
      : `the console's records are being lost, lowest levels first: ${cause()}.`
    host.report({ code: 'dropped', message, dropped: loss.dropped })
  }

  return {
    name,
    level: levelNumber(options.level),
    attach(given) {
      host = guardedHost(given, name)
      names = given.names
    },
    write(line, level) {
      if (output.writing) {
        asides++
        output.aside(line)
      } else batch.add(line, level)
    },
    flushSync() {
      batch.flush()
    },
    flush: batch.drained,
    close: () => batch.close(EXIT_WAIT_MS),
    stats: () => ({
      records: batch.records + asides,
      bytes: output.bytes,
      dropped: batch.dropped + output.lost,
      buffered: batch.buffered,
      lastError: output.error?.message,
    }),
  }
}

/** What turns a line into what is shown, made when the first one comes; undefined where lines stay JSON. */
function renderOf(
  options: ConsoleTransportOptions,
  names: () => TransportHost['names'],
  onFailure: (error: Error) => void,
): ((line: string) => string) | undefined {
  const { format = 'auto', fd = STDOUT, stream } = options
  const isTerminal = stream === undefined ? builtin('node:tty').isatty(fd) : stream.isTTY === true
  if (format === 'json' || (format === 'auto' && !isTerminal)) return undefined
  let pretty: ((line: string) => string) | undefined
  return (line) => {
    if (pretty === undefined) {
      try {
        pretty = createPretty(options.color ?? wantsColor(process.env, isTerminal), options.keys, names())
      } catch (error) {
        pretty = (unchanged) => unchanged
        onFailure(error as Error)
      }
    }
    try {
      return pretty(line)
    } catch {
      return `${visible(line.replace(/\n$/, ''))}\n`
    }
  }
}
