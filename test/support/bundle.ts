import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildSync } from 'esbuild'

const ROOT = join(import.meta.dirname, '../..')

/** The transports as one ES module of plain JavaScript, for child processes that can't read TypeScript. */
export interface Bundle {
  /** The module's file. */
  readonly path: string
  /** Writes a child's script beside it; `source` imports from './spoor.mjs'. */
  script(name: string, source: string): string
  remove(): void
}

const TRANSPORTS = [
  'transports/file.ts',
  'transports/console.ts',
  'transports/memory.ts',
  'transports/stream.ts',
  'transports/fanout.ts',
]

/** Bundles every transport. */
export function bundleTransports(): Bundle {
  return bundleOf(TRANSPORTS)
}

/** Bundles these rooms of src; inside the project, so that the child finds pino-pretty. */
export function bundleOf(rooms: readonly string[]): Bundle {
  const cache = join(ROOT, 'node_modules/.cache')
  mkdirSync(cache, { recursive: true })
  const directory = mkdtempSync(join(cache, 'spoor-bundle-'))
  const path = join(directory, 'spoor.mjs')
  const written = new Map<string, string>()
  const exports = rooms.map((room) => `export * from '${join(ROOT, 'src', room)}'`)
  buildSync({
    stdin: { contents: exports.join('\n'), resolveDir: ROOT },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    outfile: path,
    logLevel: 'error',
  })
  return {
    path,
    script(name, source) {
      const file = join(directory, name)
      // Once: a child that starts while it is written again would find it empty, and end without a word.
      if (written.get(name) !== source) writeFileSync(file, source)
      written.set(name, source)
      return file
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}
