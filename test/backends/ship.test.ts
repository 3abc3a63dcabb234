import { mkdtempSync, readdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundleCommand, range, start } from '../cli/support.ts'
import { START_LIMIT_MS } from './support/build.ts'
import { type Loki, startLoki } from './support/loki.ts'
import { type OpenSearch, startOpenSearch } from './support/opensearch.ts'
import { poll } from './support/poll.ts'

const HOUR_MS = 3_600_000
const spoor = bundleCommand()
const directory = mkdtempSync(join(tmpdir(), 'spoor-ship-'))
afterAll(() => {
  spoor.remove()
  rmSync(directory, { recursive: true, force: true })
})

/** Lines as pino writes them. */
function linesOf(count: number, from: number, timeOf: (i: number) => number): string {
  return range(0, count)
    .map(
      (i) =>
        `${JSON.stringify({ level: 30, time: timeOf(i), pid: 1, hostname: 'h', n: from + i, msg: 'm' })}\n`,
    )
    .join('')
}

function once(to: string, ...args: string[]): Promise<number | string> {
  return start(spoor.path, ['ship', directory, '--to', to, '--once', ...args]).ended
}

describe('spoor ship', () => {
  let loki: Loki
  let search: OpenSearch
  const now = Date.now()
  const COUNT = 5000
  beforeAll(async () => {
    ;[loki, search] = [await startLoki(), await startOpenSearch()]
    // Fresh lines in one log, and three days of them, the older half compressed, in another.
    const step = (72 * HOUR_MS) / COUNT
    const old = (i: number): number => Math.floor(now - 73 * HOUR_MS + i * step)
    writeFileSync(
      join(directory, 'fresh.log'),
      linesOf(COUNT, 0, (i) => now - 1000 + Math.floor(i / 100)),
    )
    writeFileSync(join(directory, 'old.log.1.gz'), gzipSync(linesOf(COUNT / 2, COUNT, old)))
    writeFileSync(
      join(directory, 'old.log'),
      linesOf(COUNT / 2, COUNT * 1.5, (i) => old(i + COUNT / 2)),
    )
    writeFileSync(join(directory, 'text.log'), 'ok\n'.repeat(1000))
  }, START_LIMIT_MS)

  it('brings fresh and old logs to Loki, none in the way of the other', async () => {
    expect(await once(`loki=${loki.url}`, '--label', 'service=shop', '--label', 'team=x')).toBe(0)
    // Of a stream that spans days Loki gives back at once only what is in its newest chunk.
    await fetch(`${loki.url}/flush`, { method: 'POST' })
    const found = await poll('all lines in Loki', async () => {
      const entries = await loki.lokiQuery({ query: '{service_name="shop",team="x"} |= "\\"n\\""' })
      return entries.length >= 2 * COUNT && entries
    })
    const numbers = found.map(({ line }) => JSON.parse(line).n as number)
    expect(numbers.sort((a, b) => a - b)).toEqual(range(0, 2 * COUNT))
    const logs = new Set(found.map(({ labels }) => labels.log_file_path))
    expect([...logs].sort()).toEqual(['fresh.log', 'old.log'].map((name) => join(directory, name)))
    expect(found[0]?.metadata.level).toBe('info')
    const text = await loki.lokiQuery({ query: `{log_file_path="${join(directory, 'text.log')}"}` })
    expect(text.map(({ line }) => line)).toEqual(Array.from({ length: 1000 }, () => 'ok'))
  })

  it('brings them to OpenSearch, and a second time without doubling one', async () => {
    const to = `opensearch=${search.url}`
    for (let time = 0; time < 2; time++) {
      for (const name of readdirSync(directory))
        if (name.endsWith('.checkpoint')) unlinkSync(join(directory, name))
      expect(await once(to, '--index', 'shipped')).toBe(0)
    }
    const documents = await search.documents('shipped')
    expect(documents).toHaveLength(2 * COUNT + 1000)
    const numbers = documents.flatMap(({ source }) => (source.n === undefined ? [] : [source.n as number]))
    expect(numbers.sort((a, b) => a - b)).toEqual(range(0, 2 * COUNT))
    expect(documents.find(({ source }) => source.n === 0)?.source).toMatchObject({
      '@timestamp': new Date(now - 1000).toISOString(),
      level: 'info',
      host: 'h',
      'log.file.path': join(directory, 'fresh.log'),
    })
  })
})
