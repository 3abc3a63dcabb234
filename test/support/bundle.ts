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

const SHIPPING = [
  'logger/create.ts',
  'logger/default.ts',
  'transports/http.ts',
  'transports/file.ts',
  'transports/memory.ts',
  'context/carrier.ts',
]

/** The logger and the HTTP transport, whose thread's file lies beside. */
export function bundleShipping(): Bundle {
  const bundle = bundleOf(SHIPPING, ['pino', 'pino-pretty'])
  bundle.script('package.json', '{ "type": "module" }')
  buildSync({
    ...PLAIN,
    entryPoints: [join(ROOT, 'src/shipping/thread.ts')],
    outfile: join(bundle.path, '../spoor-shipper.js'),
  })
  return bundle
}

/** Bundles these rooms of src with all that they need into a file outside of the project, for children that may not read it. */
export function bundleWhole(rooms: readonly string[], outfile: string): void {
  buildSync({
    ...PLAIN,
    stdin: { contents: exportsOf(rooms), resolveDir: ROOT },
    // pino is CommonJS and calls require.
    banner: {
      js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url)",
    },
    outfile,
  })
}

const exportsOf = (rooms: readonly string[]): string =>
  rooms.map((room) => `export * from '${join(ROOT, 'src', room)}'`).join('\n')

const PLAIN = { bundle: true, platform: 'node', format: 'esm', target: 'node20', logLevel: 'error' } as const

/**
 * Bundles these rooms of src; inside the project, so that the child finds pino-pretty.
 *
 * @param external packages that are left out of it
 */
export function bundleOf(rooms: readonly string[], external: string[] = []): Bundle {
  const cache = join(ROOT, 'node_modules/.cache')
  mkdirSync(cache, { recursive: true })
  const directory = mkdtempSync(join(cache, 'spoor-bundle-'))
  const path = join(directory, 'spoor.mjs')
  const written = new Map<string, string>()
  buildSync({
    ...PLAIN,
    stdin: { contents: exportsOf(rooms), resolveDir: ROOT },
    external,
    outfile: path,
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
