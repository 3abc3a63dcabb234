// What each app needs: which logger to make (argv 2: pino, spoor/pino or spoor), by which module system (argv 3:
// esm or cjs), the same calls for all, and a way to tell the test what was seen.

import { writeSync } from 'node:fs'
import { createRequire } from 'node:module'

const [kind, form] = process.argv.slice(2)
const require = createRequire(import.meta.url)

export const load = (name) => (form === 'cjs' ? require(name) : import(name))

/** Makes the logger under test; every line that it writes is given to `write`. */
export async function makeLogger(options, write) {
  if (kind === 'spoor') {
    const { createLogger } = await load('spoor')
    const stats = () => ({ records: 0, bytes: 0, dropped: 0, buffered: 0 })
    return createLogger({
      ...options,
      transports: [{ name: 'capture', write: (line) => write(line), stats }],
    })
  }
  const pino = await load(kind)
  return (pino.default ?? pino)(options, { write })
}

/** The same calls for every logger and agent. */
export function calls(log) {
  log.info('plain')
  log.info({ order_id: 1, list: [1, { a: 2 }] }, 'object first, %s', 'printf')
  log.warn({ only: 'fields' })
  log.error(new Error('boom'))
  log.error({ err: new TypeError('bad type'), order_id: 2 }, 'it failed')
  const child = log.child({ part: 'db' })
  child.info({ rows: 3 }, 'from a child')
  child.child({ shard: 4 }).warn('from a grandchild')
  log.debug('below the level')
}

/** Hands the test what was seen, as the last thing on stdout. */
export function tell(seen) {
  writeSync(1, `\n${JSON.stringify(seen)}\n`)
}
