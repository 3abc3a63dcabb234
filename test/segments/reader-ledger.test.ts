import { expect, it } from 'vitest'
import { placeAt } from '../../src/segments/read/identity.ts'
import { createLedger } from '../../src/segments/read/ledger.ts'

function ledgerOfTwo() {
  const ledger = createLedger()
  const open = (ino: number) => {
    const head = Buffer.from(`file ${ino}`.repeat(99))
    const at = (offset: number) => placeAt({ dev: 1, ino, birth: ino }, head, offset)
    return { at, entry: ledger.open(at, 0, undefined) }
  }
  const first = open(1)
  const second = open(2)
  const offsets = () => ledger.places().map(({ file, offset }) => [file.ino, offset])
  return { ledger, first, second, offsets }
}

it('commits all that was given before, in other files too, and none of what came later', () => {
  const { ledger, first, second, offsets } = ledgerOfTwo()
  ledger.given(first.entry, 100)
  ledger.given(second.entry, 50)
  ledger.given(first.entry, 120)
  expect(offsets()).toEqual([])
  expect(ledger.commit(second.at(50))).toBe(true)
  expect(offsets()).toEqual([
    [1, 100],
    [2, 50],
  ])
  expect(ledger.commit(first.at(110))).toBe(true)
  expect(offsets()).toEqual([
    [1, 110],
    [2, 50],
  ])
})

it('speaks of a file that is done with no more, unless something of it is not committed', () => {
  const { ledger, first, second, offsets } = ledgerOfTwo()
  ledger.given(first.entry, 100)
  ledger.given(second.entry, 50)
  ledger.given(first.entry, 120)
  first.entry.closed = true
  ledger.commit(second.at(50))
  expect(offsets()).toEqual([
    [1, 100],
    [2, 50],
  ])
  ledger.commit(first.at(120))
  expect(offsets()).toEqual([[2, 50]])
})

it('takes no place that was not given, nor one behind', () => {
  const { ledger, first, second, offsets } = ledgerOfTwo()
  ledger.given(first.entry, 100)
  expect(ledger.commit(first.at(101))).toBe(false)
  expect(ledger.commit(second.at(10))).toBe(false)
  expect(ledger.commit(first.at(60))).toBe(true)
  expect(ledger.commit(first.at(50))).toBe(false)
  expect(offsets()).toEqual([[1, 60]])
})
