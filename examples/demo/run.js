// The demo: two services in two processes, a client in a third, and then one request's way through all files.
// Usage: npm run demo
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { complaintsAbout } from './check.js'
import { colored, style } from './style.js'
import { describeTrail, readRecords, trailOf } from './trail.js'

const GUARD_MS = 60_000
const MOST_TOLD = 8
const LIVE = ['shop.log', 'payments.log']
const SERVICE_STYLE = { payments: 'magenta', shop: 'blue' }
const directory = process.env.OUT ?? mkdtempSync(join(tmpdir(), 'spoor-demo-'))
const children = new Set()

// What the shell says about logging would change what is shown here.
const inherited = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(LOG|OTEL)_/.test(name)),
)

// Who pipes it into `head` has seen enough.
process.stdout.on('error', () => fail('nobody reads what it says any more'))
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => fail(`stopped by ${signal}`))
setTimeout(() => fail(`the demo did not end within ${GUARD_MS / 1000} s`), GUARD_MS).unref()

function fail(...sentences) {
  for (const sentence of sentences.slice(0, MOST_TOLD)) console.error(style('red', `demo: ${sentence}`))
  if (sentences.length > MOST_TOLD) console.error(`demo: and ${sentences.length - MOST_TOLD} more like these`)
  console.error(`demo: the files are in ${directory}`)
  for (const child of children) child.kill('SIGKILL')
  process.exit(1)
}

function start(file, env, stdio) {
  const path = fileURLToPath(new URL(file, import.meta.url))
  const child = spawn(process.execPath, [path], { env: { ...inherited, ...env }, stdio })
  children.add(child)
  child.once('exit', () => children.delete(child))
  return child
}

/** Starts a service as its operator would, by environment variables alone; gives it back when it listens. */
async function startService(name, env = {}) {
  const child = start(
    `${name}.js`,
    {
      SERVICE_NAME: name,
      PORT: '0',
      LOG_FORMAT: process.env.LOG_FORMAT ?? 'pretty',
      FORCE_COLOR: colored ? '1' : '0',
      LOG_FILE: join(directory, `${name}.log`),
      LOG_FILE_MAX_SIZE: '24KB',
      LOG_SLOW_MS: '500',
      ...env,
    },
    ['ignore', 'pipe', 'pipe', 'ipc'],
  )
  const label = style(SERVICE_STYLE[name], `${name.padEnd(8)} |`)
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', (line) => console.log(`${label} ${line}`))
  const failed = once(child, 'exit').then(([code, signal]) => fail(`${name} ended with ${code ?? signal}`))
  const [{ port }] = await Promise.race([once(child, 'message'), failed])
  return { name, child, url: `http://localhost:${port}` }
}

async function stopService({ name, child }) {
  child.removeAllListeners('exit')
  const ended = once(child, 'close')
  child.kill('SIGTERM')
  const [code, signal] = await ended
  children.delete(child)
  if (code !== 0) fail(`${name} ended with ${code ?? signal}`)
}

async function runClient(url) {
  const child = start('client.js', { SHOP_URL: url }, ['ignore', 'pipe', 'inherit'])
  const [printed, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  if (code !== 0) fail(`the client ended with ${code}`)
  return JSON.parse(printed)
}

function heading(sentence) {
  console.log(`\n${style('bold', sentence)}`)
}

function countsOf(answers) {
  const counts = new Map()
  for (const { kind } of answers) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return [...counts].map(([kind, count]) => `${count} ${kind}`).join(', ')
}

function filesOf(entries) {
  const rotated = [...new Set(entries.map(({ file }) => file))].filter((file) => !LIVE.includes(file))
  return LIVE.map((live) => {
    const count = rotated.filter((file) => file.startsWith(live.replace('.log', '-'))).length
    return `${live} and ${count} rotated`
  }).join(', ')
}

/** The answer of this kind whose records lie in the most files: rotated and live. */
function widest(entries, answers, kind) {
  const filesOfTrail = ({ request_id }) => new Set(trailOf(entries, request_id).map(({ file }) => file)).size
  const own = answers.filter((answer) => answer.kind === kind)
  return own.reduce((best, answer) => (filesOfTrail(answer) > filesOfTrail(best) ? answer : best))
}

function tellTrail(entries, requestId) {
  const trail = trailOf(entries, requestId)
  const traces = new Set(trail.map(({ record }) => record.trace_id))
  const files = [...new Set(trail.map(({ file }) => file))]
  heading(`The way of the request ${requestId}`)
  console.log(`trace ${[...traces].join(', ')}, user ${trail[0]?.record.user_id}`)
  console.log(`${trail.length} records in ${files.join(', ')}\n`)
  for (const line of describeTrail(trail)) console.log(line)
}

heading('Two services start: shop (Express) and payments (Fastify)')
const payments = await startService('payments')
const shop = await startService('shop', { PAYMENTS_URL: payments.url })
const answers = await runClient(shop.url)
await stopService(shop)
await stopService(payments)

writeFileSync(join(directory, 'answers.json'), JSON.stringify(answers))

const entries = readRecords(directory)
const complaints = complaintsAbout(entries, answers)
heading(`${answers.length} requests: ${countsOf(answers)}`)
console.log(`${entries.length} records in ${filesOf(entries)}`)
for (const kind of ['slow', 'bank down']) tellTrail(entries, widest(entries, answers, kind).request_id)
if (complaints.length > 0) fail(...complaints)

heading('All is right')
console.log(
  `Each of the ${answers.length} requests has one trace id in both services, and each record has the ids`,
)
console.log('of its own request.')
console.log(`The files are in ${directory}. Follow another one:`)
const script = relative(process.cwd(), fileURLToPath(new URL('trail.js', import.meta.url)))
console.log(`  node ${script} ${directory} ${answers.find(({ kind }) => kind === 'declined').request_id}`)
