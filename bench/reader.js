// What the reader does with 1 GB of rotated files, plain and compressed, line by line. Usage, after a build:
// node bench/reader.js [--rounds=5] [--megabytes=1000] [--check]

import { createReadStream, createWriteStream, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { ask } from './child.js'

const FILE_BYTES = 100e6
const GOAL = 300
const GROWTH_GOAL = 32

const option = (name, standard) => {
  const given = process.argv.find((one) => one.startsWith(`--${name}=`))
  return given === undefined ? standard : Number(given.slice(name.length + 3))
}

/** About 300 bytes, and compressible as logs are. */
function line(n) {
  const time = new Date(1_795_000_000_000 + n).toISOString()
  const id = ((n * 2_654_435_761) >>> 0).toString(16).padStart(8, '0')
  return `{"level":"info","time":"${time}","service":"orders","version":"1.4.2","host":"web-3","pid":4711,"request_id":"${id}-${id}","trace_id":"${id.repeat(4)}","span_id":"${id.repeat(2)}","msg":"order placed","order_id":${n},"customer":"c-${n % 9973}","total":${n % 500}.5,"items":[${n % 7},${n % 11}]}\n`
}

function content(first) {
  const lines = []
  let bytes = 0
  for (let n = first; bytes < FILE_BYTES; n++) {
    const text = line(n)
    lines.push(text)
    bytes += text.length
  }
  return { text: lines.join(''), next: first + lines.length }
}

async function makeFiles(folder, files) {
  for (const kind of ['plain', 'gz']) mkdirSync(join(folder, kind))
  let n = 0
  for (let file = 1; file <= files; file++) {
    const { text, next } = content(n)
    n = next
    const name = `app-2026-11-21.${String(file).padStart(3, '0')}.log`
    const plain = join(folder, 'plain', name)
    writeFileSync(plain, text)
    const packed = createWriteStream(join(folder, 'gz', `${name}.gz`))
    await pipeline(createReadStream(plain), createGzip(), packed)
  }
  return n
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
}

const folder = mkdtempSync(join(tmpdir(), 'spoor-reader-'))
let missed = false
try {
  const lines = await makeFiles(
    folder,
    Math.max(1, Math.round((option('megabytes', 1000) * 1e6) / FILE_BYTES)),
  )
  for (const kind of ['plain', 'gz']) {
    const rounds = []
    for (let round = 0; round < option('rounds', 5); round++) {
      const result = await ask('reader-one.js', [join(folder, kind, 'app.log')])
      if (result.lines !== lines) throw new Error(`${kind}: ${result.lines} lines of ${lines}`)
      rounds.push(result)
    }
    const speeds = rounds.map(({ bytes, seconds }) => bytes / seconds / 1e6)
    const growth = Math.max(...rounds.map((one) => one.growth)) / 1e6
    const figures = speeds.map((speed) => speed.toFixed(0)).join(', ')
    console.log(
      `${kind}: ${median(speeds).toFixed(0)} MB/s decompressed (${figures}), ${lines} lines, memory grew by ${growth.toFixed(1)} MB at most`,
    )
    missed ||= growth > GROWTH_GOAL || (kind === 'plain' && median(speeds) < GOAL)
  }
} finally {
  rmSync(folder, { recursive: true })
}
if (missed) console.log(`missed: plain files at ${GOAL} MB/s at least, memory by ${GROWTH_GOAL} MB at most`)
if (missed && process.argv.includes('--check')) process.exitCode = 1
