import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createStream } from 'rotating-file-stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { streamTransport } from '../../src/transports/stream.ts'
import { type Bundle, bundleOf } from '../support/bundle.ts'
import { parseLines } from '../support/strict-json.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const COUNT = 5000
const PAD = 'x'.repeat(100)

let bundle: Bundle
beforeAll(() => {
  bundle = bundleOf(['transports/stream.ts'])
})
afterAll(() => bundle.remove())

/** The numbers of all records, in the order of rotating-file-stream's names, the live one last. */
function numbersIn(directory: string): unknown[] {
  const names = readdirSync(directory).sort((a, b) => Number(a === 'app.log') - Number(b === 'app.log'))
  return parseLines(names.map((name) => readFileSync(join(directory, name), 'utf8')).join('')).map(
    ({ n }) => n,
  )
}

describe('rotating-file-stream behind the stream transport', () => {
  it('has every record once, in order and over many files, when it is closed', async () => {
    const directory = temporaryDirectory()
    const transport = streamTransport(createStream('app.log', { path: directory, size: '20K' }))
    for (let n = 0; n < COUNT; n++) {
      transport.write(`{"n":${n},"pad":"${PAD}"}\n`, 30)
      if (n % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await transport.close?.()
    expect(numbersIn(directory)).toEqual(Array.from({ length: COUNT }, (_, n) => n))
    expect(readdirSync(directory).length).toBeGreaterThan(10)
    expect(transport.stats()).toMatchObject({ records: COUNT, dropped: 0, buffered: 0 })
  })

  // What docs/transports.md says of it; a version that does better wants other words there.
  it('has none of what was logged in the turn of a process.exit', () => {
    const directory = temporaryDirectory()
    const script = bundle.script(
      'exit.mjs',
      `import { createStream } from 'rotating-file-stream'
       import { streamTransport } from './spoor.mjs'
       const transport = streamTransport(createStream('app.log', { path: process.argv[2] }))
       for (let n = 0; n < 10; n++) transport.write('{"n":' + n + '}\\n', 50)
       process.exit()`,
    )
    expect(spawnSync(process.execPath, [script, directory]).status).toBe(0)
    expect(readdirSync(directory)).toEqual([])
  })
})
