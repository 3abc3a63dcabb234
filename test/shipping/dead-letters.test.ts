import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { readDeadLetters } from '../../src/shipping/dead-letter-source.ts'
import {
  createDeadLetters,
  type DeadLettersOptions,
  type LetterLine,
} from '../../src/shipping/dead-letters.ts'
import { lineParser } from '../../src/shipping/spool-source.ts'
import { type Bundle, bundleOf } from '../support/bundle.ts'
import { parseLines } from '../support/strict-json.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { UNSAFE, unsafeCharacters } from '../support/unsafe.ts'
import { START } from './support/fake-clock.ts'
import { many, shipped } from './support/memory-source.ts'

const reason = '400: what is that'
const parse = lineParser({}, () => START)

function lettersAt(
  path = join(temporaryDirectory(), 'dead-letters.ndjson'),
  options: Partial<DeadLettersOptions> = {},
) {
  const dropped: [number, string][] = []
  const letters = createDeadLetters({
    path,
    now: () => START,
    onDropped: (count, message) => dropped.push([count, message]),
    ...options,
  })
  onTestFinished(() => letters.close())
  const lines = (file = path) =>
    existsSync(file) ? parseLines<LetterLine & Record<string, unknown>>(readFileSync(file, 'utf8')) : []
  return { path, letters, dropped, lines }
}

const of = (record: ReturnType<typeof shipped>) => ({ record, destination: 'loki', reason })

describe('dead letters', () => {
  it('drive no terminal, whatever a line of others says and a back end answers; the record is as it was', async () => {
    const { path, letters, lines } = lettersAt()
    const hostile = unsafeCharacters.filter((character) => !/[\p{Cc}\p{Cs}]/u.test(character)).join('')
    const line = `{"msg":"\u007f\u009b${hostile}"}`
    const record = { ...shipped('a'), line }
    await letters.add([{ record, destination: `loki${hostile}`, reason: hostile }])
    expect(readFileSync(path, 'utf8').replaceAll('\n', '')).not.toMatch(UNSAFE)
    expect(lines()).toMatchObject([{ record: line, reason: hostile, destination: `loki${hostile}` }])
  })

  it('are one line of JSON each, with the record as it was', async () => {
    const { path, letters, lines } = lettersAt()
    const record = shipped('a"b', { nth: 7 })
    expect(await letters.add([{ ...of(record), status: 400 }, of(shipped('c'))])).toBe(2)
    expect(lines()).toEqual([
      {
        time: '2026-11-21T10:00:00.000Z',
        destination: 'loki',
        reason,
        status: 400,
        id: 'a"b',
        nth: 7,
        record: record.line,
      },
      {
        time: '2026-11-21T10:00:00.000Z',
        destination: 'loki',
        reason,
        id: 'c',
        nth: 0,
        record: shipped('c').line,
      },
    ])
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('are no more than their quota: the older half goes, counted and told', async () => {
    const maxBytes = 4000
    const { path, letters, dropped, lines } = lettersAt(undefined, { maxBytes })
    const kept = () => [...lines(`${path}.1`), ...lines()].map(({ id }) => id)
    for (const record of many('r', 100)) {
      expect(await letters.add([of(record)])).toBe(1)
      const bytes = [path, `${path}.1`].reduce(
        (sum, file) => sum + (existsSync(file) ? statSync(file).size : 0),
        0,
      )
      expect(bytes).toBeLessThanOrEqual(maxBytes)
    }
    expect(kept().at(-1)).toBe('r99')
    expect(kept()).toEqual(
      many('r', 100)
        .slice(-kept().length)
        .map(({ id }) => id),
    )
    expect(kept().length).toBeGreaterThan(8)
    expect(letters.dropped).toBe(100 - kept().length)
    expect(dropped.reduce((sum, [count]) => sum + count, 0)).toBe(letters.dropped)
    expect(dropped[0]?.[1]).toContain(
      `were dropped from ${path}.1, since the dead letters may have 4000 bytes`,
    )
  })

  it('keep to it with many at once as well', async () => {
    const { path, letters, lines } = lettersAt(undefined, { maxBytes: 4000 })
    expect(await letters.add(many('r', 100).map(of))).toBe(100)
    expect(statSync(path).size).toBeLessThanOrEqual(2000)
    expect(lines().length + lines(`${path}.1`).length + letters.dropped).toBe(100)
  })

  it('keep to it when several batches are refused at once', async () => {
    const { path, letters, lines } = lettersAt(undefined, { maxBytes: 4000 })
    const added = await Promise.all(many('r', 60).map((record) => letters.add([of(record)])))
    expect(added).toEqual(Array(60).fill(1))
    for (const file of [path, `${path}.1`]) expect(statSync(file).size).toBeLessThanOrEqual(2000)
    const kept = [...lines(`${path}.1`), ...lines()].map(({ id }) => id)
    expect(kept).toEqual(
      many('r', 60)
        .slice(-kept.length)
        .map(({ id }) => id),
    )
    expect(kept.length + letters.dropped).toBe(60)
  })

  it('have one that is larger than the quota alone', async () => {
    const { path, letters, lines } = lettersAt(undefined, { maxBytes: 1000 })
    await letters.add([of(shipped('a')), of(shipped('huge', { pad: 5000 })), of(shipped('b'))])
    expect([lines().map(({ id }) => id), lines(`${path}.1`).map(({ id }) => id), letters.dropped]).toEqual([
      ['b'],
      ['huge'],
      1,
    ])
  })

  it('begin a line of their own behind one that somebody left torn', async () => {
    const { path, letters } = lettersAt()
    writeFileSync(path, '{"time":"2026-')
    await letters.add([of(shipped('a'))])
    const [torn, whole] = readFileSync(path, 'utf8').split('\n')
    expect([torn, JSON.parse(whole ?? '').id]).toEqual(['{"time":"2026-', 'a'])
  })

  it('go to a new file when somebody has taken the old one away', async () => {
    const { path, letters, lines } = lettersAt()
    await letters.add([of(shipped('a'))])
    renameSync(path, `${path}.mine`)
    writeFileSync(path, '')
    await letters.add([of(shipped('b'))])
    expect([lines(`${path}.mine`).map(({ id }) => id), lines().map(({ id }) => id)]).toEqual([['a'], ['b']])
  })

  it('say how many could not be written, and why', async () => {
    const directory = temporaryDirectory()
    writeFileSync(join(directory, 'file'), '')
    const { letters } = lettersAt(join(directory, 'file', 'dead-letters.ndjson'))
    expect(await letters.add([of(shipped('a')), of(shipped('b'))])).toBe(0)
    expect(letters.lastError).toContain('ENOTDIR')
  })

  it.each([
    ['a directory', mkdirSync],
    // Whoever opens it would wait for its writer, and everything behind would wait too.
    ['a FIFO', (path: string) => execFileSync('mkfifo', [path])],
  ])('are not written past their quota where the older half is %s', async (_, make) => {
    const { path, letters, lines } = lettersAt(undefined, { maxBytes: 4000 })
    make(`${path}.1`)
    let written = 0
    for (const record of many('r', 100)) written += await letters.add([of(record)])
    expect(written).toBe(lines().length)
    expect(statSync(path).size).toBeLessThanOrEqual(2000)
    expect(letters.lastError).toBe(`${path}.1 can't be read, nor replaced: no regular file`)
  })
})

describe('several processes', () => {
  let bundle: Bundle
  beforeAll(() => {
    bundle = bundleOf(['shipping/dead-letters.ts'])
    bundle.script(
      'writes.mjs',
      `import { createDeadLetters } from './spoor.mjs'
       const [path, name, count, maxBytes] = process.argv.slice(2)
       const letters = createDeadLetters({ path, maxBytes: Number(maxBytes) })
       for (let i = 0; i < Number(count); i++) {
         const record = { id: name + i, nth: 0, line: JSON.stringify({ msg: 'x'.repeat(i % 300) }) }
         if (await letters.add([{ record, destination: 'd', reason: 'r' }]) !== 1) throw new Error(letters.lastError)
       }
       process.send(letters.dropped)
       process.disconnect()`,
    )
  })
  afterAll(() => bundle.remove())

  it.each([
    ['all of them', 1e9],
    ['all but those that the quota takes', 60_000],
  ])('share one file, which has %s in whole lines', async (_, maxBytes) => {
    const path = join(temporaryDirectory(), 'dead-letters.ndjson')
    const script = join(bundle.path, '..', 'writes.mjs')
    const children = ['a', 'b', 'c'].map((name) => fork(script, [path, name, '300', String(maxBytes)]))
    const dropped = await Promise.all(
      children.map(async (child) => Number((await once(child, 'message'))[0])),
    )
    const files = [`${path}.1`, path].filter((file) => existsSync(file))
    const lines = files.flatMap((file) =>
      parseLines<LetterLine & Record<string, unknown>>(readFileSync(file, 'utf8')),
    )
    expect(new Set(lines.map(({ id }) => id)).size).toBe(lines.length)
    expect(lines.length + dropped.reduce((a, b) => a + b)).toBe(900)
    expect(dropped.some((count) => count > 0)).toBe(maxBytes < 1e9)
    // Who finds it too large while another makes room writes one more.
    for (const file of files) expect(statSync(file).size).toBeLessThanOrEqual(maxBytes / 2 + 3 * 500)
  })
})

describe('dead letters sent again', () => {
  async function all(source: ReturnType<typeof readDeadLetters>, bytes = 1000, count = 3) {
    const batches = []
    for (
      let batch = await source.read(bytes, count);
      batch.length > 0;
      batch = await source.read(bytes, count)
    )
      batches.push(batch)
    return batches
  }

  it('are the records that they were, older ones first, within the bounds asked for', async () => {
    const { path, letters } = lettersAt(undefined, { maxBytes: 5000 })
    const records = [
      shipped('first', { nth: 3, level: 'error' }),
      ...many('r', 8),
      shipped('large', { pad: 1500 }),
    ]
    for (const record of records) await letters.add([of(record)])
    const source = readDeadLetters(path, { parse })
    const batches = await all(source)
    expect(batches.flat()).toEqual(records)
    expect(batches.map(({ length }) => length)).toEqual([3, 3, 3, 1])
    expect(source.ended).toBe(true)
    expect(source.name).toBe('dead-letters.ndjson')
  })

  it('are gone once they are committed, and what is refused meanwhile is not', async () => {
    const { path, letters, lines } = lettersAt()
    await letters.add(many('r', 4).map(of))
    const source = readDeadLetters(path, { parse })
    const [first, second] = await all(source)
    await letters.add([of(shipped('new'))])
    await source.commit(first?.at(-1) as never)
    expect(readdirSync(join(path, '..')).sort()).toEqual([
      'dead-letters.ndjson',
      'dead-letters.ndjson.taken-000001',
    ])
    expect(source.backlog).toBeGreaterThan(0)
    await source.commit(second?.at(-1) as never)
    expect(readdirSync(join(path, '..'))).toEqual(['dead-letters.ndjson'])
    expect(source.backlog).toBe(0)
    expect(lines().map(({ id }) => id)).toEqual(['new'])
    await source.close()
  })

  it('are sent again from the beginning of their file when not all were committed', async () => {
    const { path, letters } = lettersAt(undefined, { maxBytes: 1200 })
    for (const record of many('r', 5)) await letters.add([of(record)])
    const before = readDeadLetters(path, { parse })
    const [first] = await all(before)
    await before.commit(first?.[0] as never)
    await before.close()
    await letters.add([of(shipped('new'))])
    const source = readDeadLetters(path, { parse })
    const ids = (await all(source)).flat().map(({ id }) => id)
    expect(ids.at(-1)).toBe('new')
    expect(ids.slice(0, -1)).toEqual(
      many('r', 5)
        .map(({ id }) => id)
        .slice(-(ids.length - 1)),
    )
  })

  it('leave out what is no letter, keep it, and tell', async () => {
    const { path, letters } = lettersAt()
    await letters.add([of(shipped('a'))])
    appendFileSync(path, 'not one\n{"record":1,"id":"x"}\n{"record":"no json","id":"x"}\n\n{"torn')
    const problems: string[] = []
    const source = readDeadLetters(path, { parse, onProblem: (message) => problems.push(message) })
    const [batch] = await all(source)
    expect(batch?.map(({ id }) => id)).toEqual(['a'])
    await source.commit(batch?.[0] as never)
    expect(readdirSync(join(path, '..'))).toEqual(['dead-letters.ndjson.taken-000001.unread'])
    expect(problems).toEqual([
      expect.stringMatching(/^4 lines are no dead letters and were not sent; they are kept in .*\.unread\.$/),
    ])
  })

  it.each(['missing/dead-letters.ndjson', 'dead-letters.ndjson'])(
    'are none where there is no file: %s',
    async (name) => {
      const source = readDeadLetters(join(temporaryDirectory(), name), { parse })
      expect(await source.read(1000, 10)).toEqual([])
      expect([source.ended, source.backlog]).toEqual([true, 0])
      await source.wait(1e6)
      await source.close()
    },
  )

  it('keep a file that a writer still wrote to when it was taken away', async () => {
    const { path, letters } = lettersAt()
    await letters.add([of(shipped('a'))])
    const source = readDeadLetters(path, { parse })
    const [batch] = await all(source)
    appendFileSync(`${path}.taken-000001`, readFileSync(`${path}.taken-000001`))
    await source.commit(batch?.[0] as never)
    expect(existsSync(`${path}.taken-000001`)).toBe(true)
  })
})
