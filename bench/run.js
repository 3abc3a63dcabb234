// `node bench/run.js [--quick] [--only=records,http,imports,files,ship] [--keep] [--cases=in-request,…] [--check]`
// `--records=20000` and `--rounds=1` are for the parts of the files and of shipping, `--ship=flood,loki,spoor` for the
// latter alone.
// Everything side by side in one run. RESULTS.md and results.json are written by a whole run, and by one of whole parts
// with --keep, which leaves the others as they are there; with --check a missed target is exit code 1.

import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { cases } from './cases.js'
import { measureFiles } from './files.js'
import { measureHttp, SERVERS, verifyHttp } from './http.js'
import { IMPORTS, measureImports } from './import.js'
import { measureRecords, verifyRecords } from './records.js'
import { machine, readResults, report } from './report.js'
import { measureShip } from './ship.js'

const FULL = {
  records: { rounds: 2, keyRounds: 5, warmMs: 200, ms: 150, keyWarmMs: 400, keyMs: 250 },
  http: { rounds: 7, ms: 2000 },
  imports: { rounds: 15 },
  files: { rounds: 3, warm: 40_000, records: 250_000, exitRecords: 50_000, delayRounds: 3, megabytes: 100 },
  ship: {
    rounds: 3,
    warm: 10_000,
    records: { loki: 100_000, opensearch: 10_000, collector: 100_000 },
    service: {
      rounds: 2,
      perSecond: { loki: 2000, opensearch: 500, collector: 2000 },
      warmMs: 5000,
      calmMs: 10_000,
      downMs: 30_000,
      afterMs: 5000,
    },
    latency: { rounds: 3, perSecond: 500, ms: 20_000 },
    backlog: { rounds: 2, records: 500_000 },
  },
}
const QUICK = {
  records: { rounds: 1, keyRounds: 2, warmMs: 100, ms: 60, keyWarmMs: 200, keyMs: 100 },
  http: { rounds: 1, ms: 800 },
  imports: { rounds: 5 },
  files: { rounds: 1, warm: 10_000, records: 80_000, exitRecords: 20_000, delayRounds: 1, megabytes: 20 },
  ship: {
    rounds: 1,
    warm: 3000,
    records: { loki: 20_000, opensearch: 5000, collector: 20_000 },
    service: {
      rounds: 1,
      perSecond: { loki: 2000, opensearch: 500, collector: 2000 },
      warmMs: 2000,
      calmMs: 3000,
      downMs: 3000,
      afterMs: 2000,
    },
    latency: { rounds: 1, perSecond: 500, ms: 5000 },
    backlog: { rounds: 1, records: 200_000 },
  },
}

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    cases: { type: 'string' },
    check: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    records: { type: 'string' },
    rounds: { type: 'string' },
    ship: { type: 'string' },
  },
})

if (!existsSync(new URL('../dist/index.js', import.meta.url))) {
  console.error('bench: dist/ is missing: run `npm run build` in the root first')
  process.exit(1)
}

const sizes = flags.quick ? QUICK : FULL
if (flags.records) {
  const records = Number(flags.records)
  sizes.files.records = records
  sizes.ship.records = { loki: records, opensearch: records / 10, collector: records }
  sizes.ship.backlog.records = records
}
if (flags.rounds) {
  const rounds = Number(flags.rounds)
  Object.assign(sizes.files, { rounds, delayRounds: rounds })
  for (const part of [sizes.ship, sizes.ship.service, sizes.ship.latency, sizes.ship.backlog])
    part.rounds = rounds
}
const only = flags.only?.split(',') ?? Object.keys(sizes)
const names = flags.cases?.split(',') ?? Object.keys(cases)
const narrowed = ['cases', 'quick', 'records', 'rounds', 'ship'].some((flag) => flags[flag])
if (flags.keep && narrowed) {
  console.error(
    'bench: --keep is for whole parts: leave out --quick, --cases, --records, --rounds and --ship',
  )
  process.exit(1)
}
const kept = flags.keep || (!narrowed && flags.only === undefined)
const folder = mkdtempSync(join(tmpdir(), 'spoor-bench-'))
const tell = (what) => process.stderr.isTTY && process.stderr.write(`\r\x1b[K${what}`)

const parts = {
  async records() {
    await verifyRecords(folder, names)
    return measureRecords(folder, names, sizes.records, tell)
  },
  async http() {
    await verifyHttp(folder, SERVERS)
    return measureHttp(folder, SERVERS, sizes.http, tell)
  },
  imports: () => measureImports(Object.keys(IMPORTS), sizes.imports, tell),
  files: () => measureFiles(folder, sizes.files, tell),
  ship: () => measureShip(folder, sizes.ship, tell, flags.ship?.split(',')),
}

const results = flags.keep ? readResults() : { runs: {} }
const before = machine()
try {
  for (const part of only) results[part] = await parts[part]()
} finally {
  rmSync(folder, { recursive: true, force: true })
}
tell('')
const run = {
  date: new Date().toISOString().slice(0, 10),
  mode: flags.quick ? 'quick' : 'full',
  machine: { ...before, loadEnd: machine().load },
}
for (const part of only) results.runs[part] = run
const missed = report(results, kept).filter((one) => one.met === false)
// Node 20 may wait for ever, at its own end, for a socket that was reset while it was closing.
process.exit(flags.check && missed.length > 0 ? 1 : 0)
