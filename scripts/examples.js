// Runs every example the way its README line says and checks what it wrote. Usage: node scripts/examples.js [name…]
//
// Each folder in examples/ has an expected.json:
//   command   the command, run in the example's folder (default ["node", "index.js"]); it must end by itself with 0
//   env       environment on top of LOG_FORMAT=json; $OUT in a value is a fresh temporary folder
//   records   records that must be found in this order among the JSON lines on stdout: what is given must be equal,
//             "*" is any value, "$name" the same value wherever that name stands
//   files     { "a name in $OUT": records }, the same for files that the example writes; a * in a name is all that
//             fit, in the order of their names
//   text      strings that stdout must hold
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { count } from './lib/summary.js'

const root = fileURLToPath(new URL('../examples', import.meta.url))
const named = process.argv.slice(2)
const folders = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory())
const names = named.length > 0 ? named : folders.map((entry) => entry.name)
let passed = 0
let failed = 0

for (const name of names) {
  const complaints = runExample(name)
  if (complaints.length === 0) passed += 1
  else failed += 1
  console.log(`${complaints.length === 0 ? 'ok  ' : 'FAIL'} ${name}`)
  for (const complaint of complaints) console.error(`     ${complaint}`)
}
count('examples', passed, failed)

function runExample(name) {
  const dir = join(root, name)
  const file = join(dir, 'expected.json')
  if (!existsSync(file))
    return ['no expected.json: write down what the example must print (see scripts/examples.js)']
  const expected = JSON.parse(readFileSync(file, 'utf8'))
  const [command, ...args] = expected.command ?? ['node', 'index.js']
  const out = mkdtempSync(join(tmpdir(), 'spoor-example-'))
  const given = Object.entries(expected.env ?? {}).map(([key, value]) => [key, value.replaceAll('$OUT', out)])
  const inherited = Object.entries(process.env).filter(([key]) => !key.startsWith('LOG_'))
  const env = { ...Object.fromEntries(inherited), LOG_FORMAT: 'json', OUT: out, ...Object.fromEntries(given) }
  const done = spawnSync(command, args, {
    cwd: dir,
    env,
    encoding: 'utf8',
    timeout: 180_000,
    maxBuffer: 2 ** 28,
  })
  try {
    if (done.status !== 0) return [`ended with ${done.status ?? done.signal}: ${done.stderr.slice(-2000)}`]
    return compare(expected, done.stdout, out)
  } catch (err) {
    return [err.message]
  } finally {
    rmSync(out, { recursive: true, force: true })
  }
}

function compare(expected, stdout, out) {
  const bound = new Map()
  const complaints = missing('stdout', expected.records ?? [], stdout, bound)
  for (const [name, records] of Object.entries(expected.files ?? {})) {
    const paths = written(out, name)
    if (paths.length === 0) complaints.push(`${name} was not written`)
    else {
      const text = paths.map((path) => readFileSync(path, 'utf8')).join('')
      complaints.push(...missing(name, records, text, bound))
    }
  }
  for (const text of expected.text ?? []) {
    if (!stdout.includes(text)) complaints.push(`stdout does not hold ${JSON.stringify(text)}`)
  }
  return complaints
}

function written(out, name) {
  if (!name.includes('*')) return [join(out, name)].filter(existsSync)
  const [start, end] = name.split('*')
  const fits = (one) => one.startsWith(start) && one.endsWith(end)
  return readdirSync(out)
    .filter(fits)
    .sort()
    .map((one) => join(out, one))
}

function missing(where, wanted, text, bound) {
  const records = text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
  const complaints = []
  let at = 0
  for (const record of wanted) {
    const found = records.findIndex((seen, index) => index >= at && fits(record, seen, bound))
    if (found < 0)
      complaints.push(
        `${where}: no record like ${JSON.stringify(record)} after record ${at} of ${records.length}`,
      )
    else at = found + 1
  }
  return complaints
}

/** Whether `seen` holds what is wanted; names are bound only where the whole record fits. */
function fits(wanted, seen, bound) {
  const mine = new Map(bound)
  if (!equal(wanted, seen, mine)) return false
  for (const [name, value] of mine) bound.set(name, value)
  return true
}

function equal(wanted, seen, bound) {
  if (wanted === '*') return seen !== undefined
  if (typeof wanted === 'string' && wanted.startsWith('$')) {
    if (seen === undefined) return false
    if (!bound.has(wanted)) bound.set(wanted, seen)
    return bound.get(wanted) === seen
  }
  if (wanted === null || typeof wanted !== 'object') return wanted === seen
  if (seen === null || typeof seen !== 'object') return false
  return Object.keys(wanted).every((key) => equal(wanted[key], seen[key], bound))
}
