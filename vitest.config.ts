import { defineConfig } from 'vitest/config'

// A shell's own settings must not change what the tests see.
for (const name of Object.keys(process.env)) if (name.startsWith('LOG_')) delete process.env[name]

// A guard against a test that hangs; a full run repeats things many thousand times.
const limit = process.env.SPOOR_FULL ? 6 * 3600_000 : 60_000

// What `npm test` runs: needs Node and nothing else. The suites left out here have vitest.outside.config.ts.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [
      '**/node_modules/**',
      'test/system/**',
      'test/agents/**',
      'test/consumers/**',
      'test/backends/**',
    ],
    pool: 'forks',
    setupFiles: ['./test/support/setup.ts'],
    reporters: ['default', './scripts/lib/vitest-counts.js'],
    testTimeout: limit,
    hookTimeout: limit,
    typecheck: {
      enabled: process.env.SPOOR_TYPES !== 'off',
      include: ['test/types/**/*.test-d.ts'],
      tsconfig: './tsconfig.json',
      // tsc itself is a step of its own.
      ignoreSourceErrors: true,
    },
  },
})
