import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Hopeless, poll } from './poll.ts'

/** A real server, in a process of its own, that lives no longer than the process that started it. */
export interface Server {
  /** Everything that it keeps, and `server.log`; removed with the process that started it. */
  readonly folder: string
  /** Of the running process; undefined while there is none. */
  readonly pid: number | undefined
  /** SIGTERM, then waits until it has ended. Does nothing if it has. */
  stop(): Promise<void>
  /** SIGKILL, then waits until it has ended. Does nothing if it has. */
  kill(): Promise<void>
  /** Stops it if it runs, and starts it again on the same data and ports; resolves when it is ready. */
  restart(): Promise<void>
  /** What it wrote to stdout and stderr so far, all of its lives. */
  log(): string
}

export interface ServerOptions {
  readonly name: string
  readonly folder: string
  readonly command: readonly string[]
  readonly env?: Readonly<Record<string, string>> | undefined
  /** Whether it answers now: asked again and again until it says true. */
  readonly ready: () => Promise<boolean>
}

/** Resolves when it is ready; rejects with its log if it ends before. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { name, folder } = options
  const logFile = join(folder, 'server.log')
  const log = () => readFileSync(logFile, 'utf8')
  let child: ChildProcess | undefined

  async function start(): Promise<void> {
    child = launch(options, logFile)
    const started = child
    let failure: Error | undefined
    started.once('error', (error) => {
      failure = error
    })
    await poll(`${name} to be ready`, async () => {
      if (failure !== undefined) throw new Hopeless(`${name} can't be started: ${failure.message}`)
      if (ended(started)) throw new Hopeless(`${name} ended before it was ready: ${log().slice(-4000)}`)
      return options.ready()
    })
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const ending = child
    child = undefined
    if (ending === undefined || ended(ending)) return
    const over = once(ending, 'exit')
    ending.kill(signal)
    await over
  }

  await start()
  const stop = () => end('SIGTERM')
  return {
    folder,
    get pid() {
      return child?.pid
    },
    stop,
    kill: () => end('SIGKILL'),
    async restart() {
      await stop()
      await start()
    },
    log,
  }
}

function launch({ command, env }: ServerOptions, logFile: string): ChildProcess {
  const output = openSync(logFile, 'a')
  try {
    // The kernel kills it when this process goes, whatever the reason: no hook of ours would run after a SIGKILL.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...command], {
      env: { ...process.env, ...env },
      stdio: ['ignore', output, output],
    })
    child.unref()
    return child
  } finally {
    closeSync(output)
  }
}

function ended(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}
