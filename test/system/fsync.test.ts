import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { FileTransportOptions } from '../../src/transports/file.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { compared, found, WHOLE } from './found.ts'
import { type ServiceOptions, services } from './service.ts'

const service = services()

/** The calls that a service of 300 records makes on its file. */
async function calls(options: Partial<FileTransportOptions>, more: Partial<ServiceOptions> = {}) {
  const dir = temporaryDirectory()
  const path = join(dir, 'app.log')
  const trace = join(temporaryDirectory(), 'trace')
  const under = ['strace', '-f', '-qq', '-P', path, '-e', 'trace=write,fdatasync,fsync', '-o', trace]
  const most = 300
  const one = service({ options: { path, rotate: 'off', ...options }, most, under, ...more })
  await one.ask('through')
  const { written } = await one.end()
  expect(compared(found(dir).numbers.get('a'), written)).toEqual(WHOLE)
  const text = readFileSync(trace, 'utf8')
  const count = (call: string): number => text.match(new RegExp(`^\\d+ +${call}\\(`, 'gm'))?.length ?? 0
  const made = { writes: count('write'), syncs: count('fdatasync') + count('fsync') }
  console.log(`fsync ${options.fsync}: ${JSON.stringify(made)}`)
  return made
}

it('never asks the disk for anything', async () => {
  expect((await calls({ fsync: 'never' })).syncs).toBe(0)
})

it('error: once for each record of level error or above', async () => {
  // The last record is the fatal one, so that nothing is left to be made durable at the end.
  const { writes, syncs } = await calls({ fsync: 'error' }, { levels: [20, 30, 30, 40, 30, 60] })
  expect(syncs).toBe(50)
  expect(writes).toBeGreaterThan(syncs)
})

it('always: after each write', async () => {
  const { writes, syncs } = await calls({ fsync: 'always' })
  expect(syncs).toBe(writes)
  expect(syncs).toBeGreaterThan(50)
})

it('interval: now and then', async () => {
  const { writes, syncs } = await calls({ fsync: 'interval', fsyncMs: 50 }, { perTurn: 1 })
  expect(syncs).toBeGreaterThan(1)
  expect(syncs).toBeLessThan(writes / 5)
})
