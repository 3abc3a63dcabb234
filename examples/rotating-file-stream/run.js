// The same app (app.js) on rotating-file-stream and on spoor's own file transport, ended in two ways, and how many
// of its 1,000 records are in the files then. Usage: node run.js
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const app = fileURLToPath(new URL('app.js', import.meta.url))
const RECORDS = 1000

/** The numbers of the app's records in all files of the directory; the service's start and end have none. */
function numbersIn(directory) {
  const text = readdirSync(directory).map((name) => readFileSync(join(directory, name), 'utf8'))
  const lines = text.join('').split('\n').filter(Boolean)
  const numbers = lines.map((line) => JSON.parse(line).n).filter((n) => n !== undefined)
  return numbers.sort((a, b) => a - b)
}

function run(to, end) {
  const directory = mkdtempSync(join(tmpdir(), 'spoor-rotating-'))
  const done = spawnSync(process.execPath, [app, to, end, directory], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  assert.equal(done.status, 0)
  const numbers = numbersIn(directory)
  const files = readdirSync(directory).filter((name) => !name.startsWith('.')).length
  console.log(`${to.padEnd(7)} ended by ${end.padEnd(8)}  ${numbers.length} records in ${files} files`)
  rmSync(directory, { recursive: true })
  return numbers
}

const all = Array.from({ length: RECORDS }, (_, n) => n)
assert.deepEqual(run('stream', 'shutdown'), all)
// What the stream held is gone with the process: nobody can flush it in time.
assert.ok(run('stream', 'exit').length < RECORDS)
assert.deepEqual(run('file', 'shutdown'), all)
assert.deepEqual(run('file', 'exit'), all)
