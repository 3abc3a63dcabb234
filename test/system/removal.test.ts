import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { temporaryDirectory } from '../support/temporary.ts'
import { compared, found, foundIn, textsOf, WHOLE } from './found.ts'
import { services } from './service.ts'

const ROUNDS = process.env.SPOOR_FULL ? 200 : 20
const service = services()

it.each([
  ['turn', 0],
  ['record', 0],
  // Each write begins 20 ms after the look at the path, so that many go to a file that was removed meanwhile.
  ['turn', 20_000],
] as const)(
  'rm -rf of the directory takes only what was written before it: durability %s, writes %i µs late',
  async (durability, late) => {
    const dir = join(temporaryDirectory(), 'logs')
    const path = join(dir, 'app.log')
    const inject = ['-P', path, '-e', 'trace=write', '-e', `inject=write:delay_enter=${late}`]
    const slow = {
      under: ['strace', '-f', '--seccomp-bpf', '-qq', '-o', '/dev/null', ...inject],
      perTurn: 50,
      levels: [30],
    }
    const options = { path, rotate: 'off', durability } as const
    const { ask, end } = service({ options, pace: 0, ...(late > 0 ? slow : {}) })
    const removed: string[] = []
    for (let round = 0; round < ROUNDS; round++) {
      await ask('followed', { count: 300 })
      // What goes with the file can still be read here.
      const fd = openSync(path, 'r')
      const { stderr } = spawnSync('rm', ['-rf', dir], { encoding: 'utf8' })
      // Now, since what is written to it later must be written again.
      removed.push(readFileSync(fd, 'utf8'))
      closeSync(fd)
      // A file made meanwhile keeps its directory.
      expect(stderr.replace(/rm: cannot remove '.*': Directory not empty\n/, '')).toBe('')
      const after = (await ask('state')).written
      const acknowledged = (await ask('followed', { count: 100 })).written
      const there = foundIn(textsOf(dir)).numbers.get('a') ?? []
      const logged = there.filter((n) => n >= after && n < acknowledged)
      expect(logged).toEqual(Array.from({ length: acknowledged - after }, (_, i) => after + i))
    }
    const { written, stderr } = await end()
    expect(stderr).toBe('')
    const left = textsOf(dir)
    const { lost } = compared(foundIn([...removed, ...left]).numbers.get('a'), written)
    // Each is in a file that is there, or was in one when that was removed.
    expect(lost).toEqual([])
    console.log(`rm -rf, ${durability}, ${late} µs late: ${written} records`)
  },
)

it.each([
  ['and no rotation', 100 * 1024 * 1024],
  ['and rotation', 50_000],
])('a directory renamed away takes nothing with it: %s', async (_, maxSize) => {
  const parent = temporaryDirectory()
  const dir = join(parent, 'logs')
  const { ask, end } = service({ options: { path: join(dir, 'app.log'), maxSize }, pace: 0 })
  for (let round = 0; round < ROUNDS; round++) {
    await ask('followed', { count: 300 })
    renameSync(dir, `${dir}.${round}`)
  }
  await ask('followed', { count: 300 })
  const { written, stderr } = await end()
  const all = readdirSync(parent).map((name) => join(parent, name))
  const { numbers, pieces } = found(...all)
  expect(stderr).toBe('')
  expect(existsSync(dir)).toBe(true)
  expect(pieces).toEqual([])
  expect(compared(numbers.get('a'), written)).toEqual(WHOLE)
})
