import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildSync } from 'esbuild'

const ROOT = join(import.meta.dirname, '../..')

/** spoor as plain JavaScript in a directory of its own, for processes that can't read TypeScript. */
export interface Service {
  readonly directory: string
  /** Writes a file beside `spoor.mjs` and `spoor.cjs`. */
  file(name: string, source: string): string
  run(script: string, options?: RunOptions): Running
  remove(): void
}

export interface RunOptions {
  readonly env?: Record<string, string>
  readonly args?: readonly string[]
}

export interface Running {
  readonly child: ChildProcess
  /** Resolves at the first output on stdout. */
  readonly ready: Promise<void>
  readonly done: Promise<Done>
}

export interface Done {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export function makeService(): Service {
  // Inside the project, so that pino is found.
  const cache = join(ROOT, 'node_modules/.cache')
  mkdirSync(cache, { recursive: true })
  const directory = mkdtempSync(join(cache, 'spoor-service-'))
  for (const format of ['esm', 'cjs'] as const) {
    buildSync({
      entryPoints: [join(ROOT, 'src/index.ts')],
      bundle: true,
      platform: 'node',
      packages: 'external',
      format,
      target: 'node20',
      outfile: join(directory, format === 'esm' ? 'spoor.mjs' : 'spoor.cjs'),
      logLevel: 'error',
    })
  }
  const file = (name: string, source: string): string => {
    const path = join(directory, name)
    writeFileSync(path, source)
    return path
  }
  return {
    directory,
    file,
    run: (script, { env = {}, args = [] } = {}) => {
      const child = spawn(process.execPath, [...args, join(directory, script)], {
        cwd: directory,
        env: { PATH: process.env.PATH, SERVICE_NAME: 'shop', ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      return watch(child)
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}

function watch(child: ChildProcess): Running {
  const text = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk
    })
  }
  return {
    child,
    ready: new Promise((resolve) => child.stdout?.once('data', () => resolve())),
    done: new Promise((resolve) => {
      child.once('close', (code, signal) => resolve({ code, signal, ...text }))
    }),
  }
}
