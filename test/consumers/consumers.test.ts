import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseLines } from '../support/strict-json.ts'

// The package as its users get it: packed, installed in a project of its own beside the frameworks, used from ESM,
// CommonJS and TypeScript. Needs a build, and npm's registry or cache.

const root = fileURLToPath(new URL('../..', import.meta.url))
const { devDependencies: versions, exports } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
) as {
  devDependencies: Record<string, string>
  exports: Record<string, unknown>
}
const dir = realpathSync(mkdtempSync(join(tmpdir(), 'spoor-consumer-')))
let tarball = ''

function tool(command: string, args: string[], cwd = dir): SpawnSyncReturns<string> {
  // The caller's LOG_… must not change what is written.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('LOG_')))
  return spawnSync(command, args, { cwd, env, encoding: 'utf8' })
}

function ok(done: SpawnSyncReturns<string>): string {
  if (done.status !== 0) throw new Error(`ended with ${done.status}:\n${done.stdout}\n${done.stderr}`)
  return done.stdout
}

/** Runs a file of the project and returns the records that it wrote to stdout. */
function run(file: string): Record<string, unknown>[] {
  const done = tool(process.execPath, [file])
  const records = parseLines(ok(done))
  expect(done.stderr).toBe('')
  return records
}

const byMessage = (a: Record<string, unknown>, b: Record<string, unknown>): number =>
  String(a.msg) < String(b.msg) ? -1 : 1

beforeAll(() => {
  ok(tool('npm', ['pack', '--loglevel=error', '--pack-destination', dir], root))
  tarball = join(dir, readdirSync(dir).find((name) => name.endsWith('.tgz')) ?? '')
  cpSync(fileURLToPath(new URL('fixtures', import.meta.url)), dir, { recursive: true })
  const beside = ['express', 'fastify', 'pino-http', 'typescript', '@types/node', '@types/express']
  const dependencies = Object.fromEntries(beside.map((name) => [name, versions[name]]))
  const manifest = {
    name: 'consumer',
    private: true,
    dependencies: { ...dependencies, spoor: `file:${basename(tarball)}` },
  }
  writeFileSync(join(dir, 'package.json'), JSON.stringify(manifest))
  ok(tool('npm', ['install', '--no-fund', '--no-audit', '--loglevel=error', '--prefer-offline']))
})

afterAll(() => rmSync(dir, { recursive: true, force: true }))

describe('an installed spoor', () => {
  it('shares one pino with Fastify and pino-http', () => {
    const copies = readdirSync(join(dir, 'node_modules'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith(join('pino', 'package.json')) && basename(dirname(name)) === 'pino')
      .filter((name) => basename(dirname(dirname(name))) === 'node_modules' || dirname(dirname(name)) === '.')
    expect(copies).toEqual([join('pino', 'package.json')])
  })

  it('brings no test, source or machine of its own', () => {
    const files = ok(tool('tar', ['-tzf', tarball]))
      .trim()
      .split('\n')
    const tops = new Set(files.map((name) => name.split('/').slice(0, 2).join('/')))
    const allowed = ['CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'docs', 'package.json']
    expect([...tops].filter((top) => !allowed.includes(top.replace('package/', '')))).toEqual([])
  })

  it.each([
    ['every.mjs', 'from esm'],
    ['every.cjs', 'from cjs'],
  ])('loads every subpath and logs in a scope: %s', (file, msg) => {
    // Two loggers with a destination each: which comes first is nobody's promise.
    expect(run(file).sort(byMessage)).toMatchObject([
      { level: 'info', msg, order_id: 42, request_id: 'r-1' },
      { level: 30, msg: 'from pino', order_id: 42, request_id: 'r-1' },
    ])
  })

  it('knows every subpath in those programs', () => {
    const program = readFileSync(join(dir, 'every.mjs'), 'utf8')
    const subpaths = Object.keys(exports).filter((name) => name !== './package.json')
    const missing = subpaths.filter((name) => !program.includes(`'${join('spoor', name)}'`))
    expect(missing).toEqual([])
  })

  it('shares the scope and the default logger between its ESM and its CommonJS copy', () => {
    const records = run('both.mjs').map(({ msg, request_id, tenant, component }) => ({
      msg,
      request_id,
      tenant,
      component,
    }))
    expect(records).toEqual([
      { msg: 'from esm', request_id: 'r-1', tenant: 't-9' },
      { msg: 'from cjs', request_id: 'r-1', tenant: 't-9' },
      { msg: 'esm in the scope of cjs', request_id: 'r-2', component: 'db' },
      { msg: 'still written' },
    ])
  })

  it('is taken by Fastify and by pino-http with customProps', () => {
    const records = run('frameworks.mjs')
    expect(records.filter((record) => record.msg === 'in fastify')).toHaveLength(3)
    expect(records.filter((record) => record.msg === 'in pino-http')).toHaveLength(3)
    const ended = records.filter((record) => record.edge === 'eu' && record.msg === 'request completed')
    expect(ended).toHaveLength(3)
  })

  it.each([
    ['NodeNext', 'module'],
    ['NodeNext', 'commonjs'],
    ['Bundler', 'module'],
  ])(
    'compiles under strict TypeScript, with its own declarations checked: %s, type %s',
    (resolution, type) => {
      const manifest = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'))
      writeFileSync(join(dir, 'package.json'), JSON.stringify({ ...manifest, type }))
      const module = resolution === 'Bundler' ? 'ESNext' : 'NodeNext'
      const out = join(dir, `out-${resolution}-${type}`)
      const options = ['--strict', '--exactOptionalPropertyTypes', '--target', 'es2022', '--esModuleInterop']
      const tsc = ['tsc', ...options, '--module', module, '--moduleResolution', resolution, '--types', 'node']
      ok(tool('npx', [...tsc, '--outDir', out, 'every.ts']))
      expect(run(join(out, 'every.js')).sort(byMessage)).toMatchObject([
        { msg: 'failed', component: 'db.pool', shard: 3, err: { message: 'boom' } },
        { level: 30, msg: 'from pino' },
        { msg: 'from ts', request_id: 'r-1', tenant: 't-9' },
      ])
    },
  )
})

describe('the tarball', () => {
  it('is clean to publint', () => {
    expect(ok(tool('npx', ['publint', '--strict', tarball], root))).toContain('All good!')
  })

  // Without the resolution of TypeScript before 4.7, which knows no subpath of any package that has exports.
  it('is clean to @arethetypeswrong/cli', () => {
    const { status, stdout } = tool('npx', ['attw', '--profile', 'node16', tarball], root)
    expect({ status, stdout }).toMatchObject({ status: 0 })
  })
})
