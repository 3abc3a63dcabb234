import { execFileSync } from 'node:child_process'
import { readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { expandPath } from '../../../src/config/placeholders.ts'
import { parseRetention, retentionPolicy } from '../../../src/config/retention.ts'
import { movingName, temporaryName } from '../../../src/segments/names.ts'
import { writeCheckpoint } from '../../../src/segments/read/checkpoint.ts'
import { createReader } from '../../../src/segments/read/reader.ts'
import { memberReader } from '../../../src/segments/upkeep/family.ts'
import { createMaintenance, type MaintenanceEvent } from '../../../src/segments/upkeep/maintenance.ts'
import { temporaryDirectory } from '../../support/temporary.ts'

const DAY = 24 * 60 * 60 * 1000
const NOW = Date.parse('2026-11-21T12:00:00Z')

/** The family of a path with a process in it, and what keeps it. */
function processes(template: string, policy = '2d') {
  const directory = temporaryDirectory()
  const at = (name: string) => join(directory, name)
  const { path, stem } = expandPath(at(template), {}, 'path')
  const events: MaintenanceEvent[] = []
  const spec = parseRetention(policy).value
  if (spec === undefined) throw new Error(policy)
  const maintenance = createMaintenance({
    path,
    stem,
    rotate: 'daily',
    timeZone: 'utc',
    retention: retentionPolicy(spec, false),
    settleMs: 1,
    leftoverMs: 1,
    now: () => NOW,
    report: (event) => events.push(event),
  })
  function add(name: string, content: string, daysAgo = 30): string {
    writeFileSync(at(name), content)
    utimesSync(at(name), (NOW - daysAgo * DAY) / 1000, (NOW - daysAgo * DAY) / 1000)
    return at(name)
  }
  return { at, add, maintenance, events, names: () => readdirSync(directory).sort() }
}

describe('the names of a path with a process id', () => {
  const read = memberReader(expandPath('logs/app2.{pid}.log', {}, 'path'))

  it.each([
    ['app2.7.log', 'live', 'app2.7.log', 7],
    ['app2.7-3.log', 'live', 'app2.7-3.log', 7],
    ['app2.4194304.log', 'live', 'app2.4194304.log', 4194304],
    ['app2.7-2026-10-01.001.log', 'done', 'app2.7.log', 7],
    ['app2.7-2026-10-01T09.1000.log.gz', 'done', 'app2.7.log', 7],
    ['app2.7-3-2026-10-01.001.log.zst', 'done', 'app2.7-3.log', 7],
    [basename(movingName('app2.7-3.log')), 'moving', 'app2.7-3.log', 7],
    [basename(temporaryName('app2.7-2026-10-01.001.log')), 'hidden', 'app2.7.log', 7],
    [basename(temporaryName('app2.7-3-2026-10-01.001.log.gz')), 'hidden', 'app2.7-3.log', 7],
  ])('%j is %s of %s', (name, kind, live, pid) => {
    expect(read(name)).toEqual({ kind, live, pid })
  })

  it.each([
    ...[
      'app2.20250101.log',
      'app2.4194305.log',
      'app2.0.log',
      'app2.07.log',
      'app2.7-0.log',
      'app2.7-03.log',
    ],
    ...['app2.20250101-2026-10-01.001.log', 'app2.07-2026-10-01.001.log', 'app2.7-1-2-2026-10-01.001.log'],
    ...[
      'app2.7x-2026-10-01.001.log',
      'app2.7-2026.001.log',
      'app2.log',
      'app2.7',
      'app2.x.log',
      'xapp2.7.log',
    ],
    ...['app2-2026-10-01.001.log', '.app2.7.log', '..app2.7.log.0123456789abcdef.moving', ''],
  ])('%j is not its own', (name) => {
    expect(read(name)).toBeUndefined()
  })

  it('the same process stands wherever the path names it', () => {
    const twice = expandPath('logs/app.{pid}.{pid}.log', {}, 'path')
    const member = memberReader(twice)
    expect(member('app.7.7.log')).toMatchObject({ kind: 'live', pid: 7 })
    expect(member('app.7.8.log')).toBeUndefined()
    expect(member(basename(twice.path))).toMatchObject({ kind: 'live' })
  })
})

describe('files of other processes', () => {
  it('go with their done files, but only where their first records say whose they are', async () => {
    const { at, add, names, maintenance } = processes('app.{pid}.log')
    add('app.7.log', '{"time":"x","pid":7,"msg":"ours"}\n')
    add('app.8.log', '{"msg":"ours","pid":8}\n')
    add('app.9-2.log', '{"process.pid":9,"msg":"ours"}\n')
    add('app.7-2026-10-01.001.log', 'any')
    add('app.7-3-2026-10-01.001.log.gz', 'any')
    const foreign = {
      'app.20250101.log': '{"pid":20250101}\n',
      'app.2025.log': 'a year of somebody else\n',
      'app.11.log': '{"pid":12}\n',
      'app.12.log': '{"pid":123}\n',
      'app.13.log': '{"ppid":13}\n',
      'app.14.log': `${'x'.repeat(4096)}{"pid":14}\n`,
      'app.20250101-2026-10-01.001.log': 'any',
    }
    for (const [name, content] of Object.entries(foreign)) add(name, content)
    add('app.15.log', '{"pid":15}\n', 1)
    execFileSync('mkfifo', [at('app.16.log')])
    expect(await maintenance.pass()).toMatchObject({ deleted: 5, failures: 0 })
    expect(names()).toEqual([...Object.keys(foreign), 'app.15.log', 'app.16.log'].sort())
    expect(await maintenance.pass()).toMatchObject({ outcome: 'idle' })
  })

  it('stay while a reader of that process has not read them', async () => {
    const { add, names, maintenance, events } = processes('app.{pid}.log', '2d,size=1KB')
    add('app.7-2026-10-01.001.log', '{"pid":7,"n":1}\n')
    const unread = add('app.7.log', '{"pid":7,"n":2}\n{"pid":7,"n":3}\n')
    add('app.8-2026-10-01.001.log', '{"pid":8}\n')
    for await (const batch of createReader({ path: unread, checkpoint: 'http' }))
      for (let i = 0; i < batch.count; i++)
        if ((batch.json(i) as { n: number }).n === 2)
          await writeCheckpoint(unread, 'http', [batch.place(i)], false)
    expect(await maintenance.pass()).toMatchObject({ deleted: 2 })
    expect(names()).toEqual(['.app.7.log.http.checkpoint', 'app.7.log'])
    expect(events).toEqual([])
  })
})
