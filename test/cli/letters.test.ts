import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LetterLine } from '../../src/shipping/dead-letters.ts'
import { parseLines } from '../support/strict-json.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { bundleCommand, lines, numbersOf, range, type Sink, start, startSink } from './support.ts'

let spoor: ReturnType<typeof bundleCommand>
beforeAll(() => {
  spoor = bundleCommand()
})
afterAll(() => spoor.remove())

function ship(sink: Sink, args: readonly string[], env?: NodeJS.ProcessEnv) {
  return start(spoor.path, ['ship', ...args, '--to', sink.to, '--batch-age', '1ms'], env)
}

/** Sends them again; the exit code. */
function resend(sink: Sink, args: readonly string[] = [], env?: NodeJS.ProcessEnv): Promise<number | string> {
  return ship(sink, ['--dead-letter', ...args], env).ended
}

type Letter = LetterLine & Record<string, unknown>

function letter(n: number, more: Partial<LetterLine> = {}): string {
  const record = lines(n, n + 1).trimEnd()
  return `${JSON.stringify({ time: '2026-11-21T14:00:00Z', destination: 'ndjson', reason: 'bad', id: `a-${n}`, nth: n, record, ...more })}\n`
}

function spoolWith(files: Readonly<Record<string, string>>): string {
  const directory = temporaryDirectory()
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text)
  return directory
}

function lettersIn(directory: string): Letter[] {
  return readdirSync(directory)
    .filter((name) => name.includes('.dead-letters.ndjson') && !name.endsWith('.unread'))
    .sort()
    .flatMap((name) =>
      name.startsWith('.') ? [] : parseLines<Letter>(readFileSync(join(directory, name), 'utf8')),
    )
}

/** Refuses each record that is `bad`, by a whole batch as JSON receivers do. */
function refuse(sink: Sink, isBad: (record: Record<string, unknown>) => boolean, reason = 'still bad'): void {
  sink.answer = (_, records) => (records.some(isBad) ? { status: 400, body: reason } : undefined)
}

describe('spoor ship --dead-letter', () => {
  it('sends what was refused again, the older half first, and takes what is delivered out', async () => {
    const sink = await startSink()
    const directory = spoolWith({
      'http.dead-letters.ndjson.1': letter(0) + letter(1),
      'http.dead-letters.ndjson': letter(2),
    })
    expect(await resend(sink, [join(directory, 'http.dead-letters.ndjson')])).toBe(0)
    expect(numbersOf(sink.records)).toEqual([0, 1, 2])
    expect(readdirSync(directory)).toEqual([])
  })

  it('keeps what is refused again, with the new reason, and ends with 1', async () => {
    const sink = await startSink()
    refuse(sink, ({ n }) => n === 1)
    const directory = spoolWith({ 'http.dead-letters.ndjson': letter(0) + letter(1) + letter(2) })
    expect(await resend(sink, [directory])).toBe(1)
    expect(numbersOf(sink.records)).toEqual([0, 2])
    expect(lettersIn(directory)).toMatchObject([
      { id: 'a-1', nth: 1, reason: expect.stringContaining('still bad') },
    ])
    refuse(sink, () => false)
    expect(await resend(sink, [directory])).toBe(0)
    expect(lettersIn(directory)).toEqual([])
  })

  it('sends those of every transport in the spool, and of this command to the same destination', async () => {
    const sink = await startSink()
    const directory = spoolWith({
      'http.dead-letters.ndjson': letter(0),
      'audit.dead-letters.ndjson.taken-000001': letter(1),
      'ship-0123456789ab.dead-letters.ndjson': letter(2),
      'other.ndjson': letter(3),
    })
    const command = ship(sink, ['--dead-letter'], { LOG_SPOOL_DIR: directory })
    expect(await command.ended).toBe(0)
    expect(numbersOf(sink.records).sort()).toEqual([0, 1])
    expect(command.stderr).toMatch(
      /ship-0123456789ab\.dead-letters\.ndjson was refused by another destination/,
    )
    expect(await resend(sink, [join(directory, 'ship-0123456789ab.dead-letters.ndjson')])).toBe(0)
    expect(numbersOf(sink.records).sort()).toEqual([0, 1, 2])
    expect(readdirSync(directory)).toEqual(['other.ndjson'])
  })

  it('goes the whole way: text that was refused arrives with its time, log and labels', async () => {
    const sink = await startSink()
    refuse(sink, ({ msg }) => msg === 'disk low')
    const directory = temporaryDirectory()
    const log = join(directory, 'app.log')
    writeFileSync(log, '2026-11-21T14:00:00Z disk low\n')
    const pattern = '^(?<time>\\S+) (?<msg>.*)'
    expect(await ship(sink, [log, '--once', '--pattern', pattern, '--label', 'team=shop']).ended).toBe(1)
    refuse(sink, () => false)
    expect(await resend(sink, [join(directory, '.spool'), '--label', 'again=yes'])).toBe(0)
    expect(sink.records).toMatchObject([
      { time: '2026-11-21T14:00:00.000Z', msg: 'disk low', team: 'shop', again: 'yes', 'log.file.path': log },
    ])
  })

  it('goes on after a kill where nothing was delivered yet', async () => {
    const sink = await startSink()
    sink.answer = () => ({ status: 503 })
    const directory = spoolWith({ 'http.dead-letters.ndjson': letter(0) + letter(1) })
    const command = ship(sink, ['--dead-letter', directory])
    await sink.until(() => sink.requests.length > 0)
    command.child.kill('SIGKILL')
    await command.ended
    writeFileSync(join(directory, 'http.dead-letters.ndjson'), letter(2))
    sink.answer = () => undefined
    expect(await resend(sink, [directory])).toBe(0)
    expect(numbersOf(sink.records)).toEqual([0, 1, 2])
  })

  it('loses none that others add meanwhile', async () => {
    const sink = await startSink()
    const directory = temporaryDirectory()
    const spool = join(directory, 'spool')
    mkdirSync(spool)
    const log = join(directory, 'app.log')
    writeFileSync(log, '')
    // The agent's records are refused; what is sent again is taken.
    sink.answer = ({ headers }) => (headers['x-agent'] === 'yes' ? { status: 400, body: 'no' } : undefined)
    const agent = ship(sink, [log, '--header', 'x-agent=yes'], { LOG_SPOOL_DIR: spool })
    await agent.says('ships to')
    let runs = 0
    for (let n = 0; n < 40; n += 4) {
      writeFileSync(log, lines(n, n + 4), { flag: 'a' })
      await sink.until(() => sink.requests.length > runs)
      runs = sink.requests.length
      expect(await resend(sink, [], { LOG_SPOOL_DIR: spool })).toBe(0)
    }
    agent.child.kill('SIGTERM')
    expect(await agent.ended).toBe(0)
    expect(await ship(sink, [log, '--once'], { LOG_SPOOL_DIR: spool }).ended).toBe(0)
    expect(await resend(sink, [], { LOG_SPOOL_DIR: spool })).toBe(0)
    expect([...new Set(numbersOf(sink.records))].sort((a, b) => a - b)).toEqual(range(0, 40))
  })

  it('is done by one process at a time', async () => {
    const sink = await startSink()
    sink.answer = () => ({ status: 503 })
    const directory = spoolWith({ 'http.dead-letters.ndjson': letter(0) })
    const first = ship(sink, ['--dead-letter', directory])
    await sink.until(() => sink.requests.length > 0)
    const second = ship(sink, ['--dead-letter', directory])
    expect(await second.ended).toBe(1)
    expect(second.stderr).toContain(`is being sent by another process (${first.pid}) already`)
    first.child.kill('SIGTERM')
    expect(await first.ended).toBe(1)
    expect(readdirSync(directory).filter((name) => name.endsWith('.owner'))).toEqual([])
  })

  it('leaves those that are too old for the destination where they are', async () => {
    const { url } = await startSink()
    const directory = spoolWith({
      'http.dead-letters.ndjson': letter(0, { record: '{"time":"2001-01-01T00:00:00Z","msg":"old"}' }),
    })
    const command = start(spoor.path, ['ship', '--dead-letter', directory, '--to', `loki=${url}`])
    expect(await command.ended).toBe(1)
    expect(lettersIn(directory)).toMatchObject([{ id: 'a-0', reason: 'loki takes none older than 7 d' }])
  })

  it('has nothing to do where there are none', async () => {
    const sink = await startSink()
    expect(await resend(sink, [temporaryDirectory()])).toBe(0)
    expect(existsSync(join(temporaryDirectory(), 'x'))).toBe(false)
  })
})
