// Installs the real agents and the packed spoor beside them, and compares what each sees of pino and of spoor.
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installed, pack, sh } from './lib/install.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const agents = join(root, 'test/agents')
installed(agents)
installed(join(agents, 'apps/newer'))
// What users install is the tarball; a link to this folder would bring its own pino.
const target = join(agents, 'node_modules/spoor')
rmSync(target, { recursive: true, force: true })
mkdirSync(target)
sh('tar', ['-xzf', pack(root), '-C', target, '--strip-components=1'])
const vitest = [
  'vitest',
  'run',
  '-c',
  'vitest.outside.config.ts',
  '--dir',
  'test/agents',
  ...process.argv.slice(2),
]
sh('npx', vitest, { cwd: root })
