// A fresh process for each measurement, with its answer by IPC.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))

/** Starts bench/`script`; its stdout goes to `stdout` where one is given, else nowhere; its stderr to ours or `stderr`. */
export function start(script, args, { stdout, stderr, execArgv = [] } = {}) {
  const out = openSync(stdout ?? '/dev/null', 'a')
  const err = stderr === undefined ? 'inherit' : openSync(stderr, 'a')
  const child = fork(here(script), args.map(String), {
    stdio: ['ignore', out, err, 'ipc'],
    execArgv,
    cwd: here('.'),
    // A terminal's or a service's settings are not part of what is compared.
    env: { PATH: process.env.PATH, NODE_ENV: 'production' },
  })
  closeSync(out)
  if (err !== 'inherit') closeSync(err)
  return child
}

/** The first message that a child sends; a child that ends without one is an error. */
export async function answer(child, what) {
  const ended = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`${what} ended (${signal ?? code}) without an answer: its own error is above`)
  })
  const [message] = await Promise.race([once(child, 'message'), ended])
  return message
}

/** Starts a script, waits for its answer and its end. */
export async function ask(script, args, options) {
  const child = start(script, args, options)
  const exited = once(child, 'exit')
  const message = await answer(child, `${script} ${args.join(' ')}`)
  await exited
  return message
}
