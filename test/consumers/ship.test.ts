import { spawn, spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ended } from '../faults/child.ts'
import { startSink } from '../support/sink.ts'
import { temporaryDirectory } from '../support/temporary.ts'

// The HTTP transport of the packed package: in ESM and CommonJS with its thread, and in bundles of one file, which
// leave the thread's file behind, so that the main thread ships; with that file beside them a thread does. Needs a
// build, and npm's registry or cache.

const root = fileURLToPath(new URL('../..', import.meta.url))
const dir = realpathSync(mkdtempSync(join(tmpdir(), 'spoor-bundlers-')))
const { devDependencies: versions } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  devDependencies: Record<string, string>
}
/** In this project alone: nothing of ours needs it. */
const WEBPACK = '^5.112.2'
const THREAD = 'spoor-shipper.js'

function tool(command: string, args: readonly string[], cwd = dir): void {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  if (status !== 0)
    throw new Error(`${command} ${args.join(' ')} ended with ${status}:\n${stdout}\n${stderr}`)
}

interface Shipped {
  readonly delivered: boolean
  readonly threads: number
}

/** Runs an application with an endpoint and a spool of its own; what it said, and what came. */
async function ship(file: string): Promise<{ said: Shipped; numbers: unknown[]; stderr: string }> {
  const sink = await startSink()
  const args = [file, `${sink.url}/lines`, temporaryDirectory()]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const { code, stdout, stderr } = await ended(child)
  if (code !== 0) throw new Error(`${file} ended with ${code}: ${stderr}`)
  const numbers = [...sink.stored.values()].map(({ record }) => record.n)
  return { said: JSON.parse(stdout), numbers, stderr }
}

const ten = Array.from({ length: 10 }, (_, n) => n)

/** Where applications are run from that were bundled: no package is in reach. */
let away = ''

beforeAll(() => {
  tool('npm', ['pack', '--ignore-scripts', '--loglevel=error', '--pack-destination', dir], root)
  const tarball = readdirSync(dir).find((name) => name.endsWith('.tgz')) ?? ''
  for (const name of ['ship.mjs', 'ship.cjs', 'bundle.mjs'])
    cpSync(fileURLToPath(new URL(`fixtures/${name}`, import.meta.url)), join(dir, name))
  const { esbuild, tsup, typescript } = versions
  const dependencies = { esbuild, tsup, typescript, webpack: WEBPACK, spoor: `file:${basename(tarball)}` }
  writeFileSync(join(dir, 'package.json'), JSON.stringify({ name: 'bundlers', private: true, dependencies }))
  tool('npm', ['install', '--no-fund', '--no-audit', '--loglevel=error', '--prefer-offline'])
})

afterAll(() => {
  rmSync(dir, { recursive: true, force: true })
  rmSync(away, { recursive: true, force: true })
})

describe('the packed package', () => {
  it.each(['ship.mjs', 'ship.cjs'])('ships from its thread: %s', async (file) => {
    expect(await ship(join(dir, file))).toEqual({
      said: { delivered: true, threads: 1 },
      numbers: ten,
      stderr: '',
    })
  })
})

describe('an application that was bundled', () => {
  beforeAll(() => {
    tool(process.execPath, ['bundle.mjs'])
    away = realpathSync(mkdtempSync(join(tmpdir(), 'spoor-bundled-')))
    cpSync(join(dir, 'node_modules/spoor/dist', THREAD), join(away, THREAD))
    for (const name of readdirSync(dir).filter((one) => /^(?:esbuild|tsup|webpack)-/.test(one)))
      cpSync(join(dir, name), join(away, name), { recursive: true })
    // A bundler may have noted where the package was.
    renameSync(join(dir, 'node_modules'), join(dir, 'modules-that-are-gone'))
  })

  it.each([
    ['esbuild-esm', 'app.mjs', 1],
    ['esbuild-cjs', 'app.cjs', 1],
    ['tsup-esm', 'app.mjs', 1],
    ['tsup-cjs', 'app.cjs', 1],
    ['webpack-cjs', 'app.cjs', 1],
    ['webpack-meta', 'app.mjs', 1],
    // webpack writes down where the package was, so that nothing beside the bundle is found.
    ['webpack-esm', 'app.mjs', 0],
  ])(
    'ships from the main thread, and from a thread where its file can be found: %s',
    async (name, file, threads) => {
      const app = join(away, name, file)
      expect(readdirSync(join(away, name))).toEqual([file])
      expect(await ship(app)).toEqual({ said: { delivered: true, threads: 0 }, numbers: ten, stderr: '' })
      cpSync(join(away, THREAD), join(away, name, THREAD))
      expect(await ship(app)).toEqual({ said: { delivered: true, threads }, numbers: ten, stderr: '' })
    },
  )
})
