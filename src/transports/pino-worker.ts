import { createRequire } from 'node:module'
import type { WorkerOptions } from 'node:worker_threads'
import { outsideScopes } from '../segments/timers.ts'

/** What is used of the stream that `pino.transport` returns: thread-stream's, which keeps a worker. */
export interface PinoWorker {
  /** False once it holds more than 4 MiB that its worker has not read; it takes it all the same. */
  write(lines: string): boolean
  flush(done: () => void): void
  /** Blocks until the worker has read everything; throws after 10 s. */
  flushSync(): void
  /** Blocks until the worker has closed its destination; gives up after 10 s. */
  end(): void
  ref(): void
  on(event: 'ready' | 'drain' | 'close', told: () => void): unknown
  on(event: 'error', told: (error: Error) => void): unknown
  emit(event: 'message', message: unknown): boolean
  readonly destroyed: boolean
  readonly writableEnded: boolean
  readonly writableNeedDrain: boolean
  readonly writableErrored?: Error | null
  readonly worker: { terminate(): Promise<number> }
}

/** What `pino.transport` is asked for. */
export interface PinoRequest {
  readonly target?: string | undefined
  readonly options?: object | undefined
  readonly targets?: readonly object[] | undefined
  readonly pipeline?: readonly object[] | undefined
  readonly levels?: Readonly<Record<string, number>> | undefined
  readonly dedupe?: boolean | undefined
  readonly worker?: WorkerOptions | undefined
  /** Files from which modules are looked for, best first. */
  readonly caller: readonly string[]
}

/**
 * Starts the worker of a pino transport.
 *
 * @throws Error where the module can't be found or the options can't be sent to a worker
 */
export function startPinoWorker(request: PinoRequest): PinoWorker {
  const before = new Set(process.listeners('exit'))
  const caller = [...request.caller, `${process.cwd()}/`, here()]
  // Its end is ours to choose: pino's own comes before the records of exit handlers that were put later.
  const worker = { ...request.worker, autoEnd: false }
  const made: PinoWorker = outsideScopes(() => transportOf()({ ...request, caller, worker }))
  // One for each transport until it is ready, for the same end; from ten on Node warns of a leak.
  for (const listener of process.listeners('exit')) {
    if (!before.has(listener)) process.removeListener('exit', listener)
  }
  return made
}

// In the CommonJS build import.meta is empty.
function here(): string {
  return typeof __filename === 'string' ? __filename : import.meta.url
}

/** Loaded with the first transport: what is imported only to log to files does without. */
function transportOf(): (request: object) => PinoWorker {
  return createRequire(here())('pino').transport
}

const MOST_FRAMES = 50

/** The files on the stack above `callee`, nearest first: where a module's name is looked for, as pino does it. */
export function callersOf(callee: (...args: never[]) => unknown): string[] {
  const { stackTraceLimit, prepareStackTrace } = Error
  const holder: { stack?: unknown } = {}
  try {
    Error.stackTraceLimit = MOST_FRAMES
    Error.prepareStackTrace = (_error, frames) => frames
    Error.captureStackTrace(holder, callee)
    const frames = (Array.isArray(holder.stack) ? holder.stack : []) as NodeJS.CallSite[]
    const files = frames.map((frame) => frame.getFileName())
    return [...new Set(files.filter((file): file is string => !!file && !file.startsWith('node:')))]
  } finally {
    Error.stackTraceLimit = stackTraceLimit
    // Assigning undefined would leave a property behind that Node takes for a user's own.
    if (prepareStackTrace === undefined) delete (Error as Partial<ErrorConstructor>).prepareStackTrace
    else Error.prepareStackTrace = prepareStackTrace
  }
}

const endings = new Set<() => void>()

/**
 * Calls `end` at exit, after the other exit handlers have logged.
 *
 * @returns a function that takes it back
 */
export function endAtExit(end: () => void): () => void {
  endings.add(end)
  stayLast()
  return () => {
    endings.delete(end)
    if (endings.size === 0) process.removeListener('exit', endAll)
  }
}

/** Puts our exit handler behind those that have come since, whose records are still to be taken. */
export function stayLast(): void {
  if (process.listeners('exit').at(-1) === endAll) return
  process.removeListener('exit', endAll)
  process.on('exit', endAll)
}

function endAll(): void {
  for (const end of endings) {
    try {
      end()
    } catch {
      // The others still have records to save.
    }
  }
}
