import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run } from '../../faults/child.ts'
import { type Bundle, bundleOf } from '../../support/bundle.ts'
import { temporaryDirectory } from '../../support/temporary.ts'

let bundle: Bundle
beforeAll(() => {
  bundle = bundleOf([
    'segments/spool/owner.ts',
    'segments/spool/writer.ts',
    'segments/spool/source.ts',
    'config/exit.ts',
  ])
})
afterAll(() => bundle.remove())

/** Keeps what is asked of the file system, in its order: the call and the last part of the path. */
const RECORDED = `
  import fs, { writeSync } from 'node:fs'
  import { syncBuiltinESMExports } from 'node:module'
  import { basename } from 'node:path'
  const names = new Map()
  const calls = []
  const keep = (name, what) => calls.push(name + ' ' + what.replace(/\\..*|^0+/g, '').replace(/^[a-z2-7]{16}$/, 'home'))
  const trap = (host, name, before) => {
    const real = host[name]
    host[name] = function (...args) { before(args); return real.apply(this, args) }
  }
  const open = fs.openSync
  fs.openSync = (path, ...rest) => { const fd = open(path, ...rest); names.set(fd, basename(String(path))); return fd }
  for (const name of ['writeSync', 'fdatasyncSync', 'fdatasync', 'fsyncSync'])
    trap(fs, name, ([fd]) => names.has(fd) && keep(name, names.get(fd)))
  const openLater = fs.promises.open
  fs.promises.open = async (path, ...rest) => {
    const handle = await openLater(path, ...rest)
    const name = basename(String(path)).replace(/^\\./, '')
    trap(handle, 'datasync', () => keep('datasync', name))
    trap(handle, 'sync', () => keep('sync', name))
    return handle
  }
  trap(fs.promises, 'rename', ([, to]) => keep('rename', basename(to)))
  trap(fs.promises, 'unlink', ([path]) => keep('unlink', basename(path)))
  syncBuiltinESMExports()
  process.on('exit', () => writeSync(1, JSON.stringify(calls)))
  const { makeOwner, createSpoolWriter, createSpoolSource } = await import('./spoor.mjs')
  const [directory, fsync, fsyncMs] = process.argv.slice(2)
  const onProblem = ({ message }) => writeSync(2, message)
  const writer = createSpoolWriter({ directory, owner: makeOwner(0), budgetBytes: 1e9, segmentBytes: 20, fsync, fsyncMs: Number(fsyncMs), onProblem })
  const line = (n) => '{"n":' + n + '}\\n'
  const parserOf = () => (text) => ({ record: JSON.parse(text), timeMs: 0 })
  const sourceOf = () => createSpoolSource({ subdirectory: writer.directory, finished: false, parserOf, fsync, onProblem })
`

async function callsOf(source: string, fsync: string, fsyncMs = 1e6): Promise<string[]> {
  const script = bundle.script('recorded.mjs', `${RECORDED}\n${source}`)
  const { stdout, stderr, code } = await run(script, [temporaryDirectory(), fsync, String(fsyncMs)])
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 })
  const calls = JSON.parse(stdout) as string[]
  return calls.filter((call) => call !== 'writeSync about')
}

const THREE = 'for (let n = 0; n < 3; n++) { writer.append(line(n)); calls.push("taken") }'

describe('what is written to a spool', () => {
  it('is not made durable where that was not asked for', async () => {
    expect(await callsOf(THREE, 'never')).toEqual([
      'writeSync 1',
      'taken',
      'writeSync 1',
      'taken',
      'writeSync 2',
      'taken',
    ])
  })

  it('is, with the names of what is new, before the append returns where it always shall be', async () => {
    const calls = await callsOf(THREE, 'always')
    const file = (seq: number): string[] => [`writeSync ${seq}`, `fdatasyncSync ${seq}`]
    expect(calls.filter((call) => call.startsWith('fsyncSync spoor-'))).toHaveLength(1)
    const homes = calls.filter((call) => !call.includes('spoor-'))
    expect(homes).toEqual([
      ...file(1),
      'fsyncSync home',
      'fsyncSync about',
      'taken',
      ...file(1),
      'taken',
      ...file(2),
      'fsyncSync home',
      'taken',
    ])
  })

  it('is at the end where it shall be at intervals, with the segments that were left before', async () => {
    const calls = await callsOf(THREE, 'interval')
    const last = calls.lastIndexOf('taken')
    expect(calls.slice(0, last).filter((call) => call.includes('sync '))).toEqual([])
    expect(calls.slice(last)).toEqual(
      expect.arrayContaining(['fdatasyncSync 1', 'fdatasyncSync 2', 'fsyncSync home']),
    )
  })

  it('is at intervals, without the caller waiting', async () => {
    const source = `${THREE}
      const kept = setInterval(() => {
        if (calls.filter((call) => call.startsWith('fdatasync ')).length === 2 && calls.includes('sync home')) clearInterval(kept)
      }, 1)`
    const calls = await callsOf(source, 'interval', 1)
    expect(calls.filter((call) => call.startsWith('fdatasync '))).toEqual(['fdatasync 1', 'fdatasync 2'])
    expect(calls.filter((call) => call.startsWith('fdatasyncSync '))).toEqual([])
  })
})

it.each(['always', 'interval'])(
  'a disk that can not be synced is told, and takes nothing away: %s',
  async (fsync) => {
    const script = bundle.script(
      'failing.mjs',
      `import fs, { writeSync } from 'node:fs'
     import { syncBuiltinESMExports } from 'node:module'
     const failure = Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' })
     fs.fdatasyncSync = () => { throw failure }
     fs.fdatasync = (fd, done) => setImmediate(done, failure)
     syncBuiltinESMExports()
     const { makeOwner, createSpoolWriter } = await import('./spoor.mjs')
     const told = []
     const writer = createSpoolWriter({ directory: process.argv[2], owner: makeOwner(0), budgetBytes: 1e9, fsync: process.argv[3], fsyncMs: 1, onProblem: ({ code }) => told.push(code) })
     const taken = writer.append('{"n":1}\\n')
     const kept = setInterval(() => {
       if (told.length === 0) return
       clearInterval(kept)
       writeSync(1, JSON.stringify({ taken, told, error: writer.error.code }))
       process.reallyExit(0)
     }, 1)`,
    )
    const { stdout, stderr } = await run(script, [temporaryDirectory(), fsync])
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual({ taken: 8, told: ['fsync'], error: 'EIO' })
  },
)

describe('the checkpoint', () => {
  const READ = `
    for (let n = 0; n < 3; n++) writer.append(line(n))
    const source = sourceOf()
    const lines = await source.read(1e6, 1e6)
    calls.length = 0
    for (const { place } of lines) { await source.commit(place); calls.push('committed') }
    process.exit()`

  it('is replaced at each commit, and durable before anything is deleted', async () => {
    expect(await callsOf(READ, 'never')).toEqual([
      'rename checkpoint',
      'committed',
      'rename checkpoint',
      'committed',
      'datasync checkpoint',
      'rename checkpoint',
      'sync home',
      'unlink 1',
      'committed',
    ])
  })

  it('is synced once a second otherwise, where that was asked for', async () => {
    const calls = await callsOf(READ, 'interval')
    expect(calls.filter((call) => call === 'datasync checkpoint')).toHaveLength(2)
    expect(calls[0]).toBe('datasync checkpoint')
  })
})
