import pino from 'pino'
import { isAsJsonRewritten } from '../logger/agents.ts'
import { asJsonSym } from '../logger/slots.ts'
import { makeAsJson } from './as-json.ts'
import { guard } from './guard.ts'
import { groundSym, type Instance, prefixSym } from './instance.ts'
import { lineRedactor } from './redact.ts'

/**
 * pino's factory: the same signature, options, line format and levels. What is made carries the scope on its
 * lines, writes every key once, and never throws out of a log call. docs/pino.md lists each difference.
 */
export const spoorPino: typeof pino = Object.assign(
  function spoorPino(...args: unknown[]) {
    const made = (pino as unknown as (...args: unknown[]) => unknown)(...args)
    const instance = made as Instance
    const below = instance[asJsonSym]
    instance[prefixSym] = undefined
    instance[groundSym] = { prefix: undefined }
    const wrapped = Object.hasOwn(instance, asJsonSym) || isAsJsonRewritten()
    instance[asJsonSym] = makeAsJson(below, wrapped, lineRedactor(process.env))
    guard(made as never)
    return made
  } as unknown as typeof pino,
  pino,
)

Object.assign(spoorPino, { default: spoorPino, pino: spoorPino })
