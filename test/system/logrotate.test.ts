import { fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, it, onTestFinished } from 'vitest'
import { bundleTransports } from '../support/bundle.ts'
import { parseLines } from '../support/strict-json.ts'
import { temporaryDirectory } from '../support/temporary.ts'

// The operator's own logrotate, as Debian installs it, under a service that goes on writing and is told nothing.
// With `nocreate`, as docs/files.md advises: with `create`, whoever comes second finds a file that it did not expect.

// Answers each 'beat' once a thousand records more are in the file.
const writer = `
  import { fileTransport } from './spoor.mjs'
  const file = fileTransport({ path: process.argv[2], rotate: 'off' })
  let written = 0
  let asked
  process.on('message', (message) => { asked = { message, at: written + 1000 } })
  const turn = () => {
    if (asked !== undefined && written >= asked.at) {
      process.send(written)
      if (asked.message === 'end') return process.disconnect()
      asked = undefined
    }
    for (let i = 0; i < 5; i += 1) file.write(JSON.stringify({ n: written++ }) + '\\n', 30)
    setImmediate(turn)
  }
  turn()
`

it.each(['nocreate', 'nocreate\n  compress\n  delaycompress'])(
  'loses and doubles nothing under logrotate with: %s',
  async (directives) => {
    const dir = temporaryDirectory()
    const path = join(dir, 'app.log')
    const rules = join(dir, 'rules.conf')
    writeFileSync(rules, `${path} {\n  rotate 100\n  missingok\n  notifempty\n  ${directives}\n}\n`, {
      mode: 0o600,
    })
    const bundle = bundleTransports()
    const child = fork(bundle.script('writer.mjs', writer), [path])
    const exited = once(child, 'exit')
    onTestFinished(() => void child.kill('SIGKILL'))
    const ask = async (message: string): Promise<number> => {
      child.send(message)
      return (await once(child, 'message'))[0]
    }
    for (let round = 0; round < 15; round += 1) {
      await ask('beat')
      const done = spawnSync('/usr/sbin/logrotate', ['--force', '--state', join(dir, 'state'), rules], {
        encoding: 'utf8',
      })
      expect({ status: done.status, stderr: done.stderr }).toEqual({ status: 0, stderr: '' })
    }
    const written = await ask('end')
    await exited
    bundle.remove()

    const files = readdirSync(dir).filter((name) => name.startsWith('app.log'))
    const numbers = files.flatMap((name) => {
      const bytes = readFileSync(join(dir, name))
      return parseLines<{ n: number }>((name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()).map(
        ({ n }) => n,
      )
    })
    expect(files).toHaveLength(16)
    expect(written).toBeGreaterThan(16_000)
    expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: written }, (_, n) => n))
  },
)
