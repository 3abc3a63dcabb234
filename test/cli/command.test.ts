import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../support/temporary.ts'
import { bundleCommand, type Command, lines, type Sink, start, startSink } from './support.ts'

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
    [['shpi'], 2, /shpi is not a verb of spoor's, expected ship, verify\. Did you mean ship\?/],
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
