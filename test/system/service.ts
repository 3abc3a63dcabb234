import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest'
import type { FileStats, FileTransportOptions } from '../../src/transports/file.ts'

export interface ServiceOptions {
  /** Of its file transport. */
  readonly options: FileTransportOptions
  /** Its name in its records. @default 'a' */
  readonly who?: string
  /** Records in each event-loop turn. @default 5 */
  readonly perTurn?: number
  /** Ms between turns; 0 for as fast as they come. @default 1 */
  readonly pace?: number
  /** Level numbers, taken in turns. @default 10 to 60 */
  readonly levels?: readonly number[]
  /** Records after which it logs no more. @default none */
  readonly most?: number
  /** The user and group that it becomes. @default this process's */
  readonly user?: number
  /** What it is started by, such as strace. */
  readonly under?: readonly string[]
}

/** What program.ts is given. */
export type Given = Required<Omit<ServiceOptions, 'user' | 'under'>> & Pick<ServiceOptions, 'user'>

/** What it can be asked, by `what`: see its conditions and actions. */
export interface Question {
  readonly id: number
  readonly what: string
  readonly count?: number
  readonly code?: string
  readonly perTurn?: number
  readonly ms?: number
}

export interface State extends FileStats {
  /** Records handed to the transport. */
  readonly written: number
  /** Turns of the event loop. */
  readonly turns: number
}

export interface Service {
  readonly pid: number
  /** Resolves when what was asked is so. */
  ask(what: string, more?: Omit<Question, 'id' | 'what'>): Promise<State>
  /** Closes the transport and waits for the process, which must end by itself, with code 0. */
  end(): Promise<State & { readonly stderr: string }>
}

/** Starts services for the tests of a file. */
export function services(): (options: ServiceOptions) => Service {
  const built = programs({
    service: 'test/system/program.ts',
    'spoor-thread': 'src/segments/thread.ts',
  })
  return (options) => start(join(built(), 'service.js'), options)
}

/** Builds programs into a directory of plain JavaScript, by the name that each has there. */
export function programs(entries: Readonly<Record<string, string>>): () => string {
  let directory = ''
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'spoor-programs-'))
    // For services of other users.
    chmodSync(directory, 0o755)
    buildSync({
      absWorkingDir: join(import.meta.dirname, '../..'),
      entryPoints: { ...entries },
      outdir: directory,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      logLevel: 'error',
      // For what is CommonJS in it: pino.
      banner: {
        js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
      },
    })
    writeFileSync(join(directory, 'package.json'), '{"type":"module"}')
  })
  afterAll(() => rmSync(directory, { recursive: true, force: true }))
  return () => directory
}

function start(script: string, options: ServiceOptions): Service {
  const given: Given = {
    who: 'a',
    perTurn: 5,
    pace: 1,
    levels: [10, 20, 30, 40, 50, 60],
    most: Number.MAX_SAFE_INTEGER,
    ...options,
  }
  const [command, ...args] = [...(options.under ?? []), process.execPath, script, JSON.stringify(given)]
  const child = spawn(command as string, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
  onTestFinished(() => {
    if (child.connected) child.disconnect()
    child.kill('SIGKILL')
  })
  return watch(child)
}

function watch(child: ChildProcess): Service {
  const answers = new Map<number, { resolve(state: State): void; reject(error: Error): void }>()
  let asked = 0
  let stderr = ''
  child.stderr?.on('data', (chunk) => (stderr += chunk))
  child.on('message', ({ id, state }: { id: number; state: State }) => {
    answers.get(id)?.resolve(state)
    answers.delete(id)
  })
  const over = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.on('close', (code, signal) => {
      for (const { reject } of answers.values()) reject(new Error(`the service has ended: ${stderr}`))
      resolve({ code, signal })
    })
  })
  const ask: Service['ask'] = (what, more) =>
    new Promise((resolve, reject) => {
      const id = asked++
      answers.set(id, { resolve, reject })
      child.send({ id, what, ...more }, (error) => {
        if (error !== null) reject(error)
      })
    })
  return {
    pid: child.pid as number,
    ask,
    async end() {
      const state = await ask('end')
      expect(await over, stderr).toEqual({ code: 0, signal: null })
      return { ...state, stderr }
    },
  }
}
