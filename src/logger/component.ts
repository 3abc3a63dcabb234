import { type Core, type Voice, voiceSym } from './core.ts'
import { splitPairs } from './line/pairs.ts'
import { chindingsSym } from './slots.ts'

interface Named {
  /** The bindings' text that it was read from. */
  readonly raw: string
  readonly component: string
}

const names = new WeakMap<Voice, Named>()

/** The component of a logger, as its records say it; '' where they name none. */
export function componentOf(core: Core): string {
  const raw = core[chindingsSym]
  if (raw === '') return ''
  const voice = core[voiceSym]
  const known = names.get(voice)
  if (known !== undefined && known.raw === raw) return known.component
  const component = readComponent(raw)
  names.set(voice, { raw, component })
  return component
}

function readComponent(raw: string): string {
  if (!raw.includes('"component":')) return ''
  const last = splitPairs(raw).findLast(({ name }) => name === 'component')
  const value: unknown = last === undefined ? '' : JSON.parse(last.value)
  return typeof value === 'string' ? value : ''
}
