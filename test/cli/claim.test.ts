import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Claim, claim, processOf } from '../../src/cli/ship/claim.ts'
import { makeOwner } from '../../src/segments/spool/owner.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const newPath = (): string => join(temporaryDirectory(), 'state/.app.log.owner')

/** Of another container: nothing but its sign says whether it lives. */
const STRANGER = '0a1b2c3d-4026531836-7-123456-0-0'

function aged(path: string, ms: number): void {
  const then = (Date.now() - ms) / 1000
  utimesSync(path, then, then)
}

describe('a claim', () => {
  it('has one holder, until it is released', () => {
    const path = newPath()
    const [one, two] = [makeOwner(0), makeOwner(0)]
    const held = claim(path, one) as Claim
    expect(claim(path, two)).toBe(one)
    expect(processOf(one)).toBe(`another process (${process.pid})`)
    held.release()
    expect(existsSync(path)).toBe(false)
    expect(typeof claim(path, two)).toBe('object')
  })

  it('is taken from the dead at once, and from the silent after 30 s', () => {
    const path = newPath()
    ;(claim(path, makeOwner(0)) as Claim).release()
    writeFileSync(path, STRANGER)
    expect(claim(path, makeOwner(0))).toBe(STRANGER)
    aged(path, 31_000)
    const mine = makeOwner(0)
    expect(typeof claim(path, mine)).toBe('object')
    // The same boot and namespace, and no such process.
    const [boot, namespace] = mine.split('-')
    writeFileSync(path, `${boot}-${namespace}-4194303-1-0-0`)
    expect(typeof claim(path, mine)).toBe('object')
  })

  it('is kept by its signs, and nobody releases another one', () => {
    const path = newPath()
    const mine = makeOwner(0)
    const held = claim(path, mine) as Claim
    aged(path, 3_600_000)
    held.touch()
    expect(claim(path, makeOwner(0))).toBe(mine)
    writeFileSync(path, STRANGER)
    aged(path, 3_600_000)
    held.touch()
    held.release()
    expect(readFileSync(path, 'utf8')).toBe(STRANGER)
    expect(typeof claim(path, mine)).toBe('object')
  })

  it('says where it can not be made', () => {
    expect(() => claim('/dev/null/x/owner', makeOwner(0))).toThrow(/ENOTDIR|EEXIST/)
  })
})
