// A library in its process, and what of its records has arrived.

import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { start } from './child.js'
import { LIBRARIES } from './ship-libraries.js'

const SHOWN = 2000

/** Starts a library; ask({ kind, … }) has the answers of ship-one.js. `spec`: { backend, library, url, run }. */
export async function openContender(folder, spec) {
  const into = join(folder, 'ship')
  mkdirSync(into)
  // What it complains of during an outage is not for the terminal.
  const stderr = join(into, 'stderr')
  const child = start('ship-one.js', [JSON.stringify({ ...spec, folder: into })], { stderr })
  const exited = once(child, 'exit')
  const ended = exited.then(([code, signal]) => {
    const said = readFileSync(stderr, 'utf8').slice(-SHOWN)
    throw new Error(`${spec.library} for ${spec.backend} ended (${signal ?? code}): ${said}`)
  })
  // It is also ended by us.
  ended.catch(() => {})
  const answer = async () => (await Promise.race([once(child, 'message'), ended]))[0]
  await answer()
  return {
    folder: into,
    ask(order) {
      const heard = answer()
      child.send(order)
      return heard
    },
    said: () => readFileSync(stderr, 'utf8'),
    async close() {
      child.kill('SIGKILL')
      await exited
      rmSync(into, { recursive: true, maxRetries: 3 })
    },
  }
}

export const quietOf = ({ backend, library }) => LIBRARIES[backend][library].quietMs

const POLL_MS = 100
const LONGEST_MS = 120_000
// What is complete may still be doubled.
const SETTLED_MS = 700

/**
 * Polls until `count()` records are there, or nothing has come for `quietMs`, at most two minutes. Gives when the last
 * came (epoch ms, within the poll's 100 ms) and all that was seen: [{ at, count }].
 */
export async function arrived(watch, { count, quietMs }) {
  const begun = Date.now()
  const seen = []
  let last
  let since = begun
  for (;;) {
    const look = await watch.look()
    if (look.sign !== last) {
      last = look.sign
      // What is there already may have come long ago.
      since = Math.max(begun, look.at ?? Date.now())
      seen.push({ at: since, count: look.count })
    }
    const quiet = Date.now() - since
    const complete = look.count >= count() && quiet >= SETTLED_MS
    if (complete || quiet >= quietMs || Date.now() - begun > LONGEST_MS) return { until: since, seen }
    await sleep(POLL_MS)
  }
}

/** Of the records numbered `from` to `to` - 1: { found, lost, doubled }. */
export function tally(ids, from, to) {
  const seen = new Uint8Array(to)
  let found = 0
  let doubled = 0
  for (const id of ids) {
    if (!(id >= from && id < to)) continue
    if (seen[id]) doubled++
    else found++
    seen[id] = 1
  }
  return { found, lost: to - from - found, doubled }
}

/** Adds the figures of one round: each is a list, with one value a round. */
export function push(into, figures) {
  for (const [key, value] of Object.entries(figures)) {
    into[key] ??= []
    into[key].push(value)
  }
}
