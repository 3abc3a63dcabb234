// One library in a process of its own: `node ship-one.js <spec>`; its parent orders by IPC, and each order has one
// answer.
//
//   burst { records }    logs them, 32 to a turn: { from, ms, inCalls }: epoch ms of the first call, ms until the
//                        last call's return, ms in the calls themselves
//   pace { perSecond }   logs so many from now on: {}
//   phase                { sent, p99, max, gapP99, gapMax } since the last such order: records, and the event loop's
//                        delay in ms by monitorEventLoopDelay and by the gaps of a timer of one millisecond
//   rest                 ends the pace: { sent } in all
//   usage                { main, cpu, peak }: CPU time in µs of this thread and of all, the most memory in bytes
//   times                { times }: epoch ms of each call since `pace`

import { readFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import { LIBRARIES } from './ship-libraries.js'

const PER_TURN = 32
const NS_PER_MS = 1e6

const spec = JSON.parse(process.argv[2])
const { write, enter } = await LIBRARIES[spec.backend][spec.library].open(spec)
const delay = monitorEventLoopDelay({ resolution: 1 })

let next = 0
let paced = 0
let timer
let gaps = []
const times = []

const epoch = () => performance.timeOrigin + performance.now()

// Linux: the scheduler's ns of the main thread, which threadCpuUsage of Node 24 gives too.
function mainThread() {
  if (process.threadCpuUsage) {
    const { user, system } = process.threadCpuUsage()
    return user + system
  }
  return Number(readFileSync('/proc/self/schedstat', 'utf8').split(' ')[0]) / 1000
}

// maxRSS begins at what the parent had when it started this process; the kernel's mark of this one does not.
function peakMemory() {
  const { maxRSS } = process.resourceUsage()
  if (process.platform !== 'linux') return maxRSS * 1024
  const [, kib] = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  return Number(kib ?? maxRSS) * 1024
}

async function burst({ records }) {
  const from = epoch()
  let inCalls = 0
  for (const end = next + records; next < end; ) {
    const begun = performance.now()
    for (const stop = Math.min(next + PER_TURN, end); next < stop; next++) write('order placed', next)
    inCalls += performance.now() - begun
    await setImmediate()
  }
  return { from, ms: epoch() - from, inCalls }
}

const orders = {
  burst: (order) => (spec.scoped ? enter(() => burst(order)) : burst(order)),

  pace({ perSecond }) {
    const from = performance.now()
    let last = from
    const tick = () => {
      const now = performance.now()
      gaps.push(now - last)
      last = now
      for (const due = ((now - from) * perSecond) / 1000; paced < due; paced++) {
        times.push(epoch())
        write('order placed', next++)
      }
      timer = setTimeout(tick, 1)
    }
    timer = setTimeout(tick, 1)
    delay.enable()
    return {}
  },

  phase() {
    const sorted = gaps.sort((a, b) => a - b)
    const of = {
      sent: next,
      p99: delay.percentile(99) / NS_PER_MS,
      max: delay.max / NS_PER_MS,
      gapP99: sorted[Math.floor(sorted.length * 0.99)] ?? 0,
      gapMax: sorted.at(-1) ?? 0,
    }
    gaps = []
    delay.reset()
    return of
  },

  rest() {
    clearTimeout(timer)
    return { sent: next }
  },

  usage() {
    const { user, system } = process.cpuUsage()
    return { main: mainThread(), cpu: user + system, peak: peakMemory() }
  },

  times: () => ({ times }),
}

process.on('message', async (order) => process.send(await orders[order.kind](order)))
process.send({ ready: true })
