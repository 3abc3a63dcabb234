import { fork } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  constants,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { bundleWhole } from '../support/bundle.ts'
import { startSink } from '../support/sink.ts'
import { ended } from './child.ts'

// Root may write everywhere; services are not root.

const NOBODY = 65_534
const own = process.getuid?.() === 0 ? NOBODY : process.getuid?.()

const SERVICE = `
  import { createLogger, httpTransport, shutdown } from './spoor.mjs'
  const { transport, count } = JSON.parse(process.argv[2])
  const http = httpTransport(transport)
  const log = createLogger({ transports: [http], lifecycle: false, source: 'off' })
  let n = 0
  const orders = {
    log: () => { for (let i = 0; i < count; i++) log.info('order placed', { n: n++ }); return n },
    delivered: (waitMs) => http.delivered(waitMs),
    stats: () => http.stats(),
    close: () => shutdown(log).then(() => process.disconnect()),
  }
  process.on('message', async ([order, argument]) => {
    const value = await orders[order](argument)
    if (order !== 'close') process.send({ value })
  })
`

/** A directory that the service may read and not write, and what lets it. */
function readOnlyDirectory() {
  const directory = mkdtempSync(join(tmpdir(), 'spoor-readonly-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  chmodSync(directory, 0o755)
  const logs = join(directory, 'logs')
  mkdirSync(logs)
  chmodSync(logs, 0o555)
  if (own !== undefined) chownSync(logs, own, own)
  return { directory, spoolDir: join(logs, '.spool'), allow: () => chmodSync(logs, 0o755) }
}

/** Node where any user may run it: one that npx fetched lies in a home directory. */
function ownNode(directory: string): string {
  const path = join(directory, 'node')
  copyFileSync(process.execPath, path, constants.COPYFILE_FICLONE)
  chmodSync(path, 0o755)
  return path
}

it('a service that may not write its spool holds its records, says so, and goes on when it may', async () => {
  const { directory, spoolDir, allow } = readOnlyDirectory()
  bundleWhole(['logger/create.ts', 'logger/default.ts', 'transports/http.ts'], join(directory, 'spoor.mjs'))
  const script = join(directory, 'service.mjs')
  writeFileSync(script, SERVICE)
  const sink = await startSink()
  const transport = { url: `${sink.url}/_bulk`, spoolDir, bufferLimit: 100_000, batch: { ageMs: 10 } }
  const child = fork(script, [JSON.stringify({ transport, count: 1000 })], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    ...(own !== undefined && { uid: own, gid: own }),
    execPath: ownNode(directory),
    cwd: directory,
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const over = ended(child)
  const ask = async (...order: unknown[]) => {
    child.send(order)
    const died = over.then(({ stderr }) => Promise.reject(new Error(stderr)))
    return (await Promise.race([once(child, 'message'), died]))[0].value
  }

  await ask('log')
  expect(await ask('delivered', 200)).toBe(false)
  const stats = await ask('stats')
  expect(stats.lastError).toContain('EACCES')
  expect(stats.buffered).toBeLessThanOrEqual(100_000)
  expect(stats.dropped).toBeGreaterThan(100)
  allow()
  expect(await ask('delivered', 45_000)).toBe(true)
  const numbers = [...sink.stored.values()].flatMap(({ record }) =>
    record.n === undefined ? [] : [record.n as number],
  )
  expect(numbers.length).toBe(1000 - stats.dropped)
  expect(sink.find(({ msg }) => msg === 'log records were lost')).toMatchObject([
    { record: { dropped: stats.dropped } },
  ])
  child.send(['close'])
  const { code, stderr } = await over
  expect(code).toBe(0)
  for (const said of ["can't write the spool", 'EACCES', 'are being lost', 'is written again'])
    expect(stderr).toContain(said)
  expect(readdirSync(join(spoolDir, 'http'))).toEqual([])
})
