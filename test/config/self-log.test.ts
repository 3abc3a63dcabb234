import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { afterAll, beforeAll, expect, it } from 'vitest'

const directory = mkdtempSync(join(tmpdir(), 'spoor-self-log-'))
const paths = ['one', 'two'].map((name) => join(directory, `${name}.mjs`))

beforeAll(() => {
  for (const outfile of paths) {
    buildSync({
      entryPoints: [join(import.meta.dirname, '../../src/config/self-log.ts')],
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile,
    })
  }
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const PRELUDE = `
  let now = 1000
  performance.now = () => now
  const { selfLog, selfLogStats } = await import('./one.mjs')
`

/** Runs code in a process of its own; \`redirect\` is the shell's. */
function run(code: string, redirect = '') {
  const script = join(directory, 'script.mjs')
  writeFileSync(script, PRELUDE + code)
  const command = `exec "$0" "$1" ${redirect}`
  const result = spawnSync('sh', ['-c', command, process.execPath, script], { encoding: 'utf8' })
  return { status: result.status, stdout: result.stdout, stderr: result.stderr }
}

it('writes one line, with what is invisible made visible', () => {
  const { stderr } = run(String.raw`selfLog('x', 'a\nb\u001b[31m\u009b\u202e\u2028\ud800')`)
  expect(stderr).toBe(`${String.raw`spoor: a\x0ab\x1b[31m\x9b\u202e\u2028\ud800`}\n`)
})

it('writes one line a minute for each code, and then says how many it held back', () => {
  const { stdout, stderr } = run(`
    for (let i = 0; i < 5; i++) selfLog('full', 'disk full ' + i)
    selfLog('other', 'something else')
    now += 59_999
    selfLog('full', 'too early')
    now += 1
    selfLog('full', 'still full')
    now += 60_000
    selfLog('full', 'and again')
    console.log(JSON.stringify(selfLogStats()))
  `)
  expect(stderr.split('\n')).toEqual([
    'spoor: disk full 0',
    'spoor: something else',
    'spoor: still full (5 more with this cause were not shown)',
    'spoor: and again',
    '',
  ])
  expect(JSON.parse(stdout)).toEqual({ written: 4, suppressed: 5, failed: 0, codes: { full: 8, other: 1 } })
})

it('is one for all copies in the process', () => {
  const { stdout, stderr } = run(`
    const two = await import('./two.mjs')
    selfLog('full', 'from one')
    two.selfLog('full', 'from two')
    console.log(selfLog !== two.selfLog, two.selfLogStats().codes.full)
  `)
  expect(stderr).toBe('spoor: from one\n')
  expect(stdout).toBe('true 2\n')
})

it('holds bounded memory, and writes bounded lines', () => {
  const { stdout, stderr } = run(`
    for (let i = 0; i < 500; i++) selfLog('code ' + i, 'x'.repeat(5000))
    console.log(Object.keys(selfLogStats().codes).length)
  `)
  expect(stdout).toBe('201\n')
  expect(Math.max(...stderr.split('\n').map((line) => line.length))).toBeLessThan(1100)
})

it('does not throw where stderr is closed', () => {
  const code = `
    import { closeSync } from 'node:fs'
    closeSync(2)
    selfLog('x', 'nobody reads this')
    console.log(selfLogStats().failed)`
  expect(run(code)).toMatchObject({ status: 0, stdout: '1\n' })
  expect(run("selfLog('x', 'y'); console.log('fine')", '2>&-')).toMatchObject({ status: 0, stdout: 'fine\n' })
})

it('does not throw for what is no text', () => {
  const { status, stdout } = run(`
    selfLog('x', { toString() { throw new Error('no') } })
    selfLog(Symbol('y'), undefined)
    console.log(selfLogStats().failed)
  `)
  expect({ status, stdout }).toEqual({ status: 0, stdout: '1\n' })
})
