import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
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

describe('switched off', () => {
  it.each([{ LOG_HTTP: 'off' }, { DISABLE_FLUENT_BIT_LOGGING: '1' }])(
    'by %o it says so and idles',
    async (env) => {
      const sink = await startSink()
      const { log } = place(lines(0, 5))
      const command = shipTo(sink, [log, '--listen', '0'], env)
      const [, url = ''] = await command.says(/answers (http:\S+)\/health/)
      expect(command.stderr).toContain(`${Object.keys(env)[0]} switches shipping off`)
      expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ status: 'off' })
      command.child.kill('SIGTERM')
      expect(await command.ended).toBe(0)
      expect(await once(sink, [log], env)).toBe(0)
      expect(sink.requests).toEqual([])
    },
  )
})

describe('the environment', () => {
  it('says what the command line leaves out', async () => {
    const sink = await startSink()
    const { log } = place(`{"level":20,"n":-1}\n${lines(0, 1)}`)
    const env = {
      LOG_HTTP_URL: sink.url,
      LOG_HTTP_TOKEN: 'env-token',
      LOG_HTTP_HEADERS: 'x-team=shop',
      LOG_LABELS: 'module=store',
      LOG_HTTP_LEVEL: 'info',
    }
    expect(await ship([log, '--once'], env).ended).toBe(0)
    expect(sink.requests[0]?.headers).toMatchObject({ authorization: 'Bearer env-token', 'x-team': 'shop' })
    expect(sink.records).toMatchObject([{ n: 0, module: 'store' }])
  })

  it('keeps a token that was meant for another address', async () => {
    const sink = await startSink()
    const { log } = place(lines(0, 1))
    const env = {
      LOG_HTTP_URL: 'http://127.0.0.1:9/',
      LOG_HTTP_TOKEN: 'other',
      LOG_HTTP_HEADERS: 'x-key=other',
    }
    expect(await once(sink, [log], env)).toBe(0)
    expect(sink.requests[0]?.headers.authorization).toBeUndefined()
    expect(sink.requests[0]?.headers['x-key']).toBeUndefined()
  })
})

describe('a token', () => {
  const TOKEN = 'tok-3f9a7c1e5b'

  it('is in no process list and in nothing that is written, whatever the back end says', async () => {
    const sink = await startSink()
    sink.answer = ({ headers }) => ({ status: 401, body: `not ${headers.authorization} at all` })
    const { directory, log } = place(lines(0, 3))
    const env = { SHIP_TOKEN: TOKEN, PATH: process.env.PATH }
    const command = shipTo(sink, [log, '--token-env', 'SHIP_TOKEN', '--listen', '0'], env)
    const [, url = ''] = await command.says(/answers (http:\S+)\/health/)
    await command.says(/takes no records until somebody mends it/)
    expect(sink.requests[0]?.headers.authorization).toBe(`Bearer ${TOKEN}`)
    const listed = execFileSync('ps', ['-ww', '-p', String(command.pid), '-o', 'args'], { encoding: 'utf8' })
    expect(listed).toContain('--token-env SHIP_TOKEN')
    const pages = await Promise.all(
      ['/health', '/metrics'].map(async (path) => (await fetch(url + path)).text()),
    )
    const files = readdirSync(directory).map((name) =>
      name === '.spool' ? '' : readFileSync(join(directory, name), 'utf8'),
    )
    for (const text of [listed, command.stderr, command.stdout, ...pages, ...files])
      expect(text).not.toContain(TOKEN)
  })

  it.each([
    ['--token', ['--token', TOKEN]],
    ['--token=', [`--token=${TOKEN}`]],
    ['a misspelling', [`--tokne=${TOKEN}`]],
    ['the variable itself', ['--token-env', TOKEN]],
    ['a header', ['--header', `authorization=Bearer ${TOKEN}`]],
    ['a password in the address', ['--to', `loki=https://user:${TOKEN}@loki.internal`]],
    ['a parameter of the address', ['--to', `ndjson=https://h/?api_key=${TOKEN}`]],
    ['what stands in a wrong place', ['--from', TOKEN]],
  ])('is refused, and not repeated: %s', async (_name, args) => {
    const to = args.includes('--to') ? [] : ['--to', 'loki=https://loki.internal']
    const command = ship(['app.log', ...args, ...to])
    expect(await command.ended).toBe(2)
    expect(command.stderr).toMatch(/^spoor: .+\n$/)
    expect(command.stderr).not.toContain(TOKEN)
  })
})

describe('what is wrong at the start', () => {
  const TO = ['--to', 'ndjson=http://127.0.0.1:9/']
  it.each<[string, readonly string[], RegExp]>([
    ['nowhere to', ['app.log'], /not said where to ship to, expected --to <format>=<url>/],
    ['no logs', TO, /no logs are named, expected files or directories/],
    ['an unknown option', ['app.log', ...TO, '--onec'], /--onec is not an option\. Did you mean --once\?/],
    [
      'a value that is missing',
      ['app.log', '--to', '--once'],
      /--to has no value, expected --to <format>=<url>/,
    ],
    ['a value too many', ['app.log', ...TO, '--once=1'], /--once takes no value/],
    ['twice', ['app.log', ...TO, ...TO], /--to was given 2 times/],
    ['a format', ['a.log', '--to', 'lokki=https://h'], /no format that is called lokki, did you mean loki\?/],
    [
      'a format without address',
      ['a.log', '--to', 'loki'],
      /loki needs an address, expected --to loki=https/,
    ],
    ['an address', ['a.log', '--to', 'loki=host:3100'], /no address with its scheme, expected one such as/],
    [
      'http to afar',
      ['a.log', '--to', 'loki=http://far.example'],
      /--to is .+ expected an https.+say --insecure/,
    ],
    ['a pattern', ['a.log', ...TO, '--pattern', '(('], /--pattern is no regular expression/],
    [
      'a pattern without names',
      ['a.log', ...TO, '--pattern', '(.*)'],
      /--pattern has no named group, expected/,
    ],
    ['a level', ['a.log', ...TO, '--level', 'loud'], /--level is not understood, expected trace, debug/],
    ['a label', ['a.log', ...TO, '--label', 'team'], /--label is none, expected --label key=value/],
    [
      "a label of the record's own",
      ['a.log', ...TO, '--label', 'msg=x'],
      /--label msg is what each record says/,
    ],
    ['a header', ['a.log', ...TO, '--header', 'x'], /--header is no header, expected/],
    [
      'a number',
      ['a.log', ...TO, '--batch-count', 'x'],
      /--batch-count is NaN, expected a whole number from 1/,
    ],
    ['a size', ['a.log', ...TO, '--batch-bytes', 'x'], /--batch-bytes is "x", expected a size/],
    ['a port', ['a.log', ...TO, '--listen', 'x:y'], /--listen is no address, expected a port/],
    ['a certificate', ['a.log', ...TO, '--ca', '/no/ca.pem'], /--ca is .+, expected PEM/],
    ["a format's option", ['a.log', '--to', 'cloudwatch'], /--option logGroup is .+ expected a log group/],
    ['a file for once', ['/no/a.log', ...TO, '--once'], /\/no\/a\.log is not there, expected a log/],
    [
      'a directory of state',
      ['a.log', ...TO, '--state', '/dev/null/x'],
      /can't write to .+ Name one with --state/,
    ],
    ['a directory that is none', ['/dev/null/a.log', ...TO], /can't write to .+ or name another .+ --state/],
    ['a spool', [...TO, '--spool', '/no/spool'], /there is no spool at \/no\/spool, expected/],
    ['dead letters', [...TO, '--dead-letter', '/no/x'], /there are no dead letters at \/no\/x, expected/],
    ['two things at once', [...TO, '--dead-letter', '--spool', 'x'], /expected one of them/],
  ])('%s: it says what, what was expected, and ends with 2', async (_name, args, message) => {
    const command = ship(args, {}, temporaryDirectory())
    expect(await command.ended).toBe(2)
    expect(command.stderr).toMatch(message)
    expect(command.stderr).toMatch(/^spoor: .+\n$/)
  })

  it.each([
    [['shpi'], 2, /shpi is not a verb of spoor's, expected ship\. Did you mean ship\?/],
    [[], 0, /ship {4}ship logs/],
    [['--help'], 0, /ship {4}ship logs/],
    [['--version'], 0, /^\d+\.\d+\.\d+\n$/],
    [['ship', '--version'], 0, /^\d+\.\d+\.\d+\n$/],
    [['ship', '-h'], 0, /--token-env <name> .+LOG_HTTP_TOKEN/],
  ])('spoor %s', async (args, code, text) => {
    const command = start(spoor.path, args)
    expect(await command.ended).toBe(code)
    expect(code === 0 ? command.stdout : command.stderr).toMatch(text)
  })
})

it('tells nothing but what goes wrong with --quiet', async () => {
  const sink = await startSink()
  const { directory, log } = place(lines(0, 3))
  mkdirSync(join(directory, 'empty'))
  const command = shipTo(sink, [log, '--once', '--quiet'])
  expect(await command.ended).toBe(0)
  expect(command.stderr).toBe('')
})
