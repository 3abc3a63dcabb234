import { readFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { defineConfig, type Options } from 'tsup'

type Plugin = NonNullable<Options['esbuildPlugins']>[number]

// What several entries need becomes files of its own, one for each set of entries, and each file costs an ESM
// import about 1 ms. Where every entry reaches all of index, all that they share is one file.
const oneSharedFile: Plugin = {
  name: 'one shared file',
  setup(build) {
    build.onResolve({ filter: /^spoor:index$/ }, () => ({ path: resolve('src/index.ts'), sideEffects: true }))
    build.onLoad(
      {
        filter:
          /src\/(middleware\/(express|fastify|http)|context\/cls-hooked|transports\/otel|testing\/index|pino\/(index|commonjs))\.ts$/,
      },
      ({ path }) => ({
        contents: `${readFileSync(path, 'utf8')}\nimport 'spoor:index'\n`,
        loader: 'ts',
        resolveDir: join(path, '..'),
      }),
    )
  },
}

// An ESM import of a built-in module reads all that it exports, which loads parts of Node that nobody asked for
// (measured: 1.4 ms for ours). Read from here they are what a CommonJS require gives.
const plainBuiltins: Plugin = {
  name: 'plain builtins',
  setup(build) {
    build.onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: 'builtin' }))
    build.onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule('${path}')`,
      loader: 'js',
    }))
  },
}

/** What is loaded when it is used: files of their own, by the module that is imported dynamically. */
const LATER: Record<string, string> = {
  'audit-upkeep': 'src/policy/audit/audit-upkeep.ts',
  maintenance: 'src/segments/upkeep/maintenance.ts',
  remote: 'src/segments/remote/remote.ts',
  ship: 'src/shipping/ship.ts',
}

// Each is whole in itself and shares nothing with the others: what several share would be files of their own again,
// which an import of the library would have to read.
const laterFiles: Plugin = {
  name: 'later files',
  setup(build) {
    build.onResolve({ filter: /\/(?:audit-upkeep|maintenance|remote|ship)\.ts$/ }, ({ kind, path }) =>
      kind === 'dynamic-import' ? { path: `./spoor-${basename(path, '.ts')}.js`, external: true } : undefined,
    )
  },
}

const shared: Options = {
  sourcemap: true,
  target: 'node20',
  platform: 'node',
  removeNodeProtocol: false,
  splitting: true,
  treeshake: false,
  silent: true,
  esbuildOptions(options) {
    // The import of the plugin above is for the grouping alone.
    options.logOverride = { 'ignored-bare-import': 'silent' }
  },
  esbuildPlugins: [oneSharedFile, laterFiles],
}

const entry = {
  index: 'src/index.ts',
  express: 'src/middleware/express.ts',
  fastify: 'src/middleware/fastify.ts',
  http: 'src/middleware/http.ts',
  'cls-hooked': 'src/context/cls-hooked.ts',
  otel: 'src/transports/otel.ts',
  testing: 'src/testing/index.ts',
}
const alone = { reader: 'src/segments/read/reader.ts', audit: 'src/policy/audit/verify.ts' }

// spoor/pino is imported as pino is: a function that is module.exports in CommonJS, a default and names in ESM.
// Its types are pino's own: src/pino/*.d.ts are copied as they are.
export default defineConfig([
  {
    ...shared,
    format: 'esm',
    entry: { ...entry, pino: 'src/pino/index.ts' },
    clean: true,
    esbuildPlugins: [oneSharedFile, laterFiles, plainBuiltins],
  },
  {
    ...shared,
    format: 'cjs',
    entry: { ...entry, pino: 'src/pino/commonjs.ts' },
    cjsInterop: true,
    shims: true,
  },
  {
    ...shared,
    format: 'esm',
    entry: {
      ...alone,
      'spoor-thread': 'src/segments/thread.ts',
      'spoor-shipper': 'src/shipping/thread.ts',
      'spoor-cli': 'src/cli/main.ts',
      ...Object.fromEntries(Object.entries(LATER).map(([name, file]) => [`spoor-${name}`, file])),
    },
    splitting: false,
    esbuildPlugins: [plainBuiltins],
  },
  { ...shared, format: 'cjs', entry: alone, splitting: false, shims: true, esbuildPlugins: [] },
  {
    entry: { ...entry, ...alone },
    format: ['esm', 'cjs'],
    dts: { only: true },
  },
])
