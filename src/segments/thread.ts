// The entry of spoor's worker threads: a file of its own in dist, found by thread-file.ts.
import { constants, setPriority } from 'node:os'
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
  giveWay()
  const stopping = new AbortController()
  port.on('message', async (job: CompressJob | 'stop') => {
    if (job === 'stop') stopping.abort()
    else port.postMessage(await compressFile(job, stopping.signal, true))
  })
}

// For Linux 0 is the calling thread, for others the process. In Node's pool zlib would have the service's priority.
function giveWay(): void {
  if (process.platform !== 'linux') return
  try {
    setPriority(0, constants.priority.PRIORITY_LOW)
  } catch {
    // Refused by a sandbox: it is done all the same.
  }
}

if (parentPort !== null) KINDS[(workerData as { kind: string }).kind]?.(parentPort)
