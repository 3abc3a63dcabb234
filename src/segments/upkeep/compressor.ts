import type { Worker } from 'node:worker_threads'
import { builtin } from '../../config/builtin.ts'
import { after, clearTimeout } from '../timers.ts'
import { type CompressJob, type CompressResult, compressFile } from './compress.ts'

export interface CompressorOptions {
  /** The thread's entry; without it the work is done on this thread, where zlib's own threads do most of it. */
  readonly file: string | undefined
  readonly signal: AbortSignal
  /** Told once when the thread could not start or has died; the work goes on without it. */
  readonly onThreadLost: (error: Error) => void
}

/** Compresses files one after the other, in a thread that starts with the first and never holds the process. */
export interface Compressor {
  /** Never rejects. One at a time. */
  compress(job: CompressJob): Promise<CompressResult>
  /** Ends the thread. */
  end(): Promise<void>
}

const STOP_MS = 1000

export function createCompressor({ file, signal, onThreadLost }: CompressorOptions): Compressor {
  let usable = file !== undefined
  let worker: Worker | undefined
  let answer: ((result: CompressResult | undefined) => void) | undefined
  let patience: NodeJS.Timeout | undefined

  function start(entry: string): Worker {
    const { Worker } = builtin('node:worker_threads')
    // Nothing of the program's own: what it preloads would run once more in here.
    const made = new Worker(entry, { workerData: { kind: 'compress' }, execArgv: [], env: {}, name: 'spoor' })
    made.on('message', settle)
    made.on('error', lost)
    made.on('exit', () => lost(new Error('it has ended')))
    // Last: a listener for messages holds the process again.
    made.unref()
    return made
  }

  function settle(result: CompressResult | undefined): void {
    const waiting = answer
    answer = undefined
    waiting?.(result)
  }

  function lost(error: Error): void {
    if (!usable) return
    usable = false
    worker = undefined
    if (!signal.aborted) onThreadLost(error)
    settle(undefined)
  }

  function inThread(job: CompressJob): Promise<CompressResult | undefined> {
    return new Promise((resolve) => {
      answer = resolve
      try {
        worker ??= start(file as string)
        worker.postMessage(job)
      } catch (error) {
        lost(error as Error)
      }
    })
  }

  /** Who stops waits for the answer, so the thread holds the process for that long. */
  function stop(): void {
    if (worker === undefined) return
    worker.ref()
    worker.postMessage('stop')
    patience = after(STOP_MS, () => void worker?.terminate())
  }

  signal.addEventListener('abort', stop)

  return {
    async compress(job) {
      const result = usable ? await inThread(job) : undefined
      if (result !== undefined) return result
      return signal.aborted ? { outcome: 'cancelled' } : compressFile(job, signal)
    },
    async end() {
      usable = false
      signal.removeEventListener('abort', stop)
      clearTimeout(patience)
      await worker?.terminate()
      worker = undefined
    },
  }
}
