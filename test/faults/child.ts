import { type ChildProcess, spawn } from 'node:child_process'
import { afterAll, beforeAll } from 'vitest'
import { type Bundle, bundleTransports } from '../support/bundle.ts'

/** What a child left when it was over. */
export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

/** The transports as a bundle for this file's child processes. */
export function withBundle(): () => Bundle {
  let bundle: Bundle | undefined
  beforeAll(() => {
    bundle = bundleTransports()
  })
  afterAll(() => bundle?.remove())
  return () => bundle as Bundle
}

/** Collects what a child says until it is over. */
export function ended(child: ChildProcess): Promise<Ended> {
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (chunk) => (stdout += chunk))
  child.stderr?.on('data', (chunk) => (stderr += chunk))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
}

/** Runs a script in a Node of its own. */
export function run(script: string, args: readonly string[] = []): Promise<Ended> {
  return ended(spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'pipe'] }))
}

/** Resolves when the stream has said `text`. */
export function said(stream: NodeJS.ReadableStream, text: string): Promise<string> {
  let all = ''
  return new Promise((resolve, reject) => {
    stream.on('data', (chunk) => {
      all += chunk
      if (all.includes(text)) resolve(all)
    })
    stream.on('close', () => reject(new Error(`it ended without saying '${text}': ${all}`)))
  })
}
