import { join } from 'node:path'
import { createDeadLetters } from '../../shipping/dead-letters.ts'
import type { Destination } from '../../shipping/destination.ts'
import { createShipper } from '../../shipping/shipper.ts'
import { checkKeeping } from './keeper.ts'
import { withRecords } from './letters-with-records.ts'
import { createLogBook } from './log-book.ts'
import { findLogs, type Wanted, wantedOf } from './paths.ts'
import { lettersPathOf, type Plan } from './plan.ts'
import { codeOf, patienceFor, type Run, tellEvents } from './run.ts'
import type { Say } from './say.ts'
import { usageError } from './usage.ts'

const LOOK_MS = 1000
const TOUCH_MS = 10_000
const NONE = new Set<string>()

/**
 * Ships logs, also those that come later.
 *
 * @throws a usage error where a log that is to be shipped once is not there, or it can't be kept how far it was shipped
 */
export async function shipLogs(plan: Plan, destination: Destination, say: Say): Promise<Run> {
  const wanted = plan.paths.map(wantedOf)
  await check(wanted, plan)
  const deadLetters = createDeadLetters({
    path: lettersPathOf(plan, wanted[0]?.directory ?? '.'),
    maxBytes: plan.deadLetterBytes,
    onDropped: (_letters, message) => say.often('dead-letters', message),
  })
  const shipper = createShipper({
    destination,
    deadLetters: withRecords(deadLetters),
    batch: plan.batch,
    timeoutMs: plan.destination.timeoutMs,
    onEvent: tellEvents(say, plan.once ? stop : undefined),
  })
  const book = createLogBook(plan, shipper, say)
  const timers = [setInterval(look, LOOK_MS), setInterval(book.touch, TOUCH_MS)]
  let isDone = false
  let stopping = false
  let end = (_code: number): void => {}
  const ended = new Promise<number>((resolve) => {
    end = resolve
  })

  function find(): readonly string[] {
    const { logs, missing, unreadable } = findLogs(wanted, book)
    for (const path of unreadable)
      say.often(
        'compressed',
        `${path} is left out: compressed files are read as part of a log, as app.log.2.gz is.`,
      )
    for (const path of missing) say.often('missing', `${path} is not there; it is shipped when it comes.`)
    return logs
  }

  function look(): void {
    if (plan.once || stopping) return
    const found = new Set(find())
    for (const path of found) {
      if (book.has(path)) continue
      book.add(path)
      say.news(`${path} has come and is shipped too`)
    }
    book.wake((path) => found.has(path))
  }

  async function shipOnce(): Promise<void> {
    await book.readAll()
    isDone = !stopping
    stop()
  }

  function stop(): void {
    if (stopping) return
    stopping = true
    void finish()
  }

  async function finish(): Promise<void> {
    book.finish()
    await shipper.stop(patienceFor(shipper.stats()))
    for (const timer of timers) clearInterval(timer)
    book.release()
    deadLetters.close()
    const stats = shipper.stats()
    if (!plan.once) end(0)
    else end(isDone && book.isWhole ? codeOf(stats) : 1)
  }

  for (const path of find()) book.add(path)
  if (plan.from === 'end') await book.beginAtEnd()
  if (plan.once) void shipOnce()
  else look()
  return { ended, stop, status: () => ({ stats: shipper.stats(), logs: book.status() }) }
}

async function check(wanted: readonly Wanted[], plan: Plan): Promise<void> {
  const { missing } = findLogs(wanted, NONE)
  if (plan.once && missing.length > 0)
    throw usageError(`${missing.join(', ')} is not there, expected a log, a directory or a name with a *.`)
  for (const directory of new Set(wanted.map((one) => one.directory)))
    await checkKeeping(join(directory, 'log'), plan.state)
}
