import { type ChildProcess, fork } from 'node:child_process'
import type { FileTransportOptions } from '../../src/transports/file-options.ts'
import type { Bundle } from '../support/bundle.ts'
import { type Ended, ended } from './child.ts'

/** What a child's bundle has to hold. */
export const ROOMS = ['transports/file.ts', 'segments/upkeep/maintenance.ts', '../test/faults/numbered.ts']

export interface WriterOptions {
  readonly path: string
  readonly options: Omit<FileTransportOptions, 'path'>
  /** The writers' numbers; each is a process, or a thread where there are `threads`. */
  readonly writers: readonly number[]
  /** Records that each writes as fast as it can; then it goes on slowly if it is `lasting`. */
  readonly count: number
  readonly lasting?: boolean
  /** Ms between two turns of a writer that goes on slowly. @default 1 */
  readonly pace?: number
  /** Records of a turn, at most. */
  readonly atOnce?: number
}

/** What a writer last told. */
export interface Told {
  /** Records that are in the kernel. */
  readonly written: number
  readonly rotated: number
  readonly compressed: number
  readonly deleted: number
  readonly dropped: number
  /** It has closed its transport. */
  readonly over: boolean
}

/** Writers in a process of their own. */
export interface Writers {
  readonly child: ChildProcess
  /** When all of them can begin. */
  readonly ready: Promise<void>
  readonly over: Promise<Ended>
  /** By writer. */
  readonly told: ReadonlyMap<number, Told>
  /** Lets them write, from `at` on (epoch ms). */
  go(at?: number): void
  /** Lets them close their transports and end. */
  stop(): void
  /** Lets them end by process.exit in the middle of a turn; each says on stdout how many it had logged. */
  exit(): void
}

const WRITER = `
  import { writeSync } from 'node:fs'
  import { isMainThread, parentPort } from 'node:worker_threads'
  import { fileTransport, lineOf } from './spoor.mjs'
  const { path, options, count, lasting, atOnce = 7, pace = 1, writer } = JSON.parse(process.argv[2])
  const port = isMainThread ? process : parentPort
  const tell = (message, then) => {
    if (isMainThread) process.send({ writer, ...message }, then)
    else { parentPort.postMessage({ writer, ...message }); then?.() }
  }
  const out = fileTransport({ ...options, path, rotate: 'off' })
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  let n = 0
  let order
  const log = (most) => { for (let i = 0; i < most && (lasting || n < count); i++) out.write(lineOf(writer, n++), 30) }
  const state = () => {
    const { rotated, compressed, deleted, dropped } = out.stats()
    return { written: n, rotated, compressed, deleted, dropped, over: false }
  }
  async function write() {
    while (n < count || (lasting && order === undefined)) {
      log(1 + n % atOnce)
      if (order === 'exit') break
      await turn()
      if (n < count && !lasting) continue
      tell(state())
      if (n >= count) await new Promise((resolve) => setTimeout(resolve, pace))
    }
    if (order === 'exit') {
      process.on('exit', () => writeSync(1, String(n)))
      log(3)
      process.exit()
    }
    await out.close()
    tell({ ...state(), over: true }, () => isMainThread ? process.disconnect() : parentPort.close())
  }
  port.on('message', (message) => {
    if (message.go === undefined) { order = message.order; return }
    while (Date.now() < message.go);
    void write()
  })
  tell({ ready: true })
`

// Passes on what the parent and the threads say to each other.
const THREADS = `
  import { Worker } from 'node:worker_threads'
  const given = JSON.parse(process.argv[2])
  let left = given.writers.length
  const workers = given.writers.map((writer) => {
    const argv = [JSON.stringify({ ...given, writer })]
    const worker = new Worker(new URL('./writer.mjs', import.meta.url), { argv })
    worker.on('message', (message) => process.send(message))
    worker.on('exit', () => { if (--left === 0) process.disconnect() })
    return worker
  })
  process.on('message', (message) => workers.forEach((worker) => worker.postMessage(message)))
`

/** Starts a process of writers: one writer, or a thread for each. */
export function startWriters(bundle: Bundle, given: WriterOptions): Writers {
  const writer = bundle.script('writer.mjs', WRITER)
  const [first] = given.writers
  const threads = given.writers.length > 1
  const script = threads ? bundle.script('threads.mjs', THREADS) : writer
  const args = [JSON.stringify({ ...given, writer: first })]
  const child = fork(script, args, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
  const told = new Map<number, Told>()
  const over = ended(child)
  let waiting = given.writers.length
  const ready = new Promise<void>((resolve, reject) => {
    child.on('message', (message: Told & { writer: number; ready?: true }) => {
      if (message.ready !== true) told.set(message.writer, message)
      else if (--waiting === 0) resolve()
    })
    void over.then(({ code, signal, stderr }) =>
      reject(new Error(`it ended with ${code ?? signal} before it was ready: ${stderr}`)),
    )
  })
  return {
    child,
    ready,
    over,
    told,
    go: (at = 0) => child.send({ go: at }),
    stop: () => child.send({ order: 'stop' }),
    exit: () => child.send({ order: 'exit' }),
  }
}

/** Lets all begin at the same moment. */
export async function together(all: readonly Writers[]): Promise<void> {
  await Promise.all(all.map(({ ready }) => ready))
  const at = Date.now() + 20
  for (const each of all) each.go(at)
}

/** Resolves when what the writers told fulfils `enough`; looks at each message. */
export function until(all: readonly Writers[], enough: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      if (!enough()) return
      for (const { child } of all) child.off('message', look)
      resolve()
    }
    for (const { child, over } of all) {
      child.on('message', look)
      void over.then(({ stderr }) => reject(new Error(`a writer has ended: ${stderr}`)))
    }
    look()
  })
}

/** The sum of what all writers told last. */
export function sumOf(
  all: readonly Writers[],
  key: 'rotated' | 'compressed' | 'deleted' | 'dropped',
): number {
  return all.flatMap(({ told }) => [...told.values()]).reduce((sum, each) => sum + each[key], 0)
}
