import { spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

// Reads until this process is gone, however it went. A server that dies with it may still write for a moment.
const REMOVE = 'cat; for i in 1 2 3 4 5 6 7 8 9; do rm -rf -- "$1" && exit; sleep 1; done'

/** A temporary folder that goes when this process ends, also by SIGKILL. */
export function serverFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `spoor-${name}-`))
  const remover = spawn('sh', ['-c', REMOVE, 'sh', folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  remover.unref()
  // It keeps nobody alive; a test that ends must be able to.
  ;(remover.stdin as unknown as { unref(): void }).unref()
  return folder
}
