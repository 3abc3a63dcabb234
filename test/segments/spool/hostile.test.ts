import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { checkpointText } from '../../../src/segments/spool/checkpoint.ts'
import { bytesOf, heldIn } from '../../../src/segments/spool/held.ts'
import { segmentName, subdirectoryName } from '../../../src/segments/spool/layout.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { linesOf, readingOf, segmentsIn, upTo } from './spools.ts'

/** A subdirectory with so many segments of three lines. */
function subdirectoryWith(segments: number): { root: string; home: string } {
  const root = temporaryDirectory()
  const home = join(root, subdirectoryName({ unique: 'a'.repeat(16), owner: 'closed', guessed: false }))
  mkdirSync(home)
  for (const i of upTo(segments)) writeFileSync(join(home, segmentName(i + 1)), linesOf(i * 3, 3))
  return { root, home }
}

describe('a checkpoint that is no file', () => {
  it('is not waited for by the thread that logs, where it is a FIFO', () => {
    const { root, home } = subdirectoryWith(1)
    const fifo = join(home, 'checkpoint')
    execFileSync('mkfifo', [fifo])
    const bytes = Buffer.byteLength(linesOf(0, 3))
    // Whoever opened it and waited would be told that all is delivered.
    const teller = spawn('sh', [
      '-c',
      'printf %s "$1" > "$2"',
      'sh',
      checkpointText({ seq: 1, offset: bytes }),
      fifo,
    ])
    onTestFinished(() => void teller.kill('SIGKILL'))
    expect(bytesOf(heldIn(root))).toBe(bytes)
  })

  it('is set aside where it is a directory, so that what was delivered is deleted', async () => {
    const { home } = subdirectoryWith(3)
    mkdirSync(join(home, 'checkpoint'))
    writeFileSync(join(home, 'checkpoint', 'x'), '')
    const { source, deliver, codes } = readingOf(home)
    expect(await deliver()).toEqual(upTo(9))
    expect(segmentsIn(home)).toEqual([3])
    expect(codes()).toEqual(['about', 'checkpoint'])
    await source.close()
    expect(readdirSync(join(home, 'checkpoint.unreadable'))).toEqual(['x'])
    // The next one begins where this one was.
    const next = readingOf(home, { finished: true })
    expect(await next.deliver()).toEqual([])
    expect(existsSync(join(home, segmentName(3)))).toBe(false)
  })
})
