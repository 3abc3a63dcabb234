import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

// Needs a build.

const ROOT = join(import.meta.dirname, '../..')
const { bin, version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  bin: Record<string, string>
  version: string
}

describe('the command of the package', () => {
  const file = join(ROOT, bin.spoor ?? '')

  it('is a file of its own that can be executed', () => {
    expect(readFileSync(file, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/)
    expect(statSync(file).mode & 0o111).toBe(0o111)
    const done = spawnSync(process.execPath, [file, '--version'], { encoding: 'utf8' })
    expect({ ...done, pid: 0, output: [] }).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: '' })
  })

  it('is loaded by nothing else', () => {
    const dist = join(ROOT, 'dist')
    expect(existsSync(dist)).toBe(true)
    const others = readdirSync(dist).filter((name) => /\.c?js$/.test(name) && name !== 'spoor-cli.js')
    const loading = others.filter((name) => readFileSync(join(dist, name), 'utf8').includes('spoor-cli'))
    expect(loading).toEqual([])
  })
})
