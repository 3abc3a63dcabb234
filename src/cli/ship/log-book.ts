import { hostname } from 'node:os'
import { hiddenName } from '../../segments/names.ts'
import type { ReaderProblem } from '../../segments/read/reader.ts'
import { makeOwner } from '../../segments/spool/owner.ts'
import type { Shipper } from '../../shipping/shipper.ts'
import { type Claim, claim, processOf } from './claim.ts'
import { beginAtEnd, createKeeper, keptAt } from './keeper.ts'
import { PATH_FIELD } from './labels.ts'
import { foreignLines } from './lines.ts'
import { type LogCounts, noLogCounts } from './log-counts.ts'
import { createLogSource, type LogSource } from './log-source.ts'
import { NO_LOG, stateOf } from './log-state.ts'
import type { Plan } from './plan.ts'
import type { LogStatus } from './run.ts'
import type { Say } from './say.ts'

/** The logs that are shipped. */
export interface LogBook {
  has(path: string): boolean
  /** One that was never shipped begins at its oldest file. */
  add(path: string): void
  /** Lets those that were never shipped begin behind what there is now. Never rejects. */
  beginAtEnd(): Promise<void>
  /**
   * Begins with logs that are not being read and may have something, as far as this process may.
   *
   * @param isWanted whether a log is still among those to be shipped; one that is not, and is gone, is forgotten
   */
  wake(isWanted: (path: string) => boolean): void
  /** Reads all of them to their present end, some at a time. Resolves when all of that is done with. */
  readAll(): Promise<void>
  /** Whether none could be read in part only, or belongs to another process. */
  readonly isWhole: boolean
  status(): LogStatus[]
  /** Gives the sign of life of who ships them: due every 10 s. */
  touch(): void
  /** From now on nothing more is read. */
  finish(): void
  release(): void
}

interface Log {
  readonly path: string
  readonly counts: LogCounts
  source: LogSource | undefined
  claim: Claim | undefined
  asleepAs: string | undefined
  /** Whether it was told that another process has it. */
  told: boolean
}

/** Logs that are read for the first time at once: each has a buffer and a file open. */
const MOST_NEW = 64

export function createLogBook(plan: Plan, shipper: Shipper, say: Say): LogBook {
  const logs = new Map<string, Log>()
  const name = `ship-${plan.destinationId}`
  const owner = makeOwner(0)
  const parse = foreignLines({ pattern: plan.pattern })
  const host = hostname()
  let finished = false

  /** False while another process ships it. */
  function isOurs(log: Log): boolean {
    if (log.claim !== undefined) return true
    try {
      const got = claim(hiddenName(keptAt(log.path, plan.state), `${name}.owner`), owner)
      if (typeof got === 'string') tellOnce(log, got)
      else log.claim = got
    } catch (error) {
      say.often('claim', `can't ship ${log.path}: ${(error as Error).message}. It is tried again.`)
    }
    return log.claim !== undefined
  }

  function tellOnce(log: Log, holder: string): void {
    if (!log.told)
      say.trouble(`${log.path} is shipped by ${processOf(holder)}; this one takes over when that ends.`)
    log.told = true
  }

  /** Resolves when it is read to its end and all of that is done with, or it is left as nothing comes. */
  async function read(log: Log): Promise<void> {
    const { path, counts } = log
    const onProblem = (message: string): void => say.often('checkpoint', message)
    const source = createLogSource({
      path,
      keeper: createKeeper({ path, name, state: plan.state, onProblem }),
      follow: !plan.once,
      parse,
      fields: { labels: { ...plan.labels, [PATH_FIELD]: path }, defaults: { host } },
      minLevel: plan.minLevel,
      counts,
      onProblem: (problem) => tell(log, problem),
      onUnmatched: plan.pattern === undefined ? undefined : () => tellUnmatched(path),
    })
    log.source = source
    await shipper.add(source)
    log.asleepAs = source.asleepAs
    log.source = undefined
  }

  function tellUnmatched(path: string): void {
    say.often('pattern', `a line of ${path} is not what --pattern says; it is shipped as { msg: line }.`)
  }

  function tell({ counts }: Log, { code, file, message }: ReaderProblem): void {
    // A log that was never shipped has none.
    if (code === 'checkpoint' && message.startsWith('the checkpoint is missing')) return
    if (code !== 'checkpoint' && code !== 'truncated') counts.problems++
    say.often(`reader.${code}`, `${file}: ${message.replace(/\.$/, '')}.`)
  }

  return {
    has: (path) => logs.has(path),
    add(path) {
      logs.set(path, {
        path,
        counts: noLogCounts(),
        source: undefined,
        claim: undefined,
        asleepAs: undefined,
        told: false,
      })
    },
    async beginAtEnd() {
      for (const log of logs.values()) {
        const { path } = log
        if (!isOurs(log)) continue
        await beginAtEnd({ path, name, state: plan.state }).catch((error: Error) =>
          say.trouble(`can't note where ${path} ends: ${error.message}. It is shipped from its beginning.`),
        )
      }
    },
    wake(isWanted) {
      let fresh = [...logs.values()].filter(({ source }) => source?.caughtUp === false).length
      for (const log of logs.values()) {
        if (log.source !== undefined || fresh >= MOST_NEW || finished || !isOurs(log)) continue
        if (log.asleepAs !== stateOf(log.path).text) {
          fresh++
          void read(log)
        } else if (log.asleepAs === NO_LOG && !isWanted(log.path)) {
          log.claim?.release()
          logs.delete(log.path)
        }
      }
    },
    async readAll() {
      const left = [...logs.values()]
      const some = async (): Promise<void> => {
        for (let log = left.shift(); log !== undefined && !finished; log = left.shift())
          if (isOurs(log)) await read(log)
      }
      await Promise.all(Array.from({ length: MOST_NEW }, some))
    },
    get isWhole() {
      return [...logs.values()].every(
        (log) => log.claim !== undefined && log.counts.problems + log.counts.tooLong === 0,
      )
    },
    status: () =>
      [...logs.values()].map(({ path, counts, source }) => ({ path, counts, backlog: source?.backlog ?? 0 })),
    touch() {
      for (const log of logs.values()) log.claim?.touch()
    },
    finish() {
      finished = true
      for (const { source } of logs.values()) source?.finish()
    },
    release() {
      for (const log of logs.values()) log.claim?.release()
    },
  }
}
