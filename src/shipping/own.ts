import { optionError } from '../config/errors.ts'
import type { Destination } from './destination.ts'
import type { Preset } from './preset.ts'

const NUMBERS = ['maxBytes', 'maxCount', 'concurrency'] as const

/**
 * A preset or destination of the user's own has what shipping stands on: without a bound nothing would ever be read,
 * and nobody would be told.
 *
 * @param option whose value it is
 * @throws TypeError ERR_SPOOR_OPTION
 */
export function assertOwn(option: string, own: Preset | Destination): void {
  const refuse = (name: string, expected: string): never => {
    throw optionError({ option: `${option}.${name}`, value: (own as never)[name], expected })
  }
  if (typeof own.name !== 'string' || own.name === '') refuse('name', "the back end's name")
  for (const name of NUMBERS) {
    const value: unknown = own[name]
    if (typeof value !== 'number' || !(value >= 1)) refuse(name, 'a number, 1 or more')
  }
  for (const name of 'encode' in own ? ['encode', 'judge'] : ['send'])
    if (typeof (own as never)[name] !== 'function') refuse(name, 'a function')
}
