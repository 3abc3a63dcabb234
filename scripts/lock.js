// Completes package-lock.json with the builds for other platforms (Biome's, rollup's) that the registry in use did
// not offer when the lock was made: `npm ci` refuses a lock that leaves out an optional dependency. They are pinned
// by the version that their parent names, without integrity. Run it after every npm install.
// Usage: node scripts/lock.js [folder of the lock file]
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const file = join(resolve(process.argv[2] ?? '.'), 'package-lock.json')
const lock = JSON.parse(readFileSync(file, 'utf8'))
const platform =
  /-(?<os>android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32)-(?<cpu>\w+)(?:-(?<abi>\w+))?$/
let added = 0
for (const parent of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    const built = platform.exec(name)?.groups
    if (
      built === undefined ||
      Object.keys(lock.packages).some((path) => path.endsWith(`node_modules/${name}`))
    )
      continue
    const entry = { version, cpu: [built.cpu], optional: true, os: [built.os] }
    if (parent.dev) entry.dev = true
    if (built.os === 'linux') entry.libc = [built.abi?.startsWith('musl') ? 'musl' : 'glibc']
    lock.packages[`node_modules/${name}`] = entry
    added += 1
  }
}
const sorted = Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
lock.packages = Object.fromEntries(sorted)
if (added > 0) writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
console.log(`${file}: ${added} added`)
