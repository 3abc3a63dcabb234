import { type Core, cellSym, serializersOf, type Voice, voiceSym } from './core.ts'
import { checkChildRedact } from './guarding.ts'
import { CUT_KEY, endCuts, hasCuts, startCuts } from './line/cuts.ts'
import type { Serializers } from './line/fields.ts'
import { type Guard, hidesKey } from './line/guard.ts'
import { writeHiddenMember } from './line/hidden.ts'
import { type Pair, splitPairs, textOfPairs } from './line/pairs.ts'
import { startWalk, writeValue } from './line/value.ts'
import { writeThrown } from './line/walk.ts'
import { redacts, redactText } from './redaction.ts'
import { chindingsSym, formattersSym, msgPrefixSym, serializersSym } from './slots.ts'
import type { ChildOptions, Fields } from './types.ts'

type ProtoChild = (this: Core, bindings: object, options?: object) => Core
type AddLevels = (to: object, levels: Readonly<Record<string, number>>) => void
type BindingsFormatter = (bindings: object) => object

/** Names that pino never takes as bindings. */
const NOT_BINDINGS = new Set(['level', 'serializers', 'formatters', 'customLevels'])

const noop = (): void => {}

/**
 * Makes `child` for loggers whose pino prototype has `protoChild`.
 *
 * @param addLevels gives a logger the methods of levels of its own
 */
export function makeChild(protoChild: ProtoChild, standardError: unknown, addLevels: AddLevels) {
  function child(this: Core, bindings: object | undefined, options?: ChildOptions): Core {
    const parent = this[voiceSym]
    if (options?.redact !== undefined) checkChildRedact(options.redact)
    const made = isEmpty(options) ? Object.create(this) : withOptions(this, options as ChildOptions)
    const serializers = made[serializersSym] as Serializers
    const own = { ...parent, component: undefined } satisfies Voice
    made[voiceSym] = own
    if (!isEmpty(options)) applyOptions(made, own, serializers, options as ChildOptions)
    setBindingsText(made, bindings ?? {}, options?.formatters?.bindings as BindingsFormatter | undefined)
    const { onChild } = this as unknown as { onChild?: (made: Core) => void }
    if (onChild !== undefined && onChild !== noop) callOnChild(made, onChild)
    return made
  }

  function withOptions(core: Core, options: ChildOptions): Core {
    const { onChild } = core as unknown as { onChild?: unknown }
    const view = core as unknown as { onChild: unknown }
    const shadowed = Object.hasOwn(core, 'onChild')
    // pino would tell onChild of a child that is not finished yet.
    view.onChild = noop
    try {
      return protoChild.call(core, {}, { ...options, msgPrefix: textOr(options.msgPrefix) })
    } finally {
      if (shadowed) view.onChild = onChild
      else delete (view as { onChild?: unknown }).onChild
    }
  }

  function applyOptions(made: Core, own: Voice, serializers: Serializers, options: ChildOptions): void {
    own.serializers = customSerializers(serializers, standardError)
    own.msgPrefix = (made as unknown as Record<symbol, string | undefined>)[msgPrefixSym]
    own.callerSkip = options.callerSkip ?? own.callerSkip
    own.redacts = (options.redact !== undefined && options.redact !== null) || own.redacts
    own.direct = isDirect(made, own)
    if (options.customLevels) addLevels(made, options.customLevels as Record<string, number>)
  }

  return child
}

/** Whether a logger's records may be written without passing through pino. */
export function isDirect(core: Core, voice: Voice): boolean {
  const { messageKey } = voice.pipeline.schema
  return (
    !voice.redacts && core[formattersSym].log === undefined && voice.serializers?.[messageKey] === undefined
  )
}

function isEmpty(options: object | undefined | null): boolean {
  if (options === undefined || options === null) return true
  for (const _key in options) return false
  return true
}

function textOr(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** The serializers that a user gave; undefined where only pino's standard one for errors stands. */
export function customSerializers(all: Serializers, standardError: unknown): Serializers | undefined {
  const custom: Record<string, (value: unknown) => unknown> = Object.create(null)
  let some = false
  for (const key of Object.keys(all)) {
    const serializer = all[key]
    if (serializer === undefined || serializer === standardError) continue
    custom[key] = serializer
    some = true
  }
  return some ? custom : undefined
}

function callOnChild(made: Core, onChild: (made: Core) => void): void {
  try {
    onChild.call(made, made)
  } catch (thrown) {
    made[voiceSym].pipeline.fail('onChild threw', thrown)
  }
}

/** Adds bindings to a logger's serialised ones; a later one overrides an earlier one of the same name. */
export function setBindingsText(core: Core, bindings: object, format?: BindingsFormatter): void {
  const added = bindingPairs(core, bindings, format)
  const raw = core[chindingsSym]
  const names = new Set(added.map(({ name }) => name))
  const clash = raw !== '' && splitPairs(raw).some(({ name }) => names.has(name))
  const kept = clash ? textOfPairs(splitPairs(raw).filter(({ name }) => !names.has(name))) : raw
  core[chindingsSym] = kept + textOfPairs(added)
}

function bindingPairs(core: Core, bindings: object, format?: BindingsFormatter): Pair[] {
  const { pipeline } = core[voiceSym]
  const serializers = serializersOf(core)
  const hidden = redacts(core)
  const { guard } = pipeline.schema
  const outer = startCuts()
  const pairs: Pair[] = []
  let source = bindings as Fields
  try {
    if (format !== undefined) source = format(bindings) as Fields
    for (const key of Object.keys(source)) {
      if (NOT_BINDINGS.has(key)) continue
      const text = bindingText(source, key, serializers?.[key], guard)
      const value = text !== undefined && hidden ? redactText(core, key, text) : text
      if (value !== undefined) pairs.push({ name: key, value })
    }
  } catch (thrown) {
    pipeline.fail('bindings could not be read whole', thrown)
  }
  if (hasCuts()) pairs.push({ name: CUT_KEY, value: 'true' })
  endCuts(outer)
  return pairs
}

function bindingText(
  from: Fields,
  key: string,
  serializer: ((value: unknown) => unknown) | undefined,
  guard: Guard,
): string | undefined {
  try {
    const value = from[key]
    const shown = serializer === undefined || value === undefined ? value : serializer(value)
    return hidesKey(guard, key)
      ? writeHiddenMember(shown, startWalk(guard), key)
      : writeValue(shown, guard, key)
  } catch (thrown) {
    return writeThrown(thrown, guard)
  }
}

/** pino's setBindings: changes this logger, not its children made before. */
export function setBindings(this: Core, bindings: object): void {
  if (!Object.hasOwn(this, voiceSym)) this[voiceSym] = { ...this[voiceSym] }
  const root = this[voiceSym].component === ''
  const format = root || Object.hasOwn(this, formattersSym) ? this[formattersSym].bindings : undefined
  setBindingsText(this, bindings ?? {}, format)
}

/** Gives a logger a threshold of its own, which the children that have none follow. */
export function setOwnLevel(core: Core, value: number): void {
  const cell = { value: core[voiceSym].pipeline.levels.gate(value), level: value }
  if (Object.hasOwn(core, cellSym)) Object.assign(core[cellSym], cell)
  else core[cellSym] = cell
}
