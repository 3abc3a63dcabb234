// The entry of spoor's worker threads: a file of its own in dist, found by thread-file.ts.
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { serveWrites } from './remote/serve.ts'
import { type CompressJob, compressFile } from './upkeep/compress.ts'

/** What a thread is for, by `workerData.kind`. */
const KINDS: Readonly<Record<string, (port: MessagePort) => void>> = {
  compress,
  write: (port) => serveWrites(workerData, port),
}

/** One job at a time, each answered with its result; 'stop' cancels the one at hand. */
function compress(port: MessagePort): void {
  const stopping = new AbortController()
  port.on('message', async (job: CompressJob | 'stop') => {
    if (job === 'stop') stopping.abort()
    else port.postMessage(await compressFile(job, stopping.signal))
  })
}

if (parentPort !== null) KINDS[(workerData as { kind: string }).kind]?.(parentPort)
