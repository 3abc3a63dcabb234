import { statSync } from 'node:fs'
import type { MessagePort } from 'node:worker_threads'
import { createRotation } from '../write/rotation.ts'
import { createWriter, type Writer } from '../write/writer.ts'
import {
  type Chunk,
  createProgress,
  type Mark,
  type Order,
  type PlainError,
  type Report,
  type WriteOrders,
} from './state.ts'

const RETRY_MS = 1000

/**
 * The thread's side of `createRemoteWriter`: appends each chunk that comes and says so. It blocks its thread
 * while a write does, while the other side has the turn, and for a second after a write that failed.
 */
export function serveWrites(orders: WriteOrders, port: MessagePort): void {
  const { settings } = orders
  const progress = createProgress(orders.memory)
  const say = (report: Report): void => port.postMessage(report)
  let writer = begin()
  // Of writers before this one.
  let bytes = 0
  let rotated = 0
  let returns = 0
  let suited: boolean | undefined

  function begin(): Writer {
    return createWriter({
      ...settings,
      rotation: createRotation(settings.rotation),
      now: Date.now,
      onOpened: () => say({ kind: 'opened' }),
      onRotated: (done) => say({ kind: 'rotated', done }),
      onRotationFailed: (error) => say({ kind: 'rotationFailed', error: plain(error) }),
      onShared: () => say({ kind: 'shared' }),
    })
  }

  function inTurn<T>(act: () => T): T {
    progress.begin()
    try {
      if (progress.returns !== returns) {
        // What the other side wrote is not somebody else's.
        returns = progress.returns
        writer.close()
      }
      return act()
    } finally {
      progress.count(bytes + writer.bytes, rotated + writer.rotated)
      progress.end()
    }
  }

  /** One try; true if the chunk is in the file, whoever wrote it. */
  function write({ sequence, lines }: Chunk): boolean {
    if (progress.reached(sequence)) return true
    const from = progress.part
    progress.mark = markFor(sequence, settings.path)
    const taken = writer.append(from === 0 ? lines : lines.slice(from))
    // At once: what the other side takes over must be in a file that is there.
    writer.verify()
    if (writer.pending() || writer.owed !== '') {
      replaceWriter()
      return false
    }
    if (from + taken < lines.length) progress.partIs(from + taken)
    else progress.finish(sequence)
    return from + taken === lines.length
  }

  /** The file was removed with the lines, and a new one can't be written: whoever has the next turn has them. */
  function replaceWriter(): void {
    bytes += writer.bytes
    rotated += writer.rotated
    writer = begin()
  }

  function writeAll(chunk: Chunk): void {
    for (let told = false; !inTurn(() => write(chunk)); progress.pause(RETRY_MS)) {
      if (!told) say({ kind: 'problem', error: lastError() })
      told = true
    }
    say({ kind: 'done' })
  }

  function sync(): void {
    const failed = !inTurn(() => writer.sync())
    say({ kind: 'synced', error: failed ? lastError() : undefined })
  }

  function lastError(): PlainError {
    return plain(writer.error ?? new Error('a write came back short'))
  }

  port.on('message', (order: Order) => {
    if (suited === undefined) {
      suited = isSuited(settings.path)
      if (!suited) say({ kind: 'unsuited' })
    }
    if (!suited) return
    if (order === 'rotate') inTurn(() => writer.rotate())
    else if (order === 'reopen') inTurn(() => writer.reopen())
    else if (order === 'sync') sync()
    else writeAll(order)
  })
}

/** A pipe or a device takes parts of lines, which only who wrote them can finish. */
function isSuited(path: string): boolean {
  try {
    const present = statSync(path, { throwIfNoEntry: false })
    return present === undefined || present.isFile() || present.isDirectory()
  } catch {
    return true
  }
}

function markFor(sequence: number, path: string): Mark {
  try {
    const present = statSync(path, { throwIfNoEntry: false })
    if (present !== undefined) return { sequence, ino: present.ino, size: present.size }
  } catch {
    // The append will say why.
  }
  return { sequence, ino: 0, size: 0 }
}

function plain(error: NodeJS.ErrnoException): PlainError {
  const { message, code, errno, syscall, path } = error
  return { message, code, errno, syscall, path }
}
