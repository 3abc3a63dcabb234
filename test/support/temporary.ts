import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, onTestFinished } from 'vitest'

/** A directory that is removed when the test ends. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'spoor-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** The same for a whole file of tests: to be called outside of them. */
export function directoryOfFile(): string {
  const directory = mkdtempSync(join(tmpdir(), 'spoor-'))
  afterAll(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}
