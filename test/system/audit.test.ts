import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createLogger } from '../../src/logger/create.ts'
import { shutdown } from '../../src/logger/default.ts'
import { verify } from '../../src/policy/audit/verify.ts'
import { mount, tmpfs } from './disks.ts'

/** Needs root. */
const PAGE = 4096

function place(size: string) {
  const disk = tmpfs(size)
  const path = join(disk, 'app.audit.log')
  const head = join(disk, 'head')
  const logger = createLogger({
    transports: [],
    env: {},
    audit: { path, head, maxSize: 20_000, rotate: 'off' },
  })
  return { disk, path, head, logger }
}

it('on a disk that fills, five times over, every record is acknowledged or refused, and the log verifies', async () => {
  const { disk, path, head, logger } = place('256k')
  let acknowledged = 0
  let refused = 0
  const filler = (round: number): string => join(disk, `filler ${round}`)
  for (let round = 0; round < 5; round++) writeFileSync(filler(round), Buffer.alloc(PAGE * (5 + round)))
  for (let round = 0; round < 5; round++) {
    const before = refused
    while (refused === before) {
      const calls = Array.from({ length: 7 }, (_, n) =>
        logger.audit('act', { round, n, pad: 'ü'.repeat((n * 31) % 200) }),
      )
      for (const { status, ...rest } of await Promise.allSettled(calls)) {
        if (status === 'fulfilled') acknowledged++
        else {
          refused++
          expect(rest).toMatchObject({ reason: { code: 'ERR_SPOOR_AUDIT' } })
        }
      }
    }
    rmSync(filler(round))
    await logger.audit('there is room')
    acknowledged++
    expect(await verify({ path, head })).toMatchObject({ ok: true })
  }
  await shutdown(logger)
  const { ok, records } = await verify({ path, head })
  expect(ok).toBe(true)
  // A record whose head could not be written is there, and was refused.
  expect(records).toBeGreaterThanOrEqual(acknowledged)
  expect(records).toBeLessThanOrEqual(acknowledged + refused)
})

it('on a disk that turns read-only the promise rejects, and when it is mended the chain goes on', async () => {
  const { disk, path, head, logger } = place('1m')
  await logger.audit('before')
  await shutdown(logger)
  mount('-o', 'remount,ro', disk)
  await expect(logger.audit('act')).rejects.toMatchObject({
    code: 'ERR_SPOOR_AUDIT',
    cause: { code: 'EROFS' },
  })
  mount('-o', 'remount,rw', disk)
  await logger.audit('after')
  await shutdown(logger)
  expect(await verify({ path, head })).toMatchObject({ ok: true, records: 2 })
})
