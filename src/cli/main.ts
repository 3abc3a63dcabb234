#!/usr/bin/env node
import { nearest } from '../config/nearest.ts'
import { visible } from '../config/visible.ts'
import { VERSION } from '../logger/version.ts'
import { complain } from './ship/say.ts'
import { isUsage, usageError } from './ship/usage.ts'
import { ship } from './ship.ts'
import { verify } from './verify.ts'

const WRONG = 2
const PATIENCE_MS = 1000

/** The verbs, each with what it does; each is a file of this room. */
const VERBS: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = { ship, verify }

const HELP = `spoor <verb>

  ship    ship logs that others write, as they grow and are rotated
  verify  tell whether an audit log is as it was written

spoor <verb> --help says more.
`

async function main([verb, ...args]: readonly string[]): Promise<number> {
  if (verb === '--version' || verb === '-v') return print(`${VERSION}\n`)
  if (verb === undefined || verb === '--help' || verb === '-h' || verb === 'help') return print(HELP)
  const run = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined
  if (run !== undefined) return run(args)
  const meant = nearest(verb, Object.keys(VERBS))
  const advice = meant === undefined ? '' : ` Did you mean ${meant}?`
  throw usageError(
    `${visible(verb)} is not a verb of spoor's, expected ${Object.keys(VERBS).join(', ')}.${advice} spoor --help lists them.`,
  )
}

function print(text: string): number {
  process.stdout.write(text)
  return 0
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  complain(isUsage(error) ? error.message : String((error as Error)?.stack ?? error))
  process.exitCode = WRONG
}
// All is done: whatever is still open must not hold the process.
setTimeout(() => process.exit(), PATIENCE_MS).unref()
