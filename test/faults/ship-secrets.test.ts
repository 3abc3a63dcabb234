import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { HttpTransportOptions } from '../../src/transports/http-options.ts'
import { type Bundle, bundleShipping } from '../support/bundle.ts'
import { listenAnywhere } from '../support/free-port.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { ended, run } from './child.ts'

// Nobody reads what the endpoint knows us by, in any text, file or process list, not even where the endpoint repeats it.

const TOKEN = 'tok-SECRET-a/b+c=0123'
const KEY = 'key-SECRET-456789'
const PASSWORD = 'pw-SECRET%2F-98765'

/** How it may be written. */
const SPELLINGS = [
  'SECRET',
  ...[TOKEN, KEY, decodeURIComponent(PASSWORD), `user:${decodeURIComponent(PASSWORD)}`]
    .map((secret) => Buffer.from(secret).toString('base64').replace(/=+$/, ''))
    // What comes behind it changes the last characters.
    .map((text) => text.slice(0, -3)),
]

function expectNone(text: string, where: string): void {
  const found = SPELLINGS.filter((spelling) => text.includes(spelling))
  expect(found, `${where}: ${text.slice(0, 2000)}`).toEqual([])
}

let bundle: Bundle
beforeAll(() => {
  bundle = bundleShipping()
})
afterAll(() => bundle.remove())

/** Repeats all of a request in its answer, as the error pages of proxies do. */
async function echo(status: number): Promise<string> {
  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    await buffer(req)
    const { authorization = '' } = req.headers
    const said = Buffer.from(authorization.replace(/^\S+ /, ''), 'base64').toString()
    const text = JSON.stringify({
      message: [req.url, req.rawHeaders, said, encodeURIComponent(authorization)].join(' '),
    })
    const key = String(req.headers['x-key'])
    const location = `http://user:${PASSWORD}@elsewhere.example/${encodeURIComponent(authorization)}/${key}?key=${KEY}`
    res
      .writeHead(status, { 'content-type': 'application/json', ...(status === 301 && { location }) })
      .end(text)
  }
  const server = createServer((req, res) => void answer(req, res))
  const port = await listenAnywhere(server)
  onTestFinished(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  return `127.0.0.1:${port}`
}

const SERVICE = `
  import { createLogger, httpTransport, memoryTransport, shutdown } from './spoor.mjs'
  async function ship(transport) {
    const http = httpTransport(transport)
    const memory = memoryTransport()
    const log = createLogger({ transports: [http, memory], lifecycle: false })
    for (let n = 0; n < 3; n++) log.info('order placed', { n })
    const told = () => memory.records().filter(({ component }) => component === 'spoor')
    while (told().length === 0 && http.stats().shipper?.delivered !== 3)
      await new Promise((resolve) => setTimeout(resolve, 10))
    return { log, stats: http.stats(), told: told() }
  }
  process.once('message', async (transports) => {
    const all = await Promise.all(transports.map(ship))
    process.send(all.map(({ stats, told }) => ({ stats, told })))
    process.once('message', async () => {
      await Promise.all(all.map(({ log }) => shutdown(log)))
      process.disconnect()
    })
  })
`

/** All text below a directory. */
function textBelow(directory: string): string {
  return readdirSync(directory, { recursive: true, withFileTypes: true, encoding: 'utf8' })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => `${name}: ${textOf(join(parentPath, name))}`)
    .join('\n')
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    // It was delivered meanwhile.
    return ''
  }
}

/** What ps can show of a process, its threads and its children. */
function processList({ pid }: ChildProcess): string {
  const read = (file: string) => readFileSync(`/proc/${file}`, 'latin1')
  const threads = readdirSync(`/proc/${pid}/task`)
  const children = threads
    .flatMap((thread) => read(`${pid}/task/${thread}/children`).split(' '))
    .filter(Boolean)
  const names = threads.map((thread) => read(`${pid}/task/${thread}/comm`))
  const shown = [String(pid), ...children].flatMap((one) => [read(`${one}/cmdline`), read(`${one}/environ`)])
  return [...names, ...shown].join('\n')
}

type Ask = (host: string) => HttpTransportOptions
const withToken =
  (path: string, more: Partial<HttpTransportOptions> = {}): Ask =>
  (host) => ({ url: `http://${host}${path}`, token: TOKEN, headers: { 'x-key': KEY }, ...more })
const FORMATS: Readonly<Record<string, Ask>> = {
  loki: withToken('/loki/api/v1/push'),
  elasticsearch: withToken('/_bulk'),
  otlp: withToken('/v1/logs'),
  dash0: withToken('/logs/ingest'),
  datadog: withToken('/api/v2/logs'),
  splunk: withToken('/services/collector'),
  ndjson: withToken('/lines'),
  'ndjson with a password in its address': (host) => ({
    url: `http://user:${PASSWORD}@${host}/lines?api_key=${KEY}`,
  }),
  'elasticsearch with a password in its address': (host) => ({
    url: `http://user:${PASSWORD}@${host}/_bulk`,
  }),
}

const STATUSES = [200, 260, 301, 400, 401, 500]

describe('what an endpoint answers is told without anything secret in it', () => {
  it.each(Object.keys(FORMATS))('%s', async (name) => {
    const spoolDir = temporaryDirectory()
    const transports = await Promise.all(
      STATUSES.map(async (status) => {
        const options = (FORMATS[name] as Ask)(await echo(status))
        return { ...options, name: `http-${status}`, spoolDir, batch: { ageMs: 10 } }
      }),
    )
    const script = bundle.script('secrets.mjs', SERVICE)
    const child = fork(script, [], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
    onTestFinished(() => void child.kill('SIGKILL'))
    const over = ended(child)
    child.send(transports)
    const [said] = await Promise.race([once(child, 'message'), over.then(({ stderr }) => [stderr])])
    expect(said).toHaveLength(STATUSES.length)
    for (const [i, one] of said.entries())
      expectNone(JSON.stringify(one), `stats and records of ${STATUSES[i]}`)
    // Whatever is not a plain yes was said.
    expect(said.flatMap(({ told }: { told: unknown[] }) => told).length).toBeGreaterThan(3)
    expectNone(processList(child), 'the process list')
    expectNone(textBelow(spoolDir), 'the spools and the dead letters')
    child.send({})
    const { stderr, stdout } = await over
    expectNone(stderr + stdout, 'stderr')
    expectNone(textBelow(spoolDir), 'what is left')
  })
})

describe('what is wrong with an option is said without what is secret in it', () => {
  const url = (rest: string) => `https://user:${PASSWORD}@${rest}`
  const WRONG: Readonly<Record<string, HttpTransportOptions>> = {
    'a port that is none': { url: url('logs.example.com:99999/lines') },
    'no host': { url: url('') },
    'a password that is not encoded': { url: 'https://user:pa/ss-SECRET@logs.example.com:99999/' },
    'a password with an @ in it': { url: 'https://user:a@b-SECRET@logs.example.com:99999/' },
    'a key in the query': { url: `https://logs.example.com:99999/?api_key=${KEY}` },
    'no scheme': { url: `user:${PASSWORD}@logs.example.com` },
    'http to another host': { url: `http://user:${PASSWORD}@logs.example.com/?api_key=${KEY}` },
    'a scheme that is none of the format': { url: `ftp://user:${PASSWORD}@logs.example.com/` },
    'fluentd by https': { url: url('logs.example.com'), format: 'fluentd' },
    'syslog by https': { url: url('logs.example.com'), format: 'syslog' },
    'a token that no header can carry': { url: 'https://logs.example.com', token: `${TOKEN}\u0001` },
    'a header that no header can carry': {
      url: 'https://logs.example.com',
      headers: { 'x-key': `${KEY}\u0001` },
    },
    'a token that is no text': { url: 'https://logs.example.com', token: [TOKEN] as never },
    'a key that is no PEM': { url: 'https://logs.example.com', key: `MIIEvQ${KEY}` },
  }

  it.each(Object.keys(WRONG))('%s', async (name) => {
    const spoolDir = temporaryDirectory()
    const script = bundle.script(
      'wrong.mjs',
      `import { createLogger, httpTransport, shutdown } from './spoor.mjs'
       process.once('message', async (transport) => {
         try {
           const http = httpTransport(transport)
           const log = createLogger({ transports: [http], lifecycle: false })
           log.info('order placed')
           await http.delivered(300)
           console.log(JSON.stringify(http.stats()))
           await shutdown(log)
         } catch (error) { console.error(error) }
         process.disconnect()
       })`,
    )
    const child = fork(script, [], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
    const over = ended(child)
    child.send({ ...WRONG[name], spoolDir })
    const { stdout, stderr } = await over
    // It is said at all.
    expect(stderr).toContain('spoor')
    expectNone(stderr + stdout, name)
    expectNone(textBelow(spoolDir), 'the spool')
  })

  it.each(['https://user:x-SECRET@logs.example.com:99999/', `logs.example.com/?api_key=${KEY}`])(
    'LOG_HTTP_URL=%s',
    async (value) => {
      const script = bundle.script(
        'environment.mjs',
        `process.env.LOG_HTTP_URL = ${JSON.stringify(value)}
         process.env.LOG_HTTP_TOKEN = ${JSON.stringify(`${TOKEN}\u0001`)}
         process.env.LOG_SPOOL_DIR = process.argv[2]
         const { createLogger } = await import('./spoor.mjs')
         createLogger({ lifecycle: false }).info('order placed')`,
      )
      const { stdout, stderr } = await run(script, [temporaryDirectory()])
      expect(stderr).toContain('LOG_HTTP_URL')
      expectNone(stderr + stdout, 'stderr')
    },
  )
})
