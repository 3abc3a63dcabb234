import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { expect, it, onTestFinished } from 'vitest'
import { temporaryDirectory } from '../support/temporary.ts'
import { listens } from './support/listens.ts'
import { poll } from './support/poll.ts'

const SUPPORT = join(import.meta.dirname, 'support')

/** A program that starts a server and knows of no test. */
function program(): string {
  const outfile = join(temporaryDirectory(), 'program.mjs')
  buildSync({
    entryPoints: [join(SUPPORT, 'orphan-program.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    define: { 'import.meta.dirname': JSON.stringify(SUPPORT) },
  })
  return outfile
}

it.each(['SIGKILL', 'SIGTERM'] as const)('leaves no server behind and no folder after %s', async (signal) => {
  const child = spawn(process.execPath, [program()], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [said] = await once(child.stdout, 'data')
  const { folder, tcpPort } = JSON.parse(String(said))
  expect([await listens(tcpPort), existsSync(folder)]).toEqual([true, true])
  child.kill(signal)
  await once(child, 'exit')
  await poll('the server to be gone', async () => !(await listens(tcpPort)))
  await poll('its folder to be gone', async () => !existsSync(folder))
})
