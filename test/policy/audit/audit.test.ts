import { expect, it } from 'vitest'
import { shutdown } from '../../../src/logger/default.ts'
import { verify } from '../../../src/policy/audit/verify.ts'
import { auditor, KEY, place, recordsOf } from './support.ts'

it('works', async () => {
  const { path, head } = place()
  const logger = auditor({ path, head, key: KEY })
  await Promise.all([logger.audit('a', { x: 1 }), logger.audit('b', { audit_seq: 5 })])
  await logger.child({ c: 1 }).audit('c')
  await shutdown(logger)
  const again = auditor({ path, head, key: KEY })
  await again.audit('d')
  console.log(recordsOf(path))
  const report = await verify({ path, head, key: KEY })
  console.log(report)
  expect(report.ok).toBe(true)
})
