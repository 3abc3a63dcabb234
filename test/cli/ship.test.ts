import {
  appendFileSync,
  copyFileSync,
  readdirSync,
  readFileSync,
  renameSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../support/temporary.ts'
import {
  bundleCommand,
  type Command,
  lines,
  numbersOf,
  range,
  type Sink,
  start,
  startSink,
} from './support.ts'

let spoor: ReturnType<typeof bundleCommand>
beforeAll(() => {
  spoor = bundleCommand()
})
afterAll(() => spoor.remove())

const QUICK = ['--batch-age', '10ms']

function ship(args: readonly string[], env?: NodeJS.ProcessEnv, cwd?: string): Command {
  return start(spoor.path, ['ship', ...args], env, cwd)
}

/** Ships to that sink. */
function shipTo(sink: Sink, args: readonly string[], env?: NodeJS.ProcessEnv): Command {
  return ship([...args, '--to', sink.to, ...QUICK], env)
}

async function once(sink: Sink, args: readonly string[], env?: NodeJS.ProcessEnv): Promise<number | string> {
  return shipTo(sink, [...args, '--once'], env).ended
}

/** A directory and the live log in it. */
function place(text = ''): { directory: string; log: string } {
  const directory = temporaryDirectory()
  const log = join(directory, 'app.log')
  if (text !== '') writeFileSync(log, text)
  return { directory, log }
}

describe('spoor ship --once', () => {
  it('ships what is there, oldest first, rotated and compressed files too, and then what has come', async () => {
    const sink = await startSink()
    const { directory, log } = place(lines(30, 40))
    writeFileSync(join(directory, 'app.log.2.gz'), gzipSync(lines(0, 10)))
    writeFileSync(join(directory, 'app.log.1'), lines(10, 20))
    writeFileSync(join(directory, 'app-2026-11-21.001.log'), lines(20, 30))
    expect(await once(sink, [join(directory, '*')])).toBe(0)
    expect(numbersOf(sink.records)).toEqual(range(0, 40))
    expect(await once(sink, [log])).toBe(0)
    appendFileSync(log, lines(40, 45))
    expect(await once(sink, [directory])).toBe(0)
    expect(numbersOf(sink.records)).toEqual(range(0, 45))
  })

  it('adds host, log and labels, and leaves all else byte for byte', async () => {
    const sink = await startSink()
    const { log } = place('{"level":30,"n":12345678901234567890,"team":"forged"}\nplain text\n')
    expect(await once(sink, [log, '--label', 'team=shop', '--label', 'service=web'])).toBe(0)
    const [json, text] = sink.requests.flatMap(({ body }) => body.toString().trim().split('\n'))
    expect(json).toMatch(/^\{"level":30,"n":12345678901234567890,"_team":"forged","team":"shop",/)
    expect(sink.records[0]).toMatchObject({ team: 'shop', service: 'web', 'log.file.path': log })
    expect(JSON.parse(text ?? '')).toMatchObject({
      msg: 'plain text',
      level: 'info',
      team: 'shop',
      host: expect.any(String),
    })
  })

  it('takes text apart by --pattern, and leaves out what is below --level', async () => {
    const sink = await startSink()
    const { log } = place(
      '2026-11-21T14:00:00Z WARN disk low\n  at stack\n2026-11-21T14:00:01Z DEBUG x\n  at stack\n',
    )
    const pattern = '^(?<time>\\S+) (?<level>\\w+) (?<msg>.*)$'
    const command = shipTo(sink, [log, '--once', '--pattern', pattern, '--level', 'info'])
    expect(await command.ended).toBe(0)
    expect(sink.records).toMatchObject([
      { time: '2026-11-21T14:00:00.000Z', level: 'warn', msg: 'disk low' },
      // What stands below a line is of its time and level.
      { time: '2026-11-21T14:00:00.000Z', level: 'warn', msg: '  at stack' },
    ])
    expect(command.stderr).toContain('is not what --pattern says')
  })

  it('is patient with a back end that is not', async () => {
    const sink = await startSink()
    let failures = 2
    sink.answer = () => (failures-- > 0 ? { status: 503, headers: { 'retry-after': '0' } } : undefined)
    const { log } = place(lines(0, 3))
    expect(await once(sink, [log])).toBe(0)
    expect(numbersOf(sink.records)).toEqual([0, 1, 2])
  })

  it('ends with 1 where something was refused, which is in the dead letters with its time and labels', async () => {
    const sink = await startSink()
    sink.answer = (_, records) =>
      records.some(({ msg }) => msg === 'bad') ? { status: 400, body: 'bad' } : undefined
    const { directory, log } = place(`${lines(0, 2)}bad\n${lines(2, 4)}`)
    expect(await once(sink, [log, '--label', 'team=shop'])).toBe(1)
    expect(numbersOf(sink.records)).toEqual([0, 1, 2, 3])
    const [name = ''] = readdirSync(join(directory, '.spool')).filter((one) => one.endsWith('.ndjson'))
    const letter = JSON.parse(readFileSync(join(directory, '.spool', name), 'utf8'))
    expect(letter).toMatchObject({ destination: 'ndjson', status: 400 })
    expect(JSON.parse(letter.record)).toMatchObject({ msg: 'bad', team: 'shop', time: expect.any(String) })
  })

  it.each([
    ['a file that is damaged', 'app.log.1.gz', gzipSync(lines(0, 999)).subarray(0, 100), 1],
    ['a line that nobody would take', 'app.log.1', Buffer.from(`${'x'.repeat(9 * 1024 * 1024)}\n`), 1],
    ['a last line that was torn', 'app.log.1', Buffer.from('{"torn":'), 0],
  ])('ends so with %s, after all else', async (_name, name, content, code) => {
    const sink = await startSink()
    const { directory, log } = place(lines(0, 3))
    writeFileSync(join(directory, name), content)
    expect(await once(sink, [log])).toBe(code)
    expect(numbersOf(sink.records).slice(-3)).toEqual([0, 1, 2])
  })

  it('ends with 1 where it is not let in, with all kept', async () => {
    const sink = await startSink()
    sink.answer = () => ({ status: 401 })
    const { log } = place(lines(0, 3))
    expect(await once(sink, [log])).toBe(1)
    sink.answer = () => undefined
    expect(await once(sink, [log])).toBe(0)
    expect(numbersOf(sink.records)).toEqual([0, 1, 2])
  })

  it('ends with 1 where it is told to stop before it is done', async () => {
    const sink = await startSink()
    sink.answer = () => ({ status: 503 })
    const { log } = place(lines(0, 3))
    const command = shipTo(sink, [log, '--once'])
    await sink.until(() => sink.requests.length > 0)
    command.child.kill('SIGTERM')
    expect(await command.ended).toBe(1)
  })

  it('keeps what it needs in --state alone, where that is said', async () => {
    const sink = await startSink()
    const { directory, log } = place(lines(0, 3))
    const state = join(temporaryDirectory(), 'new')
    expect(await once(sink, [log, '--state', state])).toBe(0)
    expect(readdirSync(directory)).toEqual(['app.log'])
    renameSync(log, `${log}.1`)
    appendFileSync(`${log}.1`, lines(3, 4))
    writeFileSync(log, lines(4, 5))
    expect(await once(sink, [log, '--state', state])).toBe(0)
    expect(numbersOf(sink.records)).toEqual(range(0, 5))
    expect(readdirSync(directory).sort()).toEqual(['app.log', 'app.log.1'])
  })

  it('has nothing to do where a * fits nothing', async () => {
    const sink = await startSink()
    expect(await once(sink, [join(temporaryDirectory(), '*.log')])).toBe(0)
  })
})

describe('spoor ship', () => {
  it('follows over rotations, truncation and compression, and finds logs that come later', async () => {
    const sink = await startSink()
    const { directory, log } = place(lines(0, 10))
    const command = shipTo(sink, [join(directory, '*.log')])
    const came = (count: number): Promise<void> => sink.until(() => sink.records.length >= count)
    await came(10)
    renameSync(log, `${log}.1`)
    appendFileSync(`${log}.1`, lines(10, 20))
    writeFileSync(log, lines(20, 30))
    await came(30)
    writeFileSync(`${log}.2.gz`, gzipSync(readFileSync(`${log}.1`)))
    unlinkSync(`${log}.1`)
    appendFileSync(log, lines(30, 40))
    await came(40)
    copyFileSync(log, `${log}.1`)
    truncateSync(log)
    appendFileSync(log, lines(40, 50))
    await came(50)
    writeFileSync(join(directory, 'late.log'), lines(50, 60))
    await came(60)
    expect(numbersOf(sink.records)).toEqual(range(0, 60))
    expect(sink.records.at(-1)?.['log.file.path']).toBe(join(directory, 'late.log'))
    expect(command.stderr).toContain('late.log has come')
    command.child.kill('SIGTERM')
    expect(await command.ended).toBe(0)
  })

  it('waits for a log that is not there, and for the end of a line', async () => {
    const sink = await startSink()
    const { log } = place()
    const command = shipTo(sink, [log])
    await command.says(/is not there; it is shipped when it comes/)
    writeFileSync(log, '{"n":0}\n{"n":')
    await sink.until(() => sink.records.length === 1)
    appendFileSync(log, '1}\n')
    await sink.until(() => sink.records.length === 2)
    expect(numbersOf(sink.records)).toEqual([0, 1])
  })

  it('begins --from end with what comes, also where it was killed before anything was taken', async () => {
    const sink = await startSink()
    sink.answer = () => ({ status: 503 })
    const { log } = place(lines(0, 100))
    const first = shipTo(sink, [log, '--from', 'end'])
    await first.says('ships to')
    appendFileSync(log, lines(100, 105))
    await sink.until(() => sink.requests.length > 0)
    first.child.kill('SIGKILL')
    await first.ended
    sink.answer = () => undefined
    shipTo(sink, [log, '--from', 'end'])
    await sink.until(() => sink.records.length >= 5)
    expect(numbersOf(sink.records)).toEqual(range(100, 105))
  })

  it.each(['SIGTERM', 'SIGINT'] as const)('at %s brings what is on its way to its end', async (signal) => {
    const sink = await startSink()
    const { log } = place(lines(0, 1000))
    const args = ['--batch-count', '10']
    let command: Command | undefined
    sink.answer = () => {
      if (sink.requests.length === 3) command?.child.kill(signal)
      return undefined
    }
    command = shipTo(sink, [log, ...args])
    expect(await command.ended).toBe(0)
    const before = sink.records.length
    expect(before).toBeLessThan(1000)
    expect(await once(sink, [log])).toBe(0)
    expect(numbersOf(sink.records)).toEqual(range(0, 1000))
  })

  it('leaves a log to the process that ships it already, and takes over when that is gone', async () => {
    const sink = await startSink()
    const { log } = place(lines(0, 5))
    const first = shipTo(sink, [log])
    await sink.until(() => sink.records.length === 5)
    const second = shipTo(sink, [log])
    await second.says(new RegExp(`${log} is shipped by another process \\(${first.pid}\\)`))
    expect(await once(sink, [log])).toBe(1)
    first.child.kill('SIGKILL')
    await first.ended
    appendFileSync(log, lines(5, 10))
    await sink.until(() => sink.records.length >= 10)
    expect(numbersOf(sink.records)).toEqual(range(0, 10))
  })

  it('ships many logs at once, those that have stood still for long too, and these again when they grow', async () => {
    const sink = await startSink()
    const directory = temporaryDirectory()
    const paths = range(0, 150).map((n) => join(directory, `${n}.log`))
    const old = new Date(Date.now() - 3_600_000)
    for (const [n, path] of paths.entries()) {
      writeFileSync(path, lines(n * 10, n * 10 + 5))
      if (n % 2 === 0) utimesSync(path, old, old)
    }
    const command = shipTo(sink, [directory])
    await sink.until(() => sink.records.length >= 750)
    for (const [n, path] of paths.entries()) appendFileSync(path, lines(n * 10 + 5, n * 10 + 10))
    await sink.until(() => sink.records.length >= 1500)
    expect(numbersOf(sink.records).sort((a, b) => a - b)).toEqual(range(0, 1500))
    command.child.kill('SIGTERM')
    expect(await command.ended).toBe(0)
    expect(await once(sink, [directory])).toBe(0)
    expect(sink.records).toHaveLength(1500)
  })

  it('ships to two destinations without one knowing of the other', async () => {
    const [one, two] = [await startSink(), await startSink()]
    const { log } = place(lines(0, 5))
    expect(await once(one, [log])).toBe(0)
    expect(await once(two, [log])).toBe(0)
    expect(numbersOf(two.records)).toEqual(range(0, 5))
  })
})
