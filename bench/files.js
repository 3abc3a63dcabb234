// Files that rotate, library by library: the pace and the cost with and without gzip, the event loop's delay
// while a large file is compressed, and what is on disk after process.exit. Every run is a process of its own
// with a folder of its own, and what it left there is read back.

import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ask } from './child.js'
import { countRecords } from './files-folder.js'
import { LIBRARIES } from './files-libraries.js'

const NAMES = Object.keys(LIBRARIES)
const withGzip = (name) => LIBRARIES[name].gzip

// Where there is no time of a compression to take: about what the others need.
const PLAIN_MS = 3000
const MEGABYTES = 10
const EXIT_WARM = 10_000

async function inFolder(folder, work) {
  const into = join(folder, 'files')
  mkdirSync(into)
  try {
    return await work(into)
  } finally {
    rmSync(into, { recursive: true, maxRetries: 3 })
  }
}

/** One run of files-one.js with what was then found on disk. */
const runOne = (folder, spec) =>
  inFolder(folder, async (into) => {
    const answer = await ask('files-one.js', [
      JSON.stringify({ ...spec, megabytes: MEGABYTES, folder: into }),
    ])
    return { ...answer, ...(await countRecords(into, spec.warm + spec.records)) }
  })

const runDelay = (folder, spec) =>
  inFolder(folder, (into) => ask('files-delay.js', [JSON.stringify({ ...spec, folder: into })]))

function push(results, part, name, figures) {
  results[part] ??= {}
  results[part][name] ??= {}
  const of = results[part][name]
  for (const [key, value] of Object.entries(figures)) {
    of[key] ??= []
    of[key].push(value)
  }
}

async function pace(folder, results, name, gzip, { warm, records }) {
  const one = await runOne(folder, { library: name, warm, records, gzip })
  if (gzip && !one.compresses) return
  push(results, gzip ? 'gzip' : 'plain', name, {
    callsPerSecond: (records * 1000) / one.calls,
    perSecond: (records * 1000) / one.until,
    cpu: one.cpu / records,
    peak: one.peak,
    files: one.files,
    lost: warm + records - one.found,
    doubled: one.doubled,
    broken: one.broken,
  })
}

// With gzip first: how long that took is how long it is then looked at without.
async function delays(folder, results, name, { megabytes }) {
  const run = (gzip, ms) => runDelay(folder, { library: name, megabytes, gzip, ms })
  const packed = withGzip(name) ? await run(true) : { unsupported: true }
  if (!packed.unsupported) push(results, 'delayGzip', name, packed)
  push(results, 'delayPlain', name, await run(false, packed.ms ?? PLAIN_MS))
}

async function exits(folder, results, name, { exitRecords: records }) {
  const warm = EXIT_WARM
  const one = await runOne(folder, { library: name, warm, records, exit: true })
  const { doubled, broken } = one
  const found = one.found - warm
  push(results, 'exit', name, { found, share: found / records, lost: records - found, doubled, broken })
}

/**
 * results[part][library] = { figure: [one a round] } for the parts plain, gzip, delayPlain, delayGzip and exit.
 * Paces are records a second; cpu is µs a record, peak bytes, delays ms.
 */
export async function measureFiles(folder, sizes, tell) {
  const results = { records: sizes.records, exitRecords: sizes.exitRecords, megabytes: sizes.megabytes }
  const inTurn = (round) => NAMES.map((_, k) => NAMES[(k + round) % NAMES.length])
  for (let round = 0; round < sizes.rounds; round++) {
    const at = `${round + 1}/${sizes.rounds}`
    for (const gzip of [false, true])
      for (const name of inTurn(round).filter((one) => !gzip || withGzip(one))) {
        tell(`files ${name}${gzip ? ' gzip' : ''} ${at}`)
        await pace(folder, results, name, gzip, sizes)
      }
    for (const name of inTurn(round)) {
      tell(`files ${name} exit ${at}`)
      await exits(folder, results, name, sizes)
    }
  }
  for (let round = 0; round < sizes.delayRounds; round++)
    for (const name of inTurn(round)) {
      tell(`files ${name} loop delay ${round + 1}/${sizes.delayRounds}`)
      await delays(folder, results, name, sizes)
    }
  return results
}
