import { existsSync, readdirSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Bundle, bundleOf } from '../support/bundle.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { parseExposition } from './exposition.ts'
import { bundleCommand, numbersOf, range, start, startSink } from './support.ts'

let spoor: ReturnType<typeof bundleCommand>
let library: Bundle
beforeAll(() => {
  spoor = bundleCommand()
  library = bundleOf(['transports/http.ts'])
})
afterAll(() => {
  spoor.remove()
  library.remove()
})

// A service whose endpoint is not there, and which says when its records are in the spool.
const SERVICE = `
  import { httpTransport } from './spoor.mjs'
  const [url, spoolDir, from, to, ends] = process.argv.slice(2)
  // Of a small spool the segments are small: 64 KiB.
  const http = httpTransport({ url, spoolDir, thread: false, spoolMax: '1MB' })
  for (let n = Number(from); n < Number(to); n++)
    http.write(JSON.stringify({ time: new Date().toISOString(), level: 'info', msg: 'm', n }) + '\\n', 30)
  http.flushSync()
  process.stderr.write('written\\n')
  if (ends === 'dies') process.kill(process.pid, 'SIGKILL')
  setInterval(() => {}, 1000)`

async function serviceWith(spoolDir: string, from: number, to: number, ends = 'dies') {
  const script = library.script('service.mjs', SERVICE)
  const service = start(script, ['http://127.0.0.1:9/', spoolDir, String(from), String(to), ends])
  await service.says('written')
  if (ends === 'dies') await service.ended
  return service
}

describe('spoor ship --spool', () => {
  it('ships what dead processes have left, and nothing is left of it', async () => {
    const sink = await startSink()
    const spoolDir = temporaryDirectory()
    await serviceWith(spoolDir, 0, 1000)
    await serviceWith(spoolDir, 1000, 1500)
    const command = start(spoor.path, ['ship', '--spool', join(spoolDir, 'http'), '--to', sink.to, '--once'])
    expect(await command.ended).toBe(0)
    expect(numbersOf(sink.records).sort((a, b) => a - b)).toEqual(range(0, 1500))
    expect(readdirSync(join(spoolDir, 'http'))).toEqual([])
  })

  it('goes on with those who die later, and answers as for logs', async () => {
    const sink = await startSink()
    const spoolDir = temporaryDirectory()
    const service = await serviceWith(spoolDir, 0, 10, 'lives')
    const args = ['ship', '--spool', join(spoolDir, 'http'), '--to', sink.to, '--listen', '0']
    const command = start(spoor.path, args)
    const [, url = ''] = await command.says(/answers (http:\S+)\/health/)
    expect(sink.records).toEqual([])
    service.child.kill('SIGKILL')
    await service.ended
    await sink.until(() => sink.records.length === 10)
    // It is told each second.
    let health: unknown
    while (JSON.stringify(health) !== '{"status":"healthy"}')
      health = await (await fetch(`${url}/health`)).json()
    const delivered = async () =>
      parseExposition(await (await fetch(`${url}/metrics`)).text()).get('spoor_ship_delivered_records_total')
    // The sink has them before their answer is there.
    while ((await delivered())?.samples[0]?.value !== 10);
    command.child.kill('SIGTERM')
    expect(await command.ended).toBe(0)
  })

  it('gives up nothing for its size or age, however long nothing is taken', async () => {
    const sink = await startSink()
    const spoolDir = temporaryDirectory()
    await serviceWith(spoolDir, 0, 4000)
    const [subdirectory = ''] = readdirSync(join(spoolDir, 'http'))
    const long = new Date(Date.now() - 100 * 24 * 3600 * 1000)
    for (const name of readdirSync(join(spoolDir, 'http', subdirectory)))
      if (name.endsWith('.ndjson')) utimesSync(join(spoolDir, 'http', subdirectory, name), long, long)
    // Long enough for it to have looked at its bounds, which it does each second.
    sink.answer = () => (sink.requests.length < 4 ? { status: 503 } : undefined)
    const args = [
      'ship',
      '--spool',
      join(spoolDir, 'http'),
      '--to',
      sink.to,
      '--batch-count',
      '100',
      '--once',
    ]
    expect(await start(spoor.path, args).ended).toBe(0)
    expect(numbersOf(sink.records)).toEqual(range(0, 4000))
  })

  it('puts what is refused into the dead letters of that spool, and ends with 1', async () => {
    const sink = await startSink()
    sink.answer = (_, records) => (records.some(({ n }) => n === 3) ? { status: 400 } : undefined)
    const spoolDir = temporaryDirectory()
    await serviceWith(spoolDir, 0, 10)
    const args = ['ship', '--spool', join(spoolDir, 'http'), '--to', sink.to]
    expect(await start(spoor.path, [...args, '--once']).ended).toBe(1)
    expect(existsSync(join(spoolDir, 'http.dead-letters.ndjson'))).toBe(true)
    sink.answer = () => undefined
    expect(await start(spoor.path, ['ship', '--dead-letter', spoolDir, '--to', sink.to]).ended).toBe(0)
    expect(numbersOf(sink.records).sort((a, b) => a - b)).toEqual(range(0, 10))
  })

  it('says which spool could be meant', async () => {
    const sink = await startSink()
    const spoolDir = temporaryDirectory()
    await serviceWith(spoolDir, 0, 1)
    const command = start(spoor.path, ['ship', '--spool', spoolDir, '--to', sink.to])
    expect(await command.ended).toBe(2)
    expect(command.stderr).toContain(`expected one of them: --spool ${join(spoolDir, 'http')}`)
  })
})
