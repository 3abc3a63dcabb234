import { defineConfig, type Options } from 'tsup'

const shared: Options = {
  sourcemap: true,
  target: 'node20',
  platform: 'node',
  splitting: true,
  treeshake: false,
}

const entry = {
  index: 'src/index.ts',
  express: 'src/middleware/express.ts',
  fastify: 'src/middleware/fastify.ts',
  http: 'src/middleware/http.ts',
  testing: 'src/testing/index.ts',
}

// spoor/pino is imported as pino is: a function that is module.exports in CommonJS, a default and names in ESM.
// Its types are pino's own: src/pino/*.d.ts are copied as they are.
export default defineConfig([
  { ...shared, format: 'esm', entry: { ...entry, pino: 'src/pino/index.ts' }, clean: true },
  { ...shared, format: 'cjs', entry: { ...entry, pino: 'src/pino/commonjs.ts' }, cjsInterop: true, shims: true },
  {
    entry,
    format: ['esm', 'cjs'],
    dts: { only: true },
  },
])
