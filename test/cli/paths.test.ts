import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { findLogs, wantedOf } from '../../src/cli/ship/paths.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const NONE = new Set<string>()

function directoryWith(...names: string[]): string {
  const directory = temporaryDirectory()
  for (const name of names) writeFileSync(join(directory, name), '')
  return directory
}

function found(directory: string, paths: readonly string[], known: { has(path: string): boolean } = NONE) {
  const { logs, missing, unreadable } = findLogs(
    paths.map((path) => wantedOf(join(directory, path))),
    known,
  )
  const short = (all: readonly string[]): string[] => all.map((path) => path.slice(directory.length + 1))
  return { logs: short(logs), missing: short(missing), unreadable: short(unreadable) }
}

describe('logs that are named', () => {
  const FAMILY = [
    ...['app.log', 'app-2026-11-21.001.log', 'app-2026-11-21.002.log.gz', '.app.log.lock'],
    ...['app.log.1', 'app.log.2.gz', 'app.log-20261121', 'app.log-20261120.gz', 'app.log.3.zst'],
  ]

  it('are one with their rotated and compressed files', () => {
    const directory = directoryWith(...FAMILY, 'other.log', 'read.me')
    expect(found(directory, FAMILY.slice(0, 3)).logs).toEqual(['app.log'])
    expect(found(directory, ['app*'])).toEqual({ logs: ['app.log'], missing: [], unreadable: [] })
    expect(found(directory, ['*.log']).logs).toEqual(['app.log', 'other.log'])
    expect(found(directory, ['.']).logs).toEqual(['app.log', 'other.log'])
    expect(found(directory, ['*']).logs).toEqual(['app.log', 'other.log', 'read.me'])
  })

  it('are so without the live file, and while that has no name for a moment', () => {
    expect(found(directoryWith('app-2026-11-21.001.log'), ['*.log']).logs).toEqual(['app.log'])
    const directory = directoryWith('access_log-20261121')
    expect(found(directory, ['access_log*']).logs).toEqual(['access_log-20261121'])
    const known = new Set([join(directory, 'access_log')])
    expect(found(directory, ['access_log*'], known).logs).toEqual(['access_log'])
  })

  it('are logs of their own where a name only looks rotated', () => {
    const names = ['10.0.0.1', '10.0.0.12', 'job-2026-11-21.log', 'v1.2']
    expect(found(directoryWith(...names), ['*']).logs).toEqual(names)
  })

  it('may be missing, compressed or something else', () => {
    const directory = directoryWith('dump.gz')
    mkdirSync(join(directory, 'inner.log'))
    symlinkSync(join(directory, 'nowhere'), join(directory, 'dangling.log'))
    expect(found(directory, ['*.gz', 'new.log', '*.log'])).toEqual({
      logs: [],
      missing: ['new.log'],
      unreadable: ['dump.gz'],
    })
    expect(found(join(directory, 'no'), ['a*'])).toEqual({ logs: [], missing: [], unreadable: [] })
  })

  it('may be a directory that comes later', () => {
    const directory = temporaryDirectory()
    const wanted = wantedOf(join(directory, 'logs'))
    expect(findLogs([wanted], NONE)).toMatchObject({ logs: [], missing: [join(directory, 'logs')] })
    mkdirSync(join(directory, 'logs'))
    writeFileSync(join(directory, 'logs/app.log'), '')
    writeFileSync(join(directory, 'logs/app.txt'), '')
    expect(findLogs([wanted], NONE)).toMatchObject({ logs: [join(directory, 'logs/app.log')], missing: [] })
  })

  it('may have a * and anything else in the last part alone', () => {
    const directory = directoryWith('a[1].log', 'a1.log')
    expect(found(directory, ['a[1]*']).logs).toEqual(['a[1].log'])
    expect(found(directory, ['a[1].log', 'a1.log', 'a1.log']).logs).toEqual(['a1.log', 'a[1].log'])
    expect(() => wantedOf('logs/*/app.log')).toThrow(/has a \* in its directory/)
  })
})
