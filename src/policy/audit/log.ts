import { auditError } from '../../config/errors.ts'
import { beforeExit, isExiting } from '../../config/exit.ts'
import { hiddenName } from '../../segments/names.ts'
import { atEndOfTurn } from '../../segments/timers.ts'
import { onDemand } from '../../segments/upkeep/on-demand.ts'
import type { UpkeepHost } from './audit-upkeep.ts'
import type { Entry } from './batch.ts'
import { type Appended, createChain } from './chain.ts'
import { createHeadFile, type Head } from './head.ts'
import { readKey } from './key.ts'
import type { AuditSettings } from './settings.ts'
import { inTurnNow, takeTurn } from './turn.ts'

export interface AuditLogOptions extends AuditSettings {
  /** Makes a record of spoor's own, `{…}` and a newline. */
  readonly line: (msg: string, fields: Readonly<Record<string, unknown>>) => string
  /** Tells the operator, in one sentence. */
  readonly report: (code: string, message: string) => void
}

/** The audit log as one logger writes it. */
export interface AuditLog {
  /**
   * Appends a record, `{…}` and a newline. Those of one event-loop turn, and those that come while the disk is waited
   * for, are made durable together.
   *
   * @returns resolves when it is durable, and the head file with it; rejects with ERR_SPOOR_AUDIT, which is told
   *   where nobody listens too
   */
  append(line: string): Promise<void>
  /** Resolves when all that was appended is durable or given up, and gives back what it holds. Never rejects. */
  close(): Promise<void>
}

interface Waiting extends Entry {
  resolve(): void
  reject(error: Error): void
}

// What a disk that hangs may cost.
const MOST_UNITS = 16 * 1024 * 1024

/**
 * Makes it; nothing is touched before the first record.
 *
 * @throws ERR_SPOOR_AUDIT where the key can't be read
 */
export function createAuditLog(options: AuditLogOptions): AuditLog {
  const { path, mode, directoryMode, report, line } = options
  const key = readKey(options)
  const head = options.head === undefined ? undefined : createHeadFile(options.head, key, mode)
  const order = { path: hiddenName(path, 'order'), mode, directoryMode }
  const tellRemoval: UpkeepHost['tellRemoval'] = ({ file, seq, hash }) =>
    add(line('audit file removed by retention', { component: 'spoor', file, through_seq: seq }), hash)
  const upkeep = onDemand(
    path,
    async () => {
      const { startUpkeep } = await import('./audit-upkeep.ts')
      return () => startUpkeep(options, { report, tellRemoval })
    },
    (message) => report('maintenance', message),
  )
  const chain = createChain({
    ...options,
    key,
    head,
    onOpened: upkeep.begin,
    onRotated: upkeep.rotated,
    onRotationFailed: (message) =>
      report('rotation', `can't rotate ${path}: ${message}. It is written on past its size.`),
    onSuspicion: (message) => report('suspicion', `${path}: ${message}. Look with: spoor verify ${path}`),
  })
  let waiting: Waiting[] = []
  // Written and not durable yet.
  let group: Waiting[] = []
  let last: Head | undefined
  let units = 0
  let running: Promise<void> | undefined
  let forget: (() => void) | undefined

  function add(text: string, removed?: string): Promise<void> {
    const promise = new Promise<void>((resolve, reject) => {
      const entry = { line: text, removed, resolve, reject }
      units += text.length
      if (units <= MOST_UNITS) waiting.push(entry)
      else fail([entry], auditError(`too many audit records wait for ${path}: the disk does not answer`))
    })
    // Who does not await it must not have the process ended by it; who does sees the error all the same.
    promise.catch(() => {})
    forget ??= beforeExit(finish)
    if (isExiting()) finish()
    else running ??= run()
    return promise
  }

  async function run(): Promise<void> {
    await new Promise<void>((resolve) => atEndOfTurn(resolve))
    while (waiting.length > 0) {
      await writeGroup()
      await makeDurable()
    }
    running = undefined
  }

  async function writeGroup(): Promise<void> {
    try {
      const turn = await takeTurn(order)
      try {
        write()
      } finally {
        turn.release()
      }
    } catch (error) {
      fail(takeWaiting(), notWritten(error))
    }
  }

  function takeWaiting(): Waiting[] {
    const taken = waiting
    waiting = []
    return taken
  }

  function write(): void {
    const entries = takeWaiting()
    const appended: Appended = chain.append(entries)
    group.push(...entries.slice(0, appended.count))
    last = appended.last ?? last
    if (appended.error !== undefined) fail(entries.slice(appended.count), notWritten(appended.error))
  }

  async function makeDurable(): Promise<void> {
    if (group.length === 0) return
    try {
      await chain.sync()
      if (last !== undefined) await head?.write(last)
      settle()
    } catch (error) {
      fail(takeGroup(), notDurable(error))
    }
  }

  function takeGroup(): Waiting[] {
    const taken = group
    group = []
    return taken
  }

  function settle(): void {
    for (const entry of takeGroup()) {
      units -= entry.line.length
      entry.resolve()
    }
  }

  function fail(entries: readonly Waiting[], error: Error): void {
    for (const entry of entries) {
      units -= entry.line.length
      entry.reject(error)
    }
    if (entries.length > 0)
      report(
        'failed',
        `${error.message.replace(/^spoor: /, '')}. ${entries.length} audit records are concerned; who awaits logger.audit() sees ERR_SPOOR_AUDIT.`,
      )
  }

  function notWritten(error: unknown): Error {
    return auditError(`can't write the audit log ${path}: ${(error as Error).message}`, error)
  }

  function notDurable(error: unknown): Error {
    return auditError(
      `audit records are in ${path} but are not known to be durable: ${(error as Error).message}`,
      error,
    )
  }

  /** At the process's end: blocking, with whatever waits at this moment. */
  function finish(): void {
    try {
      if (waiting.length > 0) inTurnNow(order, write)
    } catch (error) {
      fail(takeWaiting(), notWritten(error))
    }
    if (group.length === 0) return
    try {
      chain.syncNow()
      if (last !== undefined) head?.writeNow(last)
      settle()
    } catch (error) {
      fail(takeGroup(), notDurable(error))
    }
  }

  return {
    append: (text) => add(text),
    async close() {
      await upkeep.end()
      while (running !== undefined) await running
      forget?.()
      forget = undefined
      chain.leave()
    },
  }
}
