import { describe, expect, it, onTestFinished } from 'vitest'
import { defaultKeys, makeSchema, type SchemaName } from '../../src/logger/line/schema.ts'
import { makeOwner } from '../../src/segments/spool/owner.ts'
import { createSpoolSource } from '../../src/segments/spool/source.ts'
import { createSpoolWriter } from '../../src/segments/spool/writer.ts'
import type { Shipped } from '../../src/shipping/shipped.ts'
import { lineParser, spoolSource } from '../../src/shipping/spool-source.ts'
import { NOW as MADE, recorderOn } from '../logger/memory.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const NOW = 1_700_000_000_123
const parseWith = (names: Readonly<Record<string, string>>, line: string) =>
  lineParser(names, () => NOW)(line)

describe('a line', () => {
  it('is read with its time and its level', () => {
    expect(parseWith({}, '{"time":"2026-11-21T12:00:00.123Z","level":"warn","msg":"hi","n":1}')).toEqual({
      record: { time: '2026-11-21T12:00:00.123Z', level: 'warn', msg: 'hi', n: 1 },
      timeMs: Date.parse('2026-11-21T12:00:00.123Z'),
    })
  })

  it.each([
    [
      '{"level":"warn","msg":"log records were lost","component":"spoor","dropped":3,"dropped_by_level":{"info":2,"debug":1}}',
      { info: 2, debug: 1 },
    ],
    ['{"msg":"log records were lost","component":"spoor"}', undefined],
    ['{"msg":"log records were lost","component":"spoor","dropped_by_level":null}', undefined],
    ['{"msg":"log records were lost","dropped_by_level":{"info":2}}', undefined],
    ['{"msg":"order placed","component":"spoor","dropped_by_level":{"info":2}}', undefined],
  ])('%s tells of a loss: %j', (line, lost) => {
    expect(parseWith({}, line)?.lost).toEqual(lost)
  })

  it.each(['not json', '[1]', 'null', '"text"', '7', '{"a":1'])('that is %s is none', (line) => {
    expect(parseWith({}, line)).toBeUndefined()
  })

  it.each([
    ['"time":1700000000456', 1_700_000_000_456],
    ['"time":"2026-11-21T12:00:00+01:00"', Date.parse('2026-11-21T11:00:00Z')],
    ['"time":"soon"', NOW],
    ['"time":null', NOW],
    ['"x":1', NOW],
  ])('with %s was made at %i', (text, timeMs) => {
    expect(parseWith({}, `{${text}}`)?.timeMs).toBe(timeMs)
  })

  it.each([
    ['10', 'trace'],
    ['30', 'info'],
    ['35', 'info'],
    ['60', 'fatal'],
    ['99', 'fatal'],
    ['5', 'trace'],
    ['"WARNING"', 'warn'],
    ['"CRITICAL"', 'fatal'],
    ['"critical"', 'fatal'],
    ['"ERROR"', 'error'],
    ['"NOTICE"', 'info'],
    ['"DEFAULT"', 'info'],
    ['"Off"', 'off'],
    ['"Audit"', 'audit'],
    ['"constructor"', 'constructor'],
    ['null', 'info'],
  ])('of level %s is one of %s', (level, name) => {
    expect(parseWith({}, `{"level":${level}}`)?.record.level).toBe(name)
  })

  it('has the default keys again; what had one of these before steps aside', () => {
    const names = { '@timestamp': 'time', 'log.level': 'level', message: 'msg' }
    const line =
      '{"@timestamp":"2026-11-21T12:00:00Z","log.level":"info","message":"a","msg":"mine","_msg":2,"__proto__":3}'
    const { record } = parseWith(names, line) ?? { record: {} }
    expect(Object.entries(record)).toEqual([
      ['time', '2026-11-21T12:00:00Z'],
      ['level', 'info'],
      ['msg', 'a'],
      ['__msg', 'mine'],
      ['_msg', 2],
      ['__proto__', 3],
    ])
  })
})

const SCHEMAS: readonly SchemaName[] = ['default', 'ecs', 'gcp', 'datadog', 'pino']

describe.each(SCHEMAS)('records of the schema %s', (schema) => {
  it.each(['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const)(
    'say what they said at %s',
    (level) => {
      const log = recorderOn('direct', { schema, level: 'trace', identity: { service: 'shop', pid: 7 } })
      log.logger[level]('order placed', new Error('no'), { order_id: 42 })
      const line = (log.lines()[0] as string).trimEnd()
      const names = Object.fromEntries(defaultKeys(makeSchema({ schema })))
      const parsed = parseWith(names, line)
      // Google Cloud has one name for both.
      const expected = schema === 'gcp' && level === 'trace' ? 'debug' : level
      expect(parsed?.record).toMatchObject({ level: expected, msg: 'order placed', order_id: 42 })
      expect(parsed?.record.err).toMatchObject({ message: 'no' })
      expect(parsed?.timeMs).toBe(MADE)
    },
  )
})

it('is a source for a shipper: it reads, commits by the record, and ends', async () => {
  const directory = temporaryDirectory()
  const onProblem = ({ message }: { message: string }): void => {
    throw new Error(message)
  }
  const writer = createSpoolWriter({
    directory,
    owner: makeOwner(0),
    names: { message: 'msg' },
    budgetBytes: 1e6,
    fsync: 'never',
    fsyncMs: 1000,
    onProblem,
  })
  onTestFinished(() => writer.close())
  const lines = Array.from(
    { length: 9 },
    (_, n) => `{"time":"2026-11-21T12:00:00Z","level":"info","message":"${n}"}\n`,
  )
  writer.append(lines.join(''))
  const make = () =>
    createSpoolSource({
      subdirectory: writer.directory as string,
      finished: false,
      parserOf: (names) => lineParser(names, Date.now),
      fsync: 'never',
      onProblem,
    })
  const spool = make()
  const source = spoolSource(spool)
  expect(source.name).toMatch(/^[a-z2-7]{16}$/)
  const records: readonly Shipped[] = await source.read(1e6, 5)
  expect(records.map(({ record }) => record.msg)).toEqual(['0', '1', '2', '3', '4'])
  expect(source.backlog).toBe(writer.bytes)
  await source.commit(records[2] as Shipped)
  await source.commit({ ...(records[4] as Shipped), id: 'of somebody else' })
  await source.close()
  const again = make()
  const rest = spoolSource(again)
  const next = await rest.read(1e6, 100)
  expect(next.map(({ record }) => record.msg)).toEqual(['3', '4', '5', '6', '7', '8'])
  expect(next[0]?.id).toBe(records[3]?.id)
  writer.close()
  again.finish()
  await rest.wait(1e9)
  expect(await rest.read(1e6, 100)).toEqual([])
  expect(rest.ended).toBe(true)
  await rest.commit(next[5] as Shipped)
  expect(rest.backlog).toBe(0)
  await rest.close()
})
