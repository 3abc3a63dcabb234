import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Runs a command with its output on the terminal; throws where it fails. */
export function sh(command, args, options = {}) {
  const done = spawnSync(command, args, { stdio: 'inherit', ...options })
  if (done.error) throw done.error
  if (done.status !== 0)
    throw new Error(`${command} ${args.join(' ')} ended with ${done.status ?? done.signal}`)
}

/** Runs `npm ci` in `dir` unless what is installed there is what its lock file asks for. */
export function installed(dir) {
  const lock = join(dir, 'package-lock.json')
  const stamp = join(dir, 'node_modules/.spoor-lock')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === readFileSync(lock, 'utf8')) return
  sh('npm', ['ci', '--no-fund', '--no-audit', '--loglevel=error'], { cwd: dir })
  copyFileSync(lock, stamp)
}

/** Packs the built package as `npm publish` would; returns the tarball's path in a new temporary folder. */
export function pack(root) {
  if (!existsSync(join(root, 'dist/index.js'))) throw new Error('dist is missing: run `npm run build` first')
  const dir = mkdtempSync(join(tmpdir(), 'spoor-pack-'))
  const done = spawnSync('npm', ['pack', '--json', '--loglevel=error', '--pack-destination', dir], {
    cwd: root,
    encoding: 'utf8',
  })
  if (done.status !== 0) throw new Error(`npm pack failed: ${done.stderr}`)
  return join(dir, readdirSync(dir)[0])
}
