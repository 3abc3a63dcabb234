import { type ChildProcess, fork } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { HttpStats, HttpTransportOptions } from '../../src/transports/http-options.ts'
import type { Bundle } from '../support/bundle.ts'
import { parseLines } from '../support/strict-json.ts'
import { type Ended, ended } from './child.ts'

export interface ServiceOptions {
  readonly transport: HttpTransportOptions
  /** Its records have it as `w`; with threads the first one's do. @default 0 */
  readonly writer?: number | undefined
  /** So many threads log, each with a transport of its own, and the main thread does not. @default none */
  readonly threads?: number | undefined
  /** The number of its first record. @default 0 */
  readonly from?: number | undefined
  /** Each `poison`th record has `poison: true`. @default none has */
  readonly poison?: number | undefined
  /** Characters of padding in each record. @default 20 */
  readonly pad?: number | undefined
  /** More arguments of node. */
  readonly execArgv?: readonly string[] | undefined
}

/** What a service is told to do; it answers each when it has done it. */
export type ServiceOrder =
  /** Log so many, some each turn, as fast as it goes. Answers with how many it has logged in all. */
  | { readonly order: 'log'; readonly count: number; readonly perTurn?: number }
  /** Log a few each `paceMs`, until it dies or is told to stop. Answers at once. */
  | { readonly order: 'run'; readonly paceMs: number }
  | { readonly order: 'stop' }
  | { readonly order: 'delivered'; readonly waitMs: number }
  | { readonly order: 'stats' }
  | { readonly order: 'live' }
  /** Shut down; it ends by itself then. */
  | { readonly order: 'close' }

/** A service in a process of its own, that logs numbered records through the HTTP transport. */
export interface Service {
  readonly child: ChildProcess
  readonly over: Promise<Ended>
  /** Records whose calls had returned at the end of a turn, as far as it has told: of each writer. */
  readonly acknowledgedBy: ReadonlyMap<number, number>
  /** Those of its first writer. */
  readonly acknowledged: number
  /** Resolves when each writer has that many. */
  acknowledges(count: number): Promise<void>
  log(count: number, perTurn?: number): Promise<number>
  run(paceMs: number): Promise<void>
  stop(): Promise<number>
  delivered(waitMs?: number): Promise<boolean>
  stats(): Promise<HttpStats>
  /** Bytes that the main thread has in use, garbage collected; needs --expose-gc. */
  live(): Promise<number>
  /** Resolves when it has ended. */
  close(): Promise<Ended>
  /** Resolves when it is gone. @default SIGKILL */
  kill(signal?: NodeJS.Signals): Promise<Ended>
}

const SCRIPT = `
  import { writeSync } from 'node:fs'
  import { isMainThread, parentPort, Worker } from 'node:worker_threads'
  import { createLogger, httpTransport, shutdown } from './spoor.mjs'
  const given = JSON.parse(process.argv[2])
  const port = isMainThread ? process : parentPort
  const answer = (message) => isMainThread ? process.send(message) : parentPort.postMessage(message)
  const end = () => isMainThread ? process.disconnect() : parentPort.close()
  if (given.threads > 0 && isMainThread) passOn()
  else service()

  // Each order goes to all threads, and is done when all of them have done it.
  function passOn() {
    const { threads, writer = 0 } = given
    const waiting = new Map()
    let left = threads
    const workers = Array.from({ length: threads }, (_, i) => {
      const worker = new Worker(new URL(import.meta.url), { argv: [JSON.stringify({ ...given, writer: writer + i })] })
      worker.on('message', ({ id, value }) => {
        const values = waiting.get(id)
        values.push(value)
        if (values.length === threads) answer({ id, value: values.every((one) => one === true) || values })
      })
      worker.on('exit', () => { if (--left === 0) end() })
      return worker
    })
    process.on('message', (message) => {
      waiting.set(message.id, [])
      for (const worker of workers) worker.postMessage(message)
    })
  }

  function service() {
    const { transport, writer = 0, from = 0, poison = 0, pad = 20 } = given
    const http = httpTransport(transport)
    const log = createLogger({ transports: [http], lifecycle: false, source: 'off' })
    const padding = 'ü'.repeat(pad / 2)
    let n = from
    let stopped = false
    function one() {
      const fields = { w: writer, n, pad: padding }
      if (poison > 0 && n % poison === poison - 1) fields.poison = true
      log[n % 50 === 49 ? 'error' : 'info']('order placed', fields)
      n++
    }
    function tell(text) {
      for (let from = 0; from < text.length; ) {
        try { from += writeSync(1, text.slice(from)) }
        // Whoever reads it is behind.
        catch (error) { if (error.code !== 'EAGAIN') throw error }
      }
    }
    // Twice, so that the end of the turn of the records has been.
    const turn = () => new Promise((resolve) => setImmediate(() => setImmediate(() => {
      tell(writer + ' ' + n + '\\n')
      resolve()
    })))
    async function many(count, perTurn = 20) {
      for (const end = n + count; n < end; ) {
        for (let i = 0; i < perTurn && n < end; i++) one()
        await turn()
      }
      return n
    }
    async function run(paceMs) {
      stopped = false
      while (!stopped) {
        for (let i = 0; i <= n % 7; i++) one()
        await turn()
        await new Promise((resolve) => setTimeout(resolve, paceMs))
      }
    }
    const orders = {
      log: ({ count, perTurn }) => many(count, perTurn),
      run: ({ paceMs }) => void run(paceMs),
      stop: () => { stopped = true; return n },
      delivered: ({ waitMs }) => http.delivered(waitMs),
      stats: () => http.stats(),
      live: () => {
        for (let i = 0; i < 3; i++) gc()
        const { heapUsed, external } = process.memoryUsage()
        return heapUsed + external
      },
      close: () => shutdown(log),
    }
    port.on('message', async (message) => {
      const value = await orders[message.order](message)
      if (message.order === 'close') end()
      else answer({ id: message.id, value })
    })
  }
`

const scripts = new WeakMap<Bundle, string>()

/** Written once: another service may be reading it. */
function scriptIn(bundle: Bundle): string {
  const script = scripts.get(bundle) ?? bundle.script('ship-service.mjs', SCRIPT)
  scripts.set(bundle, script)
  return script
}

/** Starts one; it ends with the test at the latest. */
export function startService(bundle: Bundle, options: ServiceOptions): Service {
  const script = scriptIn(bundle)
  const { execArgv = [], ...given } = options
  const child = fork(script, [JSON.stringify(given)], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    execArgv: [...execArgv],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const over = ended(child)
  const answers = new Map<number, (value: unknown) => void>()
  const failures = new Set<(error: Error) => void>()
  const { writer = 0, threads = 1 } = options
  const acknowledgedBy = new Map(Array.from({ length: threads }, (_, i) => [writer + i, 0]))
  const least = (): number => Math.min(...acknowledgedBy.values())
  let orders = 0
  let rest = ''
  let waiting: { count: number; resolve: () => void }[] = []
  child.stdout?.on('data', (chunk) => {
    const lines = `${rest}${chunk}`.split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const [who, count] = line.split(' ')
      acknowledgedBy.set(Number(who), Number(count))
    }
    const woken = waiting.filter(({ count }) => least() >= count)
    waiting = waiting.filter((one) => !woken.includes(one))
    for (const { resolve } of woken) resolve()
  })
  child.on('message', ({ id, value }: { id: number; value: unknown }) => answers.get(id)?.(value))
  void over.then((end) => {
    const why = new Error(`the service has ended (${end.code ?? end.signal}): ${end.stderr}`)
    for (const fail of failures) fail(why)
  })

  function unlessOver<T>(act: (resolve: (value: T) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      failures.add(reject)
      act((value) => {
        failures.delete(reject)
        resolve(value)
      })
    })
  }

  function ask<T>(order: ServiceOrder): Promise<T> {
    return unlessOver<T>((resolve) => {
      const id = ++orders
      answers.set(id, resolve as (value: unknown) => void)
      child.send({ id, ...order })
    })
  }

  return {
    child,
    over,
    acknowledgedBy,
    get acknowledged() {
      return acknowledgedBy.get(writer) as number
    },
    acknowledges: (count) =>
      unlessOver<void>((resolve) => {
        if (least() >= count) resolve()
        else waiting.push({ count, resolve })
      }),
    log: (count, perTurn) => ask({ order: 'log', count, ...(perTurn !== undefined && { perTurn }) }),
    run: (paceMs) => ask({ order: 'run', paceMs }),
    stop: () => ask({ order: 'stop' }),
    delivered: (waitMs = 45_000) => ask({ order: 'delivered', waitMs }),
    stats: () => ask({ order: 'stats' }),
    live: () => ask({ order: 'live' }),
    close() {
      child.send({ order: 'close' })
      return over
    },
    kill(signal = 'SIGKILL') {
      child.kill(signal)
      return over
    },
  }
}

/** The records in the dead letters of a spool directory. */
export function deadLettersIn(
  spoolDir: string,
): { id: string; reason: string; record: Record<string, unknown> }[] {
  const file = join(spoolDir, 'http.dead-letters.ndjson')
  if (!existsSync(file)) return []
  return parseLines<{ id: string; reason: string; record: string }>(readFileSync(file, 'utf8')).map(
    (letter) => ({
      ...letter,
      record: JSON.parse(letter.record),
    }),
  )
}

/** What is left in the spool of the transport called 'http'. */
export function leftIn(spoolDir: string): string[] {
  return readdirSync(join(spoolDir, 'http'), { recursive: true, encoding: 'utf8' })
}
