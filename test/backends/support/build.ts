import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

/** The servers that servers/build.sh makes. */
export type Built = 'loki' | 'otelcol' | 'opensearch'

/** For a `beforeAll` that starts a server: nothing but a cold build takes that long (Loki, 5 min on 2 cores). */
export const START_LIMIT_MS = 45 * 60_000

const SCRIPT = join(import.meta.dirname, '../servers/build.sh')
const builds = new Map<Built, Promise<void>>()

/** Where the servers are built to. */
export function cache(): string {
  return process.env.BACKENDS_DIR ?? join(homedir(), '.cache/spoor-backends')
}

/** Builds a server that the cache does not hold yet. Rejects with what the build said if it fails. */
export function build(server: Built): Promise<void> {
  const building = builds.get(server) ?? run(server)
  builds.set(server, building)
  return building
}

async function run(server: Built): Promise<void> {
  // One whose test run is ended goes on to its end: the next run finds the result.
  const child = spawn('bash', [SCRIPT, server], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [said, complained, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  if (code !== 0) throw new Error(`servers/build.sh ${server} failed (${code}): ${said}${complained}`)
}
