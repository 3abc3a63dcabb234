// One library, one run, in a process of its own: `node files-one.js <spec>`. Sends { calls, until, cpu, peak,
// compresses }: ms from the first call to the last call's return and to the last byte's arrival, CPU time in
// all threads until then in µs, the most memory the process had in bytes. With spec.exit it calls process.exit
// right after the last call, and what arrived is for its parent to count.

import { readFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { still } from './files-folder.js'
import { LIBRARIES } from './files-libraries.js'

const PER_TURN = 32
const WARM_QUIET_MS = 300
const QUIET_MS = 1000

const { library, folder, warm, records, megabytes, gzip, exit } = JSON.parse(process.argv[2])
const { keepsPlain, open } = LIBRARIES[library]
const { write, compresses } = await open({ folder, megabytes, gzip })

async function inTurns(first, end) {
  for (let i = first; i < end; ) {
    for (const stop = Math.min(i + PER_TURN, end); i < stop; i++) write('order placed', i)
    // Not after the last call: it is in that turn that process.exit comes.
    if (i < end) await setImmediate()
  }
}

// maxRSS begins at what the parent had when it started this process; the kernel's mark of this one does not.
function peakMemory() {
  const { maxRSS } = process.resourceUsage()
  if (process.platform !== 'linux') return maxRSS * 1024
  const [, kib] = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  return Number(kib ?? maxRSS) * 1024
}

await inTurns(0, warm)
await still(folder, { quietMs: WARM_QUIET_MS, compresses, keepsPlain })
if (exit) await new Promise((done) => process.send({ exit }, done))

const cpuFrom = process.cpuUsage()
const from = Date.now()
await inTurns(warm, warm + records)
if (exit) process.exit()
const calls = Date.now() - from
const { until, cpu } = await still(folder, { quietMs: QUIET_MS, compresses, keepsPlain }, cpuFrom)
// The kernel's time of a file lags by a few ms: nothing arrives before it is handed over.
const arrived = Math.max(calls, until - from)
process.send({ calls, until: arrived, cpu, peak: peakMemory(), compresses }, () => process.exit())
