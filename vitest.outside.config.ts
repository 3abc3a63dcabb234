import { defineConfig } from 'vitest/config'

// The suites that need more than Node: packages of their own (agents, consumers), root and Debian (system), or real
// servers, built with Go and Maven (backends).
// They are named on the command line: vitest run -c vitest.outside.config.ts --dir test/system
export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: ['**/node_modules/**'],
    pool: 'forks',
    setupFiles: ['./test/support/setup.ts'],
    reporters: ['default', './scripts/lib/vitest-counts.js'],
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
})
