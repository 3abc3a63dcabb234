// A service that logs numbers with the default logger, as its environment sets it up, until it is told 'end'.
import { logger, shutdown } from '../../src/index.ts'

let n = 0
let idle = false
let asked: { until: number; end: boolean } | undefined

process.on('message', (message) => {
  idle = message === 'idle'
  asked = { until: idle ? n : n + 300, end: message === 'end' }
})

async function turn(): Promise<void> {
  if (asked !== undefined && n >= asked.until) {
    const { end } = asked
    asked = undefined
    if (end) {
      await shutdown()
      process.send?.(n)
      process.disconnect()
      return
    }
    process.send?.(n)
  }
  if (!idle) for (let i = 0; i < 5; i++) logger.info('counted', { n: n++ })
  setTimeout(turn, 1)
}
turn()
