// Starts one app (app.js) again and again with other environment variables, shows what comes, and checks it.
// Usage: node run.js
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const app = fileURLToPath(new URL('app.js', import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'spoor-env-'))
const clean = Object.entries(process.env).filter(([name]) => !/^(LOG_|OTEL_|FORCE_COLOR|NO_COLOR)/.test(name))

function run(variables) {
  const shown = Object.entries(variables).map(([name, value]) => `${name}=${value}`)
  console.log(`\n$ ${[...shown, 'node app.js'].join(' ')}`)
  const env = { ...Object.fromEntries(clean), ...variables }
  const done = spawnSync(process.execPath, [app], { env, encoding: 'utf8' })
  console.log((done.stdout + done.stderr).trimEnd())
  assert.equal(done.status, 0)
  return done
}

const recordsOf = (text) =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
const messagesOf = (text) => recordsOf(text).map(({ msg }) => msg)

// Nothing at all: JSON, because stdout is no terminal here.
const plain = run({})
assert.deepEqual(messagesOf(plain.stdout), ['app started', 'settings not read'])

// For people, as on a terminal.
const pretty = run({ LOG_FORMAT: 'pretty', FORCE_COLOR: '1' })
assert.match(pretty.stdout, /INFO.*app started/)
assert.ok(pretty.stdout.includes('\x1b['), 'coloured')

// A level for everything, one for the database, one for its pool.
const levels = run({ LOG_LEVEL: 'info,db=debug,db.pool=warn' })
assert.deepEqual(messagesOf(levels.stdout), ['app started', 'query', 'settings not read'])

// Names and labels; Elastic's keys.
const [named] = recordsOf(run({ SERVICE_NAME: 'cart', LOG_LABELS: 'team=shop' }).stdout)
assert.equal(named.service, 'cart')
assert.equal(named.team, 'shop')
const [elastic] = recordsOf(run({ SERVICE_NAME: 'cart', LOG_SCHEMA: 'ecs' }).stdout)
assert.equal(elastic['log.level'] ?? elastic.log?.level, 'info')
assert.ok(elastic['@timestamp'])

// A file that rotates, and nothing on stdout.
const LOG_FILE = join(directory, 'app.log')
for (let start = 0; start < 3; start += 1) {
  const quiet = run({ LOG_FILE, LOG_FILE_MAX_SIZE: '2KB', LOG_CONSOLE: 'off', LOG_LEVEL: 'trace' })
  assert.equal(quiet.stdout, '')
}
const files = readdirSync(directory).sort()
console.log(`${directory} now holds ${files.join(', ')}`)
const messages = files.flatMap((file) => messagesOf(readFileSync(join(directory, file), 'utf8')))
assert.ok(files.length > 1, 'the file has rotated')
assert.equal(messages.filter((msg) => msg === 'settings not read').length, 3)

// A wrong value stops nothing: one line on stderr, and the app runs.
const wrong = run({ LOG_LEVEL: 'loud' })
assert.match(wrong.stderr, /LOG_LEVEL/)
assert.deepEqual(messagesOf(wrong.stdout), ['app started', 'settings not read'])

rmSync(directory, { recursive: true })
