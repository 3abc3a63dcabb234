// Logs ten records every 5 ms, as a busy service does, and says how late its event loop was.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { type FileTransportOptions, fileTransport } from '../../src/transports/file.ts'
import { recordOf } from './record.ts'

const { turns, ...options } = JSON.parse(process.argv[2] as string) as FileTransportOptions & {
  turns: number
}
const file = fileTransport(options)
const delay = monitorEventLoopDelay({ resolution: 1 })
let n = 0
const ms = (ns: number): number => Math.round(ns / 1e4) / 100

async function turn(): Promise<void> {
  // Past the start of the process and of the thread.
  if (n === 200) delay.enable()
  if (n >= turns * 10) {
    delay.disable()
    await file.close?.()
    console.log(JSON.stringify({ written: n, p99: ms(delay.percentile(99)), max: ms(delay.max) }))
    return
  }
  for (let i = 0; i < 10; i++) file.write(recordOf('a', n++), 30)
  setTimeout(turn, 5)
}
turn()
