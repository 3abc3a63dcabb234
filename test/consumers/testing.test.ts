import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'

// The examples of docs/testing.md, in a project of their own beside the packed package, run by the runners that they
// are for. Needs a build, and npm's registry or cache.

const root = fileURLToPath(new URL('../..', import.meta.url))
const { devDependencies: versions } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  devDependencies: Record<string, string>
}
const dir = realpathSync(mkdtempSync(join(tmpdir(), 'spoor-testing-')))
const JEST = '^30.2.0'

function tool(command: string, args: string[], cwd = dir): SpawnSyncReturns<string> {
  const settings = Object.entries(process.env).filter(
    ([name]) => !/^(LOG_|VITEST|NODE_OPTIONS|JEST)/.test(name),
  )
  return spawnSync(command, args, {
    cwd,
    env: { ...Object.fromEntries(settings), NO_COLOR: '1' },
    encoding: 'utf8',
  })
}

function ok({ status, stdout, stderr }: SpawnSyncReturns<string>): string {
  if (status !== 0) throw new Error(`ended with ${status}:\n${stdout}\n${stderr}`)
  return stdout + stderr
}

/** The page's blocks that begin with a comment naming their file. */
function examples(): Map<string, string> {
  const page = readFileSync(join(root, 'docs/testing.md'), 'utf8')
  const blocks = page.matchAll(/```(?:js|ts)\n\/\/ (\S+)\n([\s\S]*?)```/g)
  return new Map([...blocks].map(([, name = '', code = '']) => [name, code]))
}

beforeAll(() => {
  ok(tool('npm', ['pack', '--loglevel=error', '--pack-destination', dir], root))
  const tarball = readdirSync(dir).find((name) => name.endsWith('.tgz'))
  const dependencies = {
    ...Object.fromEntries(['vitest', 'typescript', '@types/node'].map((name) => [name, versions[name]])),
    jest: JEST,
    spoor: `file:${tarball}`,
  }
  const manifest = { name: 'consumer', private: true, type: 'module', dependencies }
  writeFileSync(join(dir, 'package.json'), JSON.stringify(manifest))
  for (const [name, code] of examples()) {
    mkdirSync(dirname(join(dir, name)), { recursive: true })
    writeFileSync(join(dir, name), code)
  }
  ok(tool('npm', ['install', '--no-fund', '--no-audit', '--loglevel=error', '--prefer-offline']))
})

afterAll(() => rmSync(dir, { recursive: true, force: true }))

it('has an example for each runner', () => {
  expect([...examples().keys()]).toEqual([
    'orders.js',
    'node/orders.test.js',
    'vitest/orders.test.ts',
    'jest/orders.test.cjs',
  ])
})

const runners = [
  ['node:test', 'node/orders.test.js', process.execPath, ['--test', 'node/orders.test.js'], /pass 3/],
  ['vitest', 'vitest/orders.test.ts', 'npx', ['vitest', 'run', '--dir', 'vitest'], /1 passed/],
  ['Jest', 'jest/orders.test.cjs', 'npx', ['jest', '--testMatch', '**/jest/*.test.cjs'], /1 passed/],
] as const

it.each(runners)('passes in %s', (_name, _file, command, args, passed) => {
  expect(ok(tool(command, [...args]))).toMatch(passed)
})

it.each(runners)('fails in %s where the service says something else', (_name, file, command, args) => {
  const code = readFileSync(join(dir, file), 'utf8')
  writeFileSync(
    join(dir, file),
    code.replace("level: 'warn'", "level: 'fatal'").replace('hasNoRecord(memory', 'hasRecord(memory'),
  )
  const { status, stdout, stderr } = tool(command, [...args])
  writeFileSync(join(dir, file), code)
  expect(status).not.toBe(0)
  expect(stdout + stderr).toMatch(/expected a record with \{"level":"fatal"/)
})

it('compiles under strict TypeScript', () => {
  const options = [
    '--strict',
    '--exactOptionalPropertyTypes',
    '--noEmit',
    '--target',
    'es2022',
    '--skipLibCheck',
  ]
  const resolution = ['--module', 'NodeNext', '--moduleResolution', 'NodeNext', '--types', 'node']
  ok(tool('npx', ['tsc', ...options, ...resolution, '--allowJs', 'vitest/orders.test.ts']))
})
