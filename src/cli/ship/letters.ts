import { readdirSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { hiddenName } from '../../segments/names.ts'
import { makeOwner } from '../../segments/spool/owner.ts'
import { readDeadLetters } from '../../shipping/dead-letter-source.ts'
import { createDeadLetters } from '../../shipping/dead-letters.ts'
import type { Destination } from '../../shipping/destination.ts'
import type { Shipped } from '../../shipping/shipped.ts'
import { createShipper, type Shipper } from '../../shipping/shipper.ts'
import type { Source } from '../../shipping/source.ts'
import type { ShipperStats } from '../../shipping/stats.ts'
import { durationText, recordsText } from '../../shipping/words.ts'
import { type Claim, claim, processOf } from './claim.ts'
import { withConstantFields } from './constant-fields.ts'
import { type ForeignLine, foreignLines, withTime } from './lines.ts'
import type { Plan } from './plan.ts'
import { codeOf, patienceFor, type Run, tellEvents } from './run.ts'
import type { Say } from './say.ts'
import { usageError } from './usage.ts'

const TOUCH_MS = 10_000
/** The file, its older half, and what an earlier run has taken aside. */
const LETTERS = /^(.+\.dead-letters\.ndjson)(?:\.1|\.taken-\d{6})?$/
const OTHERS = /^ship-([0-9a-f]{12})\.dead-letters\.ndjson$/

/**
 * Sends dead letters again, one file after the other. What is delivered is no longer in the file, what is refused again
 * is in it with the new reason.
 *
 * @param makeDestination each file has a shipper of its own, which closes its destination
 * @throws a usage error where there is no such file
 */
export function shipLetters(plan: Plan, makeDestination: () => Promise<Destination>, say: Say): Run {
  const files = filesOf(plan, say)
  let stopping = false
  let shipper: Shipper | undefined
  let stopShipper = (): void => {}
  const claims: Claim[] = []
  const touching = setInterval(() => {
    for (const one of claims) one.touch()
  }, TOUCH_MS)

  async function all(): Promise<number> {
    let code = 0
    for (const path of files) {
      code = Math.max(code, await one(path))
      if (stopping) break
    }
    clearInterval(touching)
    return code
  }

  async function one(path: string): Promise<number> {
    const got = claim(hiddenName(path, 'owner'), makeOwner(0))
    if (typeof got === 'string') {
      say.trouble(`${path} is being sent by ${processOf(got)} already; it is left to that.`)
      return 1
    }
    claims.push(got)
    try {
      return await send(path)
    } finally {
      claims.pop()
      got.release()
    }
  }

  async function send(path: string): Promise<number> {
    const deadLetters = createDeadLetters({
      path,
      maxBytes: plan.deadLetterBytes,
      onDropped: (_letters, message) => say.trouble(message),
    })
    const parse = foreignLines({ pattern: plan.pattern })
    const source = withFields(path, plan, parse, say)
    shipper = createShipper({
      destination: withoutExpiry(await makeDestination()),
      deadLetters,
      batch: plan.batch,
      timeoutMs: plan.destination.timeoutMs,
      onEvent: tellEvents(say, stop),
    })
    const sending = shipper
    let isDone = false
    const stopped = new Promise<void>((resolve) => {
      stopShipper = resolve
    })
    if (!stopping) await Promise.race([sending.add(source).then(() => (isDone = true)), stopped])
    // A shipper that is stopped closes its sources, ended or not.
    const isWhole = isDone
    await sending.stop(isDone ? 0 : patienceFor(sending.stats()))
    deadLetters.close()
    const stats = sending.stats()
    tell(path, stats)
    return isWhole || source.backlog === 0 ? codeOf(stats) : 1
  }

  function tell(path: string, { delivered, refused, lost }: ShipperStats): void {
    const rest =
      refused + lost === 0 ? '' : `, ${recordsText(refused)} refused again, ${recordsText(lost)} lost`
    say.news(`of ${path} ${recordsText(delivered)} delivered${rest}`)
  }

  function stop(): void {
    stopping = true
    stopShipper()
  }

  return { ended: all(), stop, status: () => ({ stats: shipper?.stats(), logs: [] }) }
}

/** @throws a usage error */
function filesOf({ paths, spoolDirectory, destinationId }: Plan, say: Say): string[] {
  const files = new Set<string>()
  for (const path of paths.length === 0 ? [spoolDirectory] : paths.map((one) => resolve(one))) {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) {
      const name = LETTERS.exec(basename(path))?.[1]
      files.add(name === undefined ? path : join(dirname(path), name))
      continue
    }
    for (const name of readdirSync(path)) {
      const file = LETTERS.exec(name)?.[1]
      if (file === undefined) continue
      const other = OTHERS.exec(file)?.[1] ?? destinationId
      if (other === destinationId) files.add(join(path, file))
      else
        say.trouble(
          `${join(path, file)} was refused by another destination; to send it here, name the file itself.`,
        )
    }
  }
  const missing = [...files].find((file) => !hasLetters(file))
  if (missing !== undefined)
    throw usageError(`there are no dead letters at ${missing}, expected a file or a spool's directory.`)
  if (files.size === 0)
    say.news(`there are no dead letters in ${paths.length === 0 ? spoolDirectory : paths.join(', ')}`)
  return [...files].sort()
}

function hasLetters(file: string): boolean {
  const directory = dirname(file)
  if (statSync(directory, { throwIfNoEntry: false }) === undefined) return false
  return readdirSync(directory).some((name) => LETTERS.exec(name)?.[1] === basename(file))
}

/** The letters, with the labels of the command line. */
function withFields(
  path: string,
  plan: Plan,
  parse: (text: string) => ForeignLine | undefined,
  say: Say,
): Source {
  const foreign = new WeakMap<object, ForeignLine>()
  const originals = new WeakMap<Shipped, Shipped>()
  const letters = readDeadLetters(path, {
    parse(line) {
      const found = parse(line)
      if (found === undefined) return undefined
      foreign.set(found.record, found)
      return { record: found.record, timeMs: found.timeMs ?? Date.now() }
    },
    onProblem: (message) => say.trouble(message),
  })
  const fields = { labels: plan.labels, defaults: {} }

  function enriched(letter: Shipped): Shipped {
    const found = withTime(foreign.get(letter.record) as ForeignLine, letter.timeMs)
    const { line, record } = withConstantFields(found, fields)
    const shipped = { ...letter, line, bytes: Buffer.byteLength(line), record }
    originals.set(shipped, letter)
    return shipped
  }

  return {
    name: letters.name,
    read: async (maxBytes, maxCount) => (await letters.read(maxBytes, maxCount)).map(enriched),
    wait: letters.wait,
    commit: (record) => letters.commit(originals.get(record) ?? record),
    get ended() {
      return letters.ended
    },
    get backlog() {
      return letters.backlog
    },
    close: letters.close,
  }
}

/**
 * What is too old for the destination is not given up, as it is elsewhere, but stays a dead letter: it is nowhere else.
 */
function withoutExpiry(destination: Destination): Destination {
  const { oldestMs } = destination
  if (oldestMs === undefined) return destination
  const isOld = ({ timeMs }: Shipped): boolean => timeMs < Date.now() - oldestMs
  const old = {
    kind: 'refuse',
    reason: `${destination.name} takes none older than ${durationText(oldestMs)}`,
  } as const
  return {
    ...destination,
    oldestMs: undefined,
    // Those that are too old make batches of their own.
    group: (record) => `${isOld(record) ? 'old ' : ''}${destination.group?.(record) ?? ''}`,
    send: async (records, signal) => (records.some(isOld) ? old : destination.send(records, signal)),
  }
}
