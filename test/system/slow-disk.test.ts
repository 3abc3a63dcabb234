import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { temporaryDirectory } from '../support/temporary.ts'
import { compared, found, WHOLE } from './found.ts'
import { programs } from './service.ts'

const TURNS = process.env.SPOOR_FULL ? 1000 : 150
const built = programs({ delay: 'test/system/delay.ts', 'spoor-thread': 'src/segments/thread.ts' })

interface Delays {
  readonly written: number
  readonly p99: number
  readonly max: number
}

/** Event-loop delay in ms of a service each of whose writes the kernel gives back after `us` microseconds. */
function delays(durability: 'turn' | 'interval', us: number): Delays {
  const dir = temporaryDirectory()
  const path = join(dir, 'app.log')
  const inject = us === 0 ? [] : ['-e', `inject=write:delay_enter=${us}`]
  const strace = ['-f', '--seccomp-bpf', '-qq', '-P', path, '-e', 'trace=write', ...inject]
  const options = JSON.stringify({ path, durability, rotate: 'off', turns: TURNS })
  const trace = join(temporaryDirectory(), 'trace')
  const args = [...strace, '-o', trace, process.execPath, join(built(), 'delay.js'), options]
  const { status, stdout, stderr } = spawnSync('strace', args, { encoding: 'utf8' })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  const result = JSON.parse(stdout) as Delays
  expect(compared(found(dir).numbers.get('a'), result.written)).toEqual(WHOLE)
  const held = readFileSync(trace, 'utf8').match(/\(DELAYED\)/g)?.length ?? 0
  expect(held > 0).toBe(us > 0)
  console.log(
    `durability ${durability}, writes ${us / 1000} ms slower: ${stdout.trim()}, ${held} slow writes`,
  )
  return result
}

it('a disk that takes 50 ms a write holds the service up, but not where a thread writes', () => {
  const turn = delays('turn', 50_000)
  // For comparison; what else the machine does is in it too, so that only the ratio below is asserted.
  delays('interval', 0)
  const interval = delays('interval', 50_000)
  expect(turn.p99).toBeGreaterThanOrEqual(50)
  expect(interval.p99).toBeLessThan(turn.p99 / 2)
})
