import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { onTestFinished } from 'vitest'
import { type FakeAnswer, type FakeRequest, startFakeHttp } from '../shipping/fakes/http.ts'
import { parseLines } from '../support/strict-json.ts'

const ROOT = join(import.meta.dirname, '../..')

/** The command as one file, as the build makes it. */
export function bundleCommand(): { path: string; remove(): void } {
  const cache = join(ROOT, 'node_modules/.cache')
  mkdirSync(cache, { recursive: true })
  const directory = mkdtempSync(join(cache, 'spoor-cli-'))
  const path = join(directory, 'spoor-cli.mjs')
  buildSync({
    entryPoints: [join(ROOT, 'src/cli/main.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    outfile: path,
    logLevel: 'error',
  })
  return { path, remove: () => rmSync(directory, { recursive: true, force: true }) }
}

/** A command that was started. */
export interface Command {
  readonly child: ChildProcess
  readonly pid: number
  /** What it has written so far. */
  readonly stderr: string
  readonly stdout: string
  /** Resolves when stderr has that. @throws what it wrote if it ends before */
  says(wanted: RegExp | string): Promise<RegExpMatchArray>
  /** Resolves with the exit code, or the signal's name. */
  readonly ended: Promise<number | string>
}

/** Starts it with that environment and no other; it is killed when the test ends. */
export function start(
  path: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  cwd?: string,
): Command {
  const child = spawn(process.execPath, [path, ...args], { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  let stderr = ''
  let stdout = ''
  let hear = (): void => {}
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
    hear()
  })
  let isOver = false
  const ended = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => {
      isOver = true
      resolve(code ?? signal ?? 'nothing')
      hear()
    })
  })
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  return {
    child,
    pid: child.pid ?? 0,
    get stderr() {
      return stderr
    },
    get stdout() {
      return stdout
    },
    async says(wanted) {
      for (;;) {
        const found = stderr.match(wanted)
        if (found !== null) return found
        if (isOver) throw new Error(`it ended without saying ${wanted}:\n${stderr}`)
        await new Promise<void>((resolve) => {
          hear = resolve
        })
      }
    },
    ended,
  }
}

/** A receiver of JSON lines. */
export interface Sink {
  /** `--to` of it. */
  readonly to: string
  readonly url: string
  /** Records that were taken, in the order of their coming. */
  readonly records: Record<string, unknown>[]
  readonly requests: FakeRequest[]
  /** What the next requests get; undefined for 204. */
  answer: (request: FakeRequest, records: readonly Record<string, unknown>[]) => FakeAnswer | undefined
  /** Resolves when this holds; it is asked after each request. */
  until(holds: () => boolean): Promise<void>
}

export async function startSink(): Promise<Sink> {
  const records: Record<string, unknown>[] = []
  const requests: FakeRequest[] = []
  let waiters: { holds: () => boolean; resolve: () => void }[] = []
  let url = ''
  const sink: Sink = {
    get to() {
      return `ndjson=${url}`
    },
    get url() {
      return url
    },
    records,
    requests,
    answer: () => undefined,
    until(holds) {
      if (holds()) return Promise.resolve()
      return new Promise((resolve) => {
        waiters.push({ holds, resolve })
      })
    },
  }
  const server = await startFakeHttp((request) => {
    requests.push(request)
    const came = parseLines(request.body.toString())
    const answer = sink.answer(request, came) ?? { status: 204 }
    if (answer.status < 300) records.push(...came)
    const woken = waiters.filter(({ holds }) => holds())
    waiters = waiters.filter((waiter) => !woken.includes(waiter))
    for (const { resolve } of woken) setImmediate(resolve)
    return answer
  })
  url = server.url.href
  onTestFinished(() => server.close())
  return sink
}

/** Numbered lines. */
export function lines(from: number, to: number): string {
  let text = ''
  for (let n = from; n < to; n++)
    text += `${JSON.stringify({ time: 1_795_000_000_000 + n, level: 30, msg: 'm', n })}\n`
  return text
}

export function numbersOf(records: readonly Record<string, unknown>[]): number[] {
  return records.map(({ n }) => n as number)
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i)
}
