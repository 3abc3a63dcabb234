import { expect, it } from 'vitest'
import { lossLine, stderrHost } from '../../src/transports/host.ts'
import { parseStrict } from '../support/strict-json.ts'
import { UNSAFE } from '../support/unsafe.ts'

it('a line that tells of a loss drives no terminal, whatever the transport is called and the system says', () => {
  const hostile = 'a\u001b]0;x\u0007\u009b2J\u202e\u200b\n{"level":"fatal"}'
  const loss = { dropped: 3, byLevel: new Map([[30, 3]]), since: 0 }
  const line = lossLine(stderrHost(hostile), hostile, loss, hostile)
  expect(line.slice(0, -1)).not.toMatch(UNSAFE)
  expect(parseStrict(line)).toMatchObject({ transport: hostile, reason: hostile, dropped: 3 })
})
