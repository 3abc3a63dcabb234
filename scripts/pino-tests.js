// Runs pino's own test files against spoor/pino (or, with --target pino, against pino itself: the check of the
// harness). Usage: node scripts/pino-tests.js [--target spoor|pino]
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { run } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { differences } from '../test/pino/differences.js'
import { files } from '../test/pino/files.js'
import { installed } from './lib/install.js'
import { count } from './lib/summary.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const { values } = parseArgs({ options: { target: { type: 'string', default: 'spoor' } } })
const testDir = join(dirname(createRequire(import.meta.url).resolve('pino')), 'test')

installed(join(root, 'test/pino'))
const entry = join(root, 'dist/pino.cjs')
if (values.target === 'spoor' && !existsSync(entry)) {
  console.error('dist/pino.cjs is missing: run `npm run build` first')
  process.exit(1)
}
const hook = join(root, 'test/pino/redirect.cjs')
process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} --require "${hook}"`
process.env.SPOOR_PINO_ENTRY = values.target === 'spoor' ? entry : ''
// So that nothing of the caller's environment changes what the lines look like.
for (const name of Object.keys(process.env)) if (name.startsWith('LOG_')) delete process.env[name]

const expected = values.target === 'spoor' ? differences : []
const key = (file, test) => `${file} > ${test}`
const pending = new Map(expected.map((d) => [key(d.file, d.test), d]))
const docs = join(root, 'docs/pino.md')
const headings = existsSync(docs) ? readFileSync(docs, 'utf8') : ''
let passed = 0
let failed = 0

function fail(text) {
  failed += 1
  console.error(`FAIL ${text}`)
}

const stack = []
const stream = run({ files: files.map((f) => join(testDir, f)), concurrency: 2, timeout: 120_000 })
stream.on('test:start', (data) => {
  stack[data.nesting] = data.name
  stack.length = data.nesting + 1
})
// A parent fails with its child: only the leaf is counted, and a file that dies as a whole.
function nameOf(data) {
  return [...stack.slice(0, data.nesting), data.name].join(' > ')
}
stream.on('test:pass', (data) => {
  if (data.skip !== undefined || data.todo !== undefined || data.details.type === 'suite') return
  const id = key(relative(testDir, data.file), nameOf(data))
  if (pending.has(id)) {
    fail(`${id}: is listed in test/pino/differences.js and passes; take it off the list`)
    pending.delete(id)
  } else passed += 1
})
stream.on('test:fail', (data) => {
  const cause = data.details.error
  if (cause?.failureType === 'subtestsFailed') return
  const id = key(relative(testDir, data.file ?? data.name), nameOf(data))
  const known = pending.get(id)
  if (known === undefined)
    return fail(`${id}\n${indent(cause?.cause?.stack ?? cause?.message ?? String(cause))}`)
  pending.delete(id)
  if (!headings.includes(known.heading)) return fail(`${id}: docs/pino.md has no heading "${known.heading}"`)
  passed += 1
})
stream.on('end', () => {
  for (const id of pending.keys())
    fail(`${id}: is listed in test/pino/differences.js, and no such test was run`)
  count(`pino's own tests against ${values.target}`, passed, failed)
})
stream.resume()

function indent(text) {
  return String(text)
    .split('\n')
    .slice(0, 12)
    .map((line) => `    ${line}`)
    .join('\n')
}
