import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkpointText } from '../../../src/segments/spool/checkpoint.ts'
import { segmentName, subdirectoryName } from '../../../src/segments/spool/layout.ts'
import type { SpoolPlace } from '../../../src/segments/spool/place.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { lineOf, readingOf, upTo } from './spools.ts'

/** Short lines, since a segment is cut at every byte. */
const linesOf = (from: number, count: number): string =>
  upTo(count, from)
    .map((n) => lineOf(n, 1))
    .join('')

const FIRST = linesOf(0, 4)
const LAST = Buffer.from(linesOf(4, 2))
/** Where lines of the last segment begin and end. */
const ENDS = upTo(3).map((count) => Buffer.byteLength(linesOf(4, count)))

/** What a crash may have left of the last segment: cut, and what the file system had promised filled with zeros. */
const DAMAGES: readonly [string, (cut: number) => Buffer][] = [
  ['cut', (cut) => LAST.subarray(0, cut)],
  ['filled with zeros', (cut) => Buffer.concat([LAST.subarray(0, cut), Buffer.alloc(LAST.length - cut)])],
  ['filled with zeros on', (cut) => Buffer.concat([LAST.subarray(0, cut), Buffer.alloc(5000)])],
]

/** How far the checkpoint is: behind that many lines of the last segment. */
type Wanted = SpoolPlace | string | undefined
const at = (lines: number): SpoolPlace => ({ seq: 2, offset: ENDS[lines] as number })

const CHECKPOINTS: readonly [string, Wanted][] = [
  ['missing', undefined],
  ['old', { seq: 1, offset: Buffer.byteLength(linesOf(0, 2)) }],
  ['at the end of a segment', { seq: 1, offset: Buffer.byteLength(FIRST) }],
  ['at the beginning of the last', at(0)],
  ['in the last', at(1)],
  ['at the last end', at(2)],
  ['ahead of the last', { seq: 2, offset: LAST.length + 1 }],
  ['in a segment that is not there', { seq: 9, offset: 0 }],
  ['in the middle of a line', { seq: 2, offset: 3 }],
  ['empty', ''],
  ['zeros', '\0'.repeat(60)],
  ['of another version', '{"v":7,"seq":2,"offset":0,"crc":1}'],
  ['no object', 'null'],
  ['wrong', '{"v":1,"seq":2,"offset":0,"crc":1}'],
]

/** The first line that has to be given; 0, the oldest, where the checkpoint can't be right. */
function firstOf(wanted: Wanted, cut: number): number {
  if (typeof wanted !== 'object') return 0
  if (wanted.seq === 1) return wanted.offset === Buffer.byteLength(FIRST) ? 4 : 2
  const lines = ENDS.indexOf(wanted.offset)
  // Behind the cut there is no end of a line.
  return wanted.seq === 2 && lines !== -1 && wanted.offset <= cut ? 4 + lines : 0
}

describe.each(CHECKPOINTS)('a spool whose checkpoint is %s', (_, wanted) => {
  it.each(DAMAGES)('gives every whole line behind it, wherever the last segment is %s', async (_, damage) => {
    const root = temporaryDirectory()
    for (let cut = 0; cut <= LAST.length; cut++) {
      const home = join(root, subdirectoryName({ unique: 'a'.repeat(16), owner: 'me-0', guessed: false }))
      mkdirSync(home)
      writeFileSync(join(home, 'about.json'), '{"v":1,"names":{}}')
      writeFileSync(join(home, segmentName(1)), FIRST)
      writeFileSync(join(home, segmentName(2)), damage(cut))
      const text = typeof wanted === 'object' ? checkpointText(wanted) : wanted
      if (text !== undefined) writeFileSync(join(home, 'checkpoint'), text)

      const whole = 4 + ENDS.filter((end) => end > 0 && end <= cut).length
      const first = firstOf(wanted, cut)
      const { numbers, deliver, source, codes } = readingOf(home, { finished: true })
      // Deleting takes a sync, so not each time.
      const removes = cut % 8 === 0
      expect({ cut, given: await (removes ? deliver : numbers)() }).toEqual({
        cut,
        given: upTo(whole - first, first),
      })
      const isTorn = damage(cut).length > cut || !ENDS.includes(cut)
      expect(source.skipped.torn + source.skipped.broken).toBe(isTorn ? 1 : 0)
      expect(codes().includes('checkpoint')).toBe(first === 0 && text !== undefined)
      expect(source.ended).toBe(true)
      expect(existsSync(home)).toBe(!removes && first !== whole)
      rmSync(home, { recursive: true, force: true })
    }
  })
})
