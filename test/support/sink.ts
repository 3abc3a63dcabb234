import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { onTestFinished } from 'vitest'
import { listenAnywhere } from './free-port.ts'
import { formatAt, type Got } from './sink-formats.ts'

export interface SinkOptions {
  /** Told of each record that is stored, in place of keeping it. */
  readonly onRecord?: ((got: Got) => void) | undefined
  /** The status of one record where the format has one for each (`_bulk`); undefined to take it. */
  readonly refuse?: ((got: Got) => number | undefined) | undefined
}

/** A record, and how often it was acknowledged. */
export interface Stored extends Got {
  times: number
}

/** A server that stores what it acknowledges: Loki's push, `_bulk`, OTLP as JSON, or lines, by the path. */
export interface Sink {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  /** By id, in the order of arrival. */
  readonly stored: ReadonlyMap<string, Stored>
  /** Requests that were taken. */
  readonly requests: number
  /** What was wrong with requests: an own fault of who sent them. */
  readonly complaints: readonly string[]
  /** Resolves when that many records, or more, are stored, repetitions not counted. */
  has(count: number): Promise<void>
  /** What of `wanted` holds for a stored record, in the order of arrival. */
  find(wanted: (record: Got['record']) => boolean): Stored[]
}

/** Starts it; it ends with the test. */
export async function startSink(options: SinkOptions = {}): Promise<Sink> {
  const stored = new Map<string, Stored>()
  const complaints: string[] = []
  let waiting: { count: number; resolve: () => void }[] = []
  let requests = 0

  /** The status of what came. */
  function take(got: Got): number {
    const refused = options.refuse?.(got)
    if (refused !== undefined) return refused
    if (options.onRecord !== undefined) {
      options.onRecord(got)
      return 201
    }
    const known = stored.get(got.id)
    if (known === undefined) {
      stored.set(got.id, { ...got, times: 1 })
      return 201
    }
    known.times++
    if (JSON.stringify(known.record) !== JSON.stringify(got.record))
      complaints.push(`two records with the id ${got.id}`)
    return 409
  }

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { pathname } = new URL(req.url ?? '/', 'http://sink')
    const format = formatAt(pathname)
    let all: Got[]
    try {
      const sent = await buffer(req)
      const body = req.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent
      all = format.read(body.toString(), req.headers)
    } catch (error) {
      // The client is gone in the middle of it, or it has sent something wrong.
      if (!req.socket.destroyed) complaints.push(String(error))
      res.writeHead(400).end(String(error))
      return
    }
    requests++
    const { status, body } = format.answer(all.map(take))
    res.writeHead(status, body === '' ? {} : { 'content-type': 'application/json' }).end(body)
    const woken = waiting.filter(({ count }) => stored.size >= count)
    waiting = waiting.filter((one) => !woken.includes(one))
    for (const { resolve } of woken) resolve()
  }

  const server = createServer((req, res) => void answer(req, res))
  const port = await listenAnywhere(server)
  onTestFinished(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  return {
    url: `http://127.0.0.1:${port}`,
    stored,
    get requests() {
      return requests
    },
    complaints,
    has: (count) =>
      new Promise((resolve) => {
        if (stored.size >= count) resolve()
        else waiting.push({ count, resolve })
      }),
    find: (wanted) => [...stored.values()].filter(({ record }) => wanted(record)),
  }
}
