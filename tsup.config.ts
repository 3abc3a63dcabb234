import { defineConfig } from 'tsup'

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    pino: 'src/pino/index.ts',
    express: 'src/middleware/express.ts',
    fastify: 'src/middleware/fastify.ts',
    http: 'src/middleware/http.ts',
    testing: 'src/testing/index.ts',
  },
  format: ['esm', 'cjs'],
  dts: true,
  splitting: true,
  sourcemap: true,
  clean: true,
  target: 'node20',
  platform: 'node',
})
