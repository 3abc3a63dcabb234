import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { startFakeHttp } from '../shipping/fakes/http.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { UNSAFE, unsafeCharacters } from '../support/unsafe.ts'
import { onTerminal, type Shown } from './terminal.ts'

// A real terminal (tmux's) is shown everything that spoor prints for people, with every control and format character of
// Unicode in it, alone and in the sequences that terminals obey.

const root = fileURLToPath(new URL('../..', import.meta.url))
const spoor = join(root, 'dist/spoor-cli.js')

const SEQUENCES = [
  ...['\u001b]0;pwned\u0007', '\u009d0;pwned\u009c', '\u001b]2;pwned\u001b\\', '\u001bkpwned\u001b\\'],
  ...[
    '\u001b[2J\u001b[H',
    '\u009b2J\u009bH',
    '\u001bc',
    '\u001b[3J',
    '\u001b[1A\u001b[2K',
    '\r\u001b[K',
    '\b\b\b\b',
  ],
  ...[
    '\u001b[?1049h',
    '\u001b[?25l',
    '\u001b[4h',
    '\u001b[?7l',
    '\u001b[?6h',
    '\u001b[?1h\u001b=',
    '\u001b[5;10r',
  ],
  ...['\u001b[?1000h\u001b[?1006h', '\u001b[?2004h', '\u001bH\u001b[3g', '\u001b(0', '\u000e', '\u001b[20h'],
  ...[
    '\u001b[31;1;7m',
    '\u009b31m',
    '\u001b[8;10;10t',
    '\u0007',
    '\u001bZ',
    '\u001b[c',
    '\u001b[6n',
    '\u001b[18t',
  ],
  ...[
    '\u001b]52;c;cHduZWQ=\u0007',
    '\u001b]8;;http://evil/\u0007link\u001b]8;;\u0007',
    '\u001b]7;file:///pwned\u0007',
  ],
  ...[
    '\u001bPtmux;\u001b\u001b]0;pwned\u0007\u001b\\',
    '\u001b_pwned\u001b\\',
    '\u001b^pwned\u001b\\',
    '\u001bX',
  ],
  ...[
    '\n[00:00:00.000] INFO: forged',
    '\r\n{"level":"fatal","msg":"forged"}\r\n',
    '\u2028forged',
    '\u0085forged',
    '\u000bx',
  ],
  ...[
    '\u202egnp.exe',
    '\u2066\u2067\u2069',
    '\u200b\u200d\ufeff',
    '\u{e0041}\u{e007f}',
    'a\ufe0f',
    '\ud800',
    '\udc00x',
  ],
]
const ATTACKS = [...SEQUENCES, SEQUENCES.join(''), ...unsafeCharacters.map((character) => `a${character}b`)]

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences
const ownColours = (raw: string): string => raw.replace(/\u001b\[\d{1,2}(?:;\d{1,2})*m/g, '')

/** What the terminal shows is what was written, line by line, and nothing but lines was written. */
function expectNotDriven({ raw, lines, state }: Shown, untouched: Shown): string[] {
  const text = ownColours(raw)
  const written = text.split('\r\n')
  expect(written.filter((line) => UNSAFE.test(line))).toEqual([])
  const shown = lines.slice(0, written.length).join('\n').trimEnd()
  expect(shown).toBe(
    written
      .map((line) => line.trimEnd())
      .join('\n')
      .trimEnd(),
  )
  expect(state).toEqual(untouched.state)
  return written.filter((line) => line !== '').slice(0, -1)
}

const idle = (): Promise<Shown> => onTerminal(['true'])

/** A program beside its texts. */
function program(source: string): string[] {
  const directory = temporaryDirectory()
  const texts = join(directory, 'texts.json')
  const path = join(directory, 'program.mjs')
  writeFileSync(texts, JSON.stringify(ATTACKS))
  const load = `
    import { readFileSync } from 'node:fs'
    import vm from 'node:vm'
    import { createLogger, consoleTransport, fileTransport } from '${join(root, 'dist/index.js')}'
    const texts = JSON.parse(readFileSync('${texts}', 'utf8'))
    const directory = '${directory}'
    function logAll(transports) {
      const logger = createLogger({ transports, lifecycle: false, source: 'all', identity: { service: texts[0] } })
      for (const text of texts) {
        const error = Object.assign(new Error(text), { code: text, [text]: text })
        error.cause = new TypeError(text)
        const say = (log) => log.warn(text, error, { [text]: text, nested: { [text]: [text] }, type: 'Error', stack: text })
        const filename = '/srv/' + text + '.js'
        vm.runInThisContext('(log, say) => { say(log) }', { filename })(logger.child({ component: text, request_id: text }), say)
        vm.runInThisContext('(log, text) => { log.info(text) }', { filename })(logger, text)
      }
      return logger
    }
  `
  writeFileSync(path, `${load}\n${source}`)
  return [process.execPath, path]
}

it('a terminal is driven by all this where it comes as it is, and by what JSON leaves of it', async () => {
  const untouched = await idle()
  const raw = await onTerminal(program('for (const text of texts) process.stdout.write(text)'))
  expect(raw.state).not.toEqual(untouched.state)
  const json = await onTerminal(program('for (const text of texts) console.log(JSON.stringify(text))'))
  expect(() => expectNotDriven(json, untouched)).toThrow()
})

describe('the terminal is not driven, and shows one record a group of lines', () => {
  it('by the pretty console', async () => {
    const shown = await onTerminal(program("logAll([consoleTransport({ format: 'pretty', color: true })])"))
    expect(shown.raw).toContain('\u001b[33mWARN')
    const lines = expectNotDriven(shown, await idle())
    const records = lines.filter((line) => !line.startsWith('    '))
    expect(records).toHaveLength(2 * ATTACKS.length)
    for (const [i, line] of records.entries()) {
      expect(line).toMatch(
        i % 2 === 0 ? /^\[\d\d:\d\d:\d\d\.\d{3}\] WARN: / : /^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: /,
      )
    }
  })

  it.each([
    ['JSON on the terminal', "logAll([consoleTransport({ format: 'json' })])"],
    [
      'cat of a log',
      "const file = fileTransport({ path: directory + '/app.log' }); logAll([file]); file.flushSync(); process.stdout.write(readFileSync(directory + '/app.log'))",
    ],
    [
      "JSON by pino's own asJson",
      "const { createLogger: make } = await import('" +
        join(root, 'dist/index.js') +
        "'); const log = make({ redact: ['no.such'], transports: [consoleTransport({ format: 'json' })] }); for (const text of texts) for (const again of [0, 1]) log.child({ [text]: text }).warn({ a: text, [text]: { [text]: text } }, text)",
    ],
  ])('by %s', async (_name, source) => {
    const lines = expectNotDriven(await onTerminal(program(source)), await idle())
    expect(lines).toHaveLength(2 * ATTACKS.length)
    const records = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(records.filter((_, i) => i % 2 === 0).map(({ msg }) => msg)).toEqual(ATTACKS)
  })

  it('by what spoor says of itself on stderr', async () => {
    const shown = await onTerminal(
      program(`
        process.env.LOG_LEVEL = texts.join('').replaceAll('\\0', '')
        process.env.LOG_SCHEMA = texts[0]
        process.env.LOG_FILE = '/dev/null/' + texts.slice(0, 40).join('').replaceAll('\\0', '') + '.log'
        const logger = createLogger({ transports: [
          { name: 'bad', write() { throw new Error(texts.slice(0, 50).join('')) }, stats: () => ({ records: 0, bytes: 0, dropped: 0, buffered: 0 }) },
        ] })
        logger.info('x')
        createLogger({}).error('y')
      `),
    )
    const lines = expectNotDriven(shown, await idle())
    expect(lines.filter((line) => line.startsWith('spoor: ')).length).toBeGreaterThanOrEqual(3)
  })

  it('by the spoor command: its errors, its news, /health, /metrics, dead letters', async () => {
    const directory = temporaryDirectory()
    // What the kernel takes: no NUL, and bytes of UTF-8.
    const hostile = Buffer.from(ATTACKS.filter((text) => !/\p{Cs}/u.test(text)).join(''))
      .toString()
      .replaceAll('\0', '')
    const answer = { status: 400, body: hostile.slice(0, 2000) }
    const server = await startFakeHttp(() => answer)
    // Names of files: 255 bytes at most, no slash.
    const letters = [...hostile.replaceAll('/', '')]
    const logs = Array.from({ length: Math.ceil(letters.length / 40) }, (_, i) => {
      const path = join(directory, 'logs', `${letters.slice(i * 40, (i + 1) * 40).join('')}.log`)
      mkdirSync(join(directory, 'logs'), { recursive: true })
      writeFileSync(path, `${JSON.stringify({ level: 'info', msg: 'x' })}\n`)
      return path
    })
    const runner = join(directory, 'runner.mjs')
    const words = Array.from({ length: Math.ceil(letters.length / 4000) }, (_, i) =>
      letters.slice(i * 4000, (i + 1) * 4000).join(''),
    )
    writeFileSync(
      runner,
      `
      import { spawn, spawnSync } from 'node:child_process'
      import { readdirSync, readFileSync } from 'node:fs'
      import { join } from 'node:path'
      const [words, logs] = ${JSON.stringify([words, logs])}
      const run = (...args) => spawnSync(process.execPath, ['${spoor}', ...args], { stdio: 'inherit' })
      for (const word of words) {
        run(word)
        run('ship', '--' + word)
        run('ship', '--to', word, logs[0])
        run('ship', word.slice(0, 60), '--to', 'ndjson=${server.url}', '--once')
        run('ship', '--dead-letter', word.slice(0, 60), '--to', 'ndjson=${server.url}')
        run('ship', logs[0], '--level', word, '--from', word, '--pattern', '(?<a>' + word, '--to', 'ndjson=${server.url}')
      }
      run('ship', ...logs, '--to', 'ndjson=${server.url}', '--once', '--batch-age', '10ms', '--state', '${directory}/state')
      for (const name of readdirSync('${directory}/state')) {
        if (name.endsWith('.ndjson')) process.stdout.write(readFileSync(join('${directory}/state', name)))
      }
      run('ship', '--dead-letter', '${directory}/state', '--to', 'ndjson=${server.url}')
      const listening = spawn(process.execPath, ['${spoor}', 'ship', ...logs, '--to', 'ndjson=${server.url}', '--listen', '0', '--state', '${directory}/state'], { stdio: ['ignore', 'inherit', 'pipe'] })
      let said = ''
      listening.stderr.on('data', (chunk) => { said += chunk; process.stderr.write(chunk) })
      while (!said.includes('ships to')) await new Promise((resolve) => setTimeout(resolve, 20))
      const [, url] = /answers (http:\\S+)\\/health/.exec(said)
      for (const path of ['/health', '/metrics']) process.stdout.write(await (await fetch(url + path)).text())
      listening.kill('SIGKILL')
      `,
    )
    const lines = expectNotDriven(await onTerminal([process.execPath, runner]), await idle())
    const of = (pattern: RegExp): number => lines.filter((line) => pattern.test(line)).length
    expect(of(/^spoor: .* is not a verb/)).toBe(words.length)
    expect(of(/^\{"time":.*"record":/)).toBe(logs.length)
    expect(of(/^spoor_ship_log_backlog_bytes\{log="/)).toBe(logs.length)
    expect(of(/^\{"status":/)).toBe(1)
    expect(lines.filter((line) => !/^(spoor: |\{"|spoor_ship_|# )/.test(line))).toEqual([])
  })
})
