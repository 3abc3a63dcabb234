// Runs every check of the project, one after the other, and sums what they counted.
// Usage: node scripts/steps.js [--full [test file…]]
// Without --full: what .ci/run needs, random things a few times. With it: the full numbers of runs (SPOOR_RUNS and its
// kin change them), of everything or of the named tests, and the results in docs/evidence.md. SPOOR_SEED repeats the
// random choices of an earlier run; SPOOR_STEPS=a,b runs those alone.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { writeEvidence } from './lib/evidence.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const { values, positionals: files } = parseArgs({
  options: { full: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const seed = Number(process.env.SPOOR_SEED ?? Date.now() % 0x7fffffff)
const limit = values.full ? 6 * 3600 : 15 * 60
const numbers = values.full
  ? { SPOOR_RUNS: '5000', SPOOR_RUNS_HOSTILE: '100000', SPOOR_RUNS_KILL: '200', SPOOR_FULL: '1' }
  : { SPOOR_RUNS_HOSTILE: '2000' }
const env = { ...numbers, ...process.env, SPOOR_SEED: String(seed) }

const signals = ['SIGINT', 'SIGTERM']
const quick = values.full ? [] : ['--quick']
const outside = ['vitest', 'run', '-c', 'vitest.outside.config.ts', '--dir']
// Name, command, arguments, and a limit in seconds where it may be longer than that of the others.
const all = [
  ['build', 'npm', ['run', 'build']],
  ['lint and format', 'npx', ['biome', 'ci', '--colors=off', '.']],
  ['layers', 'node', ['scripts/layers.js']],
  ['types', 'npx', ['tsc', '--noEmit']],
  ['tests', 'npx', ['vitest', 'run']],
  ['system packages', 'bash', ['scripts/system-packages.sh']],
  ['system', 'npx', [...outside, 'test/system']],
  ['consumers', 'npx', [...outside, 'test/consumers']],
  // Downloads, and on 2 cores 8 min for a cold build.
  ['backends build', 'bash', ['test/backends/servers/build.sh'], 3600],
  ['backends', 'npx', [...outside, 'test/backends']],
  ['agents', 'node', ['scripts/agents.js']],
  ["pino's tests on pino", 'node', ['scripts/pino-tests.js', '--target', 'pino']],
  ["pino's tests on spoor", 'node', ['scripts/pino-tests.js']],
  ['examples', 'node', ['scripts/examples.js']],
  // All tests on three or four versions.
  ['nodes', 'node', ['scripts/nodes.js', ...quick], 3600],
  ['floods and buffers', 'node', ['bench/policy.js', ...quick]],
  // Shipping beside its peers takes ten minutes more, whatever the sizes: their pushes come every 5 s.
  [
    'bench',
    'npm',
    ['run', 'bench', '--', ...(values.full ? [] : ['--quick', '--only', 'records,http,imports,files'])],
    2 * 3600,
  ],
]

const isOutside = (file) => /^test\/(?:system|consumers|backends)\//.test(file)
const named = files.map((file) => [
  file,
  'npx',
  isOutside(file) ? [...outside.slice(0, -1), file] : ['vitest', 'run', '--typecheck.enabled=false', file],
])
const steps = files.length > 0 ? [['build', 'npm', ['run', 'build']], ...named] : all

const wanted = process.env.SPOOR_STEPS?.split(',')
const results = []
console.log(`seed ${seed} (repeat with SPOOR_SEED=${seed})`)
for (const [name, command, args, seconds = limit] of steps) {
  if (wanted !== undefined && !wanted.includes(name)) continue
  results.push(await step(name, command, args, Math.max(limit, seconds)))
}
const passed = results.reduce((sum, result) => sum + result.passed, 0)
const failed = results.reduce((sum, result) => sum + result.failed, 0)
console.log('')
for (const result of results) {
  console.log(
    `${result.name.padEnd(24)} ${result.passed} passed, ${result.failed} failed (${result.seconds} s)`,
  )
}
if (values.full) writeEvidence(root, results, env)
console.log(`seed ${seed}`)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 && results.length > 0 ? 0 : 1

/** A step that counts nothing counts as one; one that ends badly without a failure of its own as one failure. */
async function step(name, command, args, limit) {
  console.log(`\n=== ${name}: ${command} ${args.join(' ')}`)
  const counts = join(mkdtempSync(join(tmpdir(), 'spoor-step-')), 'counts')
  writeFileSync(counts, '')
  const begun = Date.now()
  const ok = await run(command, args, limit, { ...env, SPOOR_COUNTS: counts })
  let passed = 0
  let failed = 0
  for (const line of readFileSync(counts, 'utf8').split('\n').filter(Boolean)) {
    const [more, worse] = line.split(' ').map(Number)
    passed += more
    failed += worse
  }
  if (!ok && failed === 0) failed = 1
  if (ok && passed === 0 && failed === 0) passed = 1
  return { name, passed, failed, seconds: Math.round((Date.now() - begun) / 1000) }
}

/** Runs the command in a process group of its own, so that one that hangs can be ended with all it started. */
function run(command, args, limit, env) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, env, stdio: 'inherit', detached: true })
    const guard = setTimeout(() => {
      console.error(`${command} ${args.join(' ')}: not done after ${limit} s; ended`)
      process.kill(-child.pid, 'SIGKILL')
    }, limit * 1000)
    const stop = () => {
      process.kill(-child.pid, 'SIGKILL')
      process.exit(130)
    }
    for (const signal of signals) process.on(signal, stop)
    const end = (ok) => {
      clearTimeout(guard)
      for (const signal of signals) process.off(signal, stop)
      resolve(ok)
    }
    child.on('error', (err) => {
      console.error(`${command}: ${err.message}`)
      end(false)
    })
    child.on('exit', (code) => end(code === 0))
  })
}
