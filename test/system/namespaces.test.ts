import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { temporaryDirectory } from '../support/temporary.ts'
import { compared, found, WHOLE } from './found.ts'
import { services } from './service.ts'

// As two containers with a volume in common: each process is number 1 in a pid namespace of its own.

const COUNT = process.env.SPOOR_FULL ? 400_000 : 20_000
const service = services()
const under = ['unshare', '--pid', '--mount-proc', '--fork', '--kill-child']

it.each([
  ['and nothing else', {}],
  ['and compression', { compress: 2, settleMs: 200 }],
])('processes of two pid namespaces lose and double nothing through rotations: %s', async (_, more) => {
  const dir = temporaryDirectory()
  const options = { path: join(dir, 'app.log'), maxSize: 100_000, ...more }
  const both = ['a', 'b'].map((who) => service({ who, options, most: COUNT, pace: 0, under }))
  await Promise.all(both.map((one) => one.ask('through')))
  // By whichever of them: one does the work for both.
  const done = () => readdirSync(dir).some((name) => name.endsWith('.gz'))
  if ('compress' in more) await vi.waitUntil(done, { timeout: 60_000 })
  const ends = await Promise.all(both.map((one) => one.end()))
  expect(ends.map(({ stderr }) => stderr)).toEqual(['', ''])
  expect(ends.map(({ rotated }) => rotated > 0)).toEqual([true, true])
  const { numbers, pieces } = found(dir)
  expect(pieces).toEqual([])
  expect(compared(numbers.get('a'), COUNT)).toEqual(WHOLE)
  expect(compared(numbers.get('b'), COUNT)).toEqual(WHOLE)
  const rotated = ends.reduce((sum, end) => sum + end.rotated, 0)
  const compressed = readdirSync(dir).filter((name) => name.endsWith('.gz')).length
  console.log(`two pid namespaces: ${2 * COUNT} records, ${rotated} rotations, ${compressed} compressed`)
})
