import { type FakeAnswer, type FakeHttp, startFakeHttp } from './http.ts'

/** buffer_max_size of Fluent Bit's http input. */
const MAX_BYTES = 4 * 1024 * 1024
const LINES = /^application\/(x-)?(ndjson|jsonl)$/

export interface FakeNdjson extends FakeHttp {
  /** The texts of the records that were taken, byte for byte, where they came as lines. */
  readonly lines: readonly string[]
  /** The records that were taken. */
  readonly records: readonly unknown[]
}

/** A receiver like Fluent Bit's http input: 201 for JSON as an array or by lines, 400 for what is none of both. */
export async function fakeNdjson(token?: string): Promise<FakeNdjson> {
  const lines: string[] = []
  const records: unknown[] = []
  const server = await startFakeHttp(({ headers, body }): FakeAnswer => {
    if (token !== undefined && headers.authorization !== `Bearer ${token}`) return { status: 401 }
    if (body.length > MAX_BYTES) return { status: 413 }
    const type = headers['content-type'] ?? ''
    const text = body.toString()
    try {
      if (type === 'application/json') records.push(...(JSON.parse(text) as unknown[]))
      else if (!LINES.test(type)) return { status: 415, body: `no ${type} here` }
      else if (!text.endsWith('\n')) return { status: 400, body: 'the last line is torn' }
      else {
        const given = text.slice(0, -1).split('\n')
        const parsed = given.map((line) => JSON.parse(line))
        records.push(...parsed)
        lines.push(...given)
      }
    } catch {
      return { status: 400, body: 'error: invalid payload' }
    }
    return { status: 201 }
  })
  return Object.defineProperties(
    { lines, records } as unknown as FakeNdjson,
    Object.getOwnPropertyDescriptors(server),
  )
}
