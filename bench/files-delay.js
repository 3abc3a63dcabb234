// The event loop's delay while a file rotates and, where spec.gzip, one of the same size is compressed:
// `node files-delay.js <spec>`. A service writes 4 records of 1 KB each millisecond, before and after. Sends
// { p99, max, gapP99, gapMax, ms }, all in ms: by monitorEventLoopDelay, by the gaps of a timer of one
// millisecond, and how long that was; or { unsupported: true }.
//
// The maxima are over all, the rotation included. The 99th percentiles are over the time from when the compressed
// file was first seen until the plain one was gone; without gzip over spec.ms from the rotation on.

import { closeSync, fsyncSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { compressedNames, filesOf, plainIds, still } from './files-folder.js'
import { LIBRARIES } from './files-libraries.js'

const PER_MS = 4
const POLL_MS = 50
const LONGEST_MS = 60_000
const NS_PER_MS = 1e6
// What is missing from the live file when the load begins: the load fills it in a quarter of a second.
const MARGIN = 1 << 20

const { library, folder, megabytes, gzip, ms } = JSON.parse(process.argv[2])
const { keepsPlain, open } = LIBRARIES[library]
const { write, compresses } = await open({ folder, megabytes, gzip })
const limit = megabytes * 2 ** 20

// Text that gzip finds about as hard as a log: words that come again, numbers and ids that do not.
let state = 42
const random = (below) => {
  state = (Math.imul(state, 1103515245) + 12345) >>> 0
  return Math.floor((state / 2 ** 32) * below)
}
const WORDS = 'order placed user session request timeout retry payment cache lookup done'.split(' ')
const textOf = (units) => {
  let text = ''
  while (text.length < units) text += `${WORDS[random(WORDS.length)]} ${random(2 ** 31).toString(16)} `
  return text.slice(0, units)
}
const MESSAGES = Array.from({ length: 64 }, () => textOf(1024))
// Filling files is no part of what is measured: it is done with few large lines.
const LARGE = Array.from({ length: 64 }, () => textOf(16 * 1024))

let next = 0

async function fill(lines) {
  for (let i = 0; i < lines; i++) {
    write(LARGE[i % LARGE.length], next++)
    if (i % 8 === 7) await setImmediate()
  }
  await still(folder, { quietMs: 500, compresses, keepsPlain })
}

const live = () =>
  filesOf(folder)
    .filter(({ gzip }) => !gzip)
    .reduce((a, b) => (a.changed > b.changed ? a : b))

/** Makes a live file that is full but for `MARGIN`, before it a done one where that is the one to be compressed. */
async function prepare() {
  await fill(LARGE.length)
  const line = live().size / LARGE.length
  if (keepsPlain > 1) await fill(Math.ceil((limit * 1.02) / line) - LARGE.length)
  await fill(Math.floor((limit - live().size - MARGIN) / line))
  // No service writes 100 MB in a second: the disk's catching up with that is not what is measured.
  for (const { name } of filesOf(folder)) {
    const fd = openSync(join(folder, name), 'r')
    fsyncSync(fd)
    closeSync(fd)
  }
  const { size } = live()
  if (size >= limit || size < limit - 2 * MARGIN)
    throw new Error(`${library}: ${size} bytes in the live file, which should be nearly ${limit}`)
}

/** Starts the load; gives its timer's gaps so far, and a way to end it. */
function startLoad() {
  const gaps = []
  const from = performance.now()
  let last = from
  let sent = 0
  let timer
  const tick = () => {
    const now = performance.now()
    gaps.push(now - last)
    last = now
    for (const due = (now - from) * PER_MS; sent < due; sent++) write(MESSAGES[next & 63], next++)
    timer = setTimeout(tick, 1)
  }
  timer = setTimeout(tick, 1)
  return { gaps, end: () => clearTimeout(timer) }
}

/** Resolves once `seen` gives true. */
async function until(what, seen) {
  for (const longest = Date.now() + LONGEST_MS; !seen(); await sleep(POLL_MS))
    if (Date.now() > longest) throw new Error(`${library}: ${what} was not seen in a minute`)
}

async function measure() {
  const before = new Set(compressedNames(folder))
  const plain = plainIds(folder)
  const files = filesOf(folder).length
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const { gaps, end } = startLoad()
  if (compresses) await until('compression', () => compressedNames(folder).some((name) => !before.has(name)))
  else await until('rotation', () => filesOf(folder).length > files)
  const { max } = delay
  delay.reset()
  const first = gaps.length
  const from = performance.now()
  const isGone = () => {
    const left = new Set(plainIds(folder))
    return plain.some((id) => !left.has(id))
  }
  if (compresses) await until("compression's end", isGone)
  else await sleep(ms)
  delay.disable()
  end()
  const sorted = gaps.slice(first).sort((a, b) => a - b)
  return {
    p99: delay.percentile(99) / NS_PER_MS,
    max: Math.max(max, delay.max) / NS_PER_MS,
    gapP99: sorted[Math.floor(sorted.length * 0.99)],
    gapMax: Math.max(...gaps),
    ms: performance.now() - from,
  }
}

let answer = { unsupported: true }
if (compresses || !gzip) {
  await prepare()
  answer = await measure()
}
process.send(answer, () => process.exit())
