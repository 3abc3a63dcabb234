import fs, { mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import {
  createReader,
  listSegments,
  readCheckpoint,
  type Segment,
} from '../../../src/segments/read/reader.ts'
import { createSeen } from '../../../src/segments/read/seen.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { follow, gzipped, numbered, range } from './reader-support.ts'

function logOf(count: number, compressed = false) {
  const directory = temporaryDirectory()
  const at = (name: string) => join(directory, name)
  for (let n = 1; n <= count; n++) {
    const name = `app-2026-11-21.${String(n).padStart(3, '0')}.log`
    if (compressed) writeFileSync(at(`${name}.gz`), gzipped(numbered(n, n + 1)))
    else writeFileSync(at(name), numbered(n, n + 1))
  }
  const path = at('app.log')
  writeFileSync(path, numbered(count + 1, count + 2))
  return { directory, path, at }
}

/** Has each reading of a directory pass through `act`; gives how many there were. */
function onReading(act: (reading: number, names: string[]) => Promise<string[]>): () => number {
  const { promises } = fs
  const { readdir } = promises
  let readings = 0
  const patch = (to: unknown) => {
    promises.readdir = to as typeof readdir
    syncBuiltinESMExports()
  }
  onTestFinished(() => patch(readdir))
  patch(async (directory: string) => {
    const names = await readdir(directory)
    return act(++readings, names)
  })
  return () => readings
}

const rotated = (n: number) => `app-2026-11-21.${String(n).padStart(3, '0')}.log`

it.each([false, true])(
  'a rotation beside thousands of files (compressed: %s) is followed without doubles',
  async (compressed) => {
    const count = 3000
    const { path, at } = logOf(count, compressed)
    const { look, numbers, reader } = follow({ path })
    await look()
    for (let n = count + 1; n <= count + 3; n++) {
      renameSync(path, at(rotated(n)))
      writeFileSync(path, numbered(n + 1, n + 2))
      await look()
    }
    expect(numbers()).toEqual(range(1, count + 5))
    expect(reader.stats()).toMatchObject({ missing: 0, corrupt: 0, unreadable: 0 })
  },
)

it('keeps few files open and a small checkpoint where thousands look as if rotated a moment ago', async () => {
  const { path } = logOf(1000)
  const before = readdirSync('/proc/self/fd').length
  const { rest, numbers } = follow({ path, checkpoint: 'test' })
  await rest()
  expect(numbers()).toEqual(range(1, 1002))
  expect(readdirSync('/proc/self/fd').length - before).toBeLessThan(300)
  expect((await readCheckpoint(path, 'test')).places?.length).toBeLessThan(300)
})

it('what else comes and goes in the directory does not make a listing begin again', async () => {
  const { path, at } = logOf(5)
  const readings = onReading(async (reading, names) => {
    writeFileSync(at(`other-${reading}`), '')
    return names
  })
  expect(await listSegments(path)).toHaveLength(6)
  expect(readings()).toBe(2)
})

it('a file that a reading of the directory misses between two names is in the listing', async () => {
  const { path, at } = logOf(1)
  onReading(async (reading, names) => {
    if (reading === 1) {
      renameSync(path, at(rotated(2)))
      writeFileSync(path, '')
    }
    return reading === 2 ? names.filter((name) => name !== rotated(2)) : names
  })
  expect((await listSegments(path)).map(({ name }) => name)).toEqual([rotated(1), rotated(2), 'app.log'])
})

it('what was read is looked up, not searched', async () => {
  const count = 3000
  let reads = 0
  const inode = (n: number) => ({
    get ino() {
      reads++
      return n
    },
    dev: 1,
    birth: 1,
  })
  const seen = createSeen()
  const segments = range(0, count).map((n): Segment => {
    const key = `2026-11-21.${n}`
    seen.add(Object.assign(inode(n), { key, head: '', length: 0, offset: 8, cut: false }))
    const name = rotated(n)
    const rest = { name, file: name, kind: 'done', compression: undefined, size: 8, changedAt: 0 } as const
    return Object.assign(inode(n), { key, ...rest })
  })
  seen.prune(segments)
  expect((await seen.startsOf(segments)).size).toBe(0)
  expect(reads).toBeLessThan(20 * count)
})

it('ends where thousands were removed before they were read', async () => {
  const { path, at } = logOf(2000)
  const reader = createReader({ path })
  const numbers: number[] = []
  for await (const batch of reader) {
    if (numbers.length === 0) {
      mkdirSync(at('away'))
      for (let n = 2; n <= 1500; n++) renameSync(at(rotated(n)), join(at('away'), rotated(n)))
    }
    for (let i = 0; i < batch.count; i++) numbers.push((batch.json(i) as { n: number }).n)
  }
  expect(numbers).toEqual([1, ...range(1501, 2002)])
  expect(reader.stats().missing).toBe(1499)
})
