import { types } from 'node:util'
import { noteCut } from './cuts.ts'
import { writeError } from './errors.ts'
import { type Guard, guarded, guardedKey, OPEN_GUARD } from './guard.ts'
import { hidingName, isHeaderList, writeHidden, writeHiddenMember } from './hidden.ts'
import { quote, quoteKey } from './text.ts'
import { type Walk, writeThrown } from './walk.ts'

/** Values in one field: an object graph with shared parts would else grow exponentially. */
const MAX_NODES = 10_000
/** So many listed keys count as one value. */
export const KEYS_PER_VALUE = 64
const BUFFER_PREVIEW = 32

/** Objects and lists that were cut before, and end with the mark: they are written whole. */
const cut = new WeakSet<object>()

/** Tells that what JSON.parse gave of a value's text was cut where it is longer than `keys`. */
export function markCut(parsed: unknown, keys: number): void {
  if (typeof parsed !== 'object' || parsed === null) return
  const parts = Object.values(parsed)
  if (parts.length > keys) cut.add(parsed)
  for (const part of parts) markCut(part, keys)
}

/** Tells that an object was cut already, and is written as it is. */
export function markWhole(object: object): void {
  cut.add(object)
}

export function isWhole(object: object): boolean {
  return cut.has(object)
}

/** An Error of this realm or another's; a proxy whose traps throw is none. */
export function isError(value: unknown): value is Error {
  if (typeof value !== 'object' || value === null) return false
  if (types.isNativeError(value)) return true
  try {
    return value instanceof Error
  } catch {
    return false
  }
}

/**
 * JSON text of any value; undefined where the value is left out (undefined, functions).
 * Rules for what JSON lacks are in docs/record.md. What throws while it is read becomes `"[Throws: …]"`.
 *
 * @param key what it stands under; whether that hides the value is the caller's question
 */
export function writeValue(value: unknown, guard: Guard = OPEN_GUARD, key = ''): string | undefined {
  switch (typeof value) {
    case 'string':
      return quote(guarded(guard, value, key))
    case 'number':
      return Number.isFinite(value) ? String(value) : 'null'
    case 'boolean':
      return value ? 'true' : 'false'
    case 'bigint':
      return `"${value}"`
    case 'symbol':
      return quote(guarded(guard, String(value), key))
    case 'object':
      return value === null ? 'null' : writeNested(value, startWalk(guard), key)
    default:
      return undefined
  }
}

/** The start of one field's writing. */
export function startWalk(guard: Guard): Walk {
  return { ancestors: [], left: MAX_NODES, guard, write: writeMember }
}

/** Writes a member of an object or a list that is being walked. */
function writeMember(value: unknown, walk: Walk, key: string): string | undefined {
  if (--walk.left < 0) {
    noteCut()
    return '"[Truncated]"'
  }
  return typeof value === 'object' && value !== null
    ? writeNested(value, walk, key)
    : writeValue(value, walk.guard, key)
}

/** Writes an object or a list that is a member of the walk's innermost one, or the field itself. */
export function writeNested(value: object, walk: Walk, key: string): string | undefined {
  try {
    if (walk.ancestors.includes(value)) return '"[Circular]"'
    if (walk.ancestors.length >= walk.guard.limits.depth) return writeTooDeep(value)
    walk.ancestors.push(value)
    try {
      return writeObject(value, walk, key)
    } finally {
      walk.ancestors.pop()
    }
  } catch (thrown) {
    return writeThrown(thrown, walk.guard)
  }
}

/** What says how much is missing, without reading any of it. */
function writeTooDeep(value: object): string {
  noteCut()
  return Array.isArray(value)
    ? `"[Array: ${value.length} elements]"`
    : `"[Object: ${Object.keys(value).length} keys]"`
}

function writeObject(value: object, walk: Walk, key: string): string | undefined {
  if (Array.isArray(value)) return writeList(value, value.length, walk, key)
  if (Object.getPrototypeOf(value) === Object.prototype) {
    const { toJSON } = value as { toJSON?: unknown }
    return typeof toJSON === 'function' ? writeToJson(value, toJSON, walk, key) : writeEntries(value, walk)
  }
  return writeSpecial(value, walk, key)
}

function writeSpecial(value: object, walk: Walk, key: string): string | undefined {
  if (isError(value)) return writeError(value, walk)
  if (types.isDate(value)) return writeDate(value)
  if (ArrayBuffer.isView(value)) return writeView(value, walk, key)
  if (types.isAnyArrayBuffer(value)) return writeBytes(Buffer.from(value))
  const { toJSON } = value as { toJSON?: unknown }
  if (typeof toJSON === 'function') return writeToJson(value, toJSON, walk, key)
  if (types.isMap(value)) return writeMap(value, walk)
  if (types.isSet(value)) return writeList(Set.prototype.values.call(value), value.size, walk, key)
  if (types.isRegExp(value)) return quote(guarded(walk.guard, String(value), key))
  if (types.isBoxedPrimitive(value)) return writeBoxed(value, walk.guard, key)
  if (types.isPromise(value)) return '"[Promise]"'
  if (types.isWeakMap(value) || types.isWeakSet(value)) return '"[Weak collection]"'
  return writeEntries(value, walk)
}

// By the prototypes' own methods: a subclass may answer anything.
function writeDate(date: Date): string {
  const time = Date.prototype.getTime.call(date)
  return Number.isNaN(time) ? 'null' : `"${new Date(time).toISOString()}"`
}

function writeBoxed(value: object, guard: Guard, key: string): string | undefined {
  for (const { prototype } of [String, Number, Boolean, BigInt, Symbol]) {
    try {
      return writeValue(Reflect.apply(prototype.valueOf, value, []), guard, key)
    } catch {
      // It boxes another type.
    }
  }
  return undefined
}

function writeToJson(value: object, toJSON: unknown, walk: Walk, key: string): string | undefined {
  const json: unknown = Reflect.apply(toJSON as () => unknown, value, [''])
  if (typeof json !== 'object' || json === null) return writeValue(json, walk.guard, key) ?? 'null'
  // The result is written as it stands: asking its own toJSON could go round for ever.
  if (Array.isArray(json)) return writeList(json, json.length, walk, key)
  return json === value || Object.getPrototypeOf(json) === Object.prototype
    ? writeEntries(json, walk)
    : writeSpecialOnce(json, walk, key)
}

function writeSpecialOnce(json: object, walk: Walk, key: string): string | undefined {
  return 'toJSON' in json && !types.isDate(json) ? writeEntries(json, walk) : writeSpecial(json, walk, key)
}

function writeEntries(value: object, walk: Walk): string {
  const { guard } = walk
  const keys = Object.keys(value)
  // Listing keys that are not written costs too: a graph that shares a huge object must not do it for ever.
  walk.left -= Math.floor(keys.length / KEYS_PER_VALUE)
  let text = ''
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as string
    if (i === guard.limits.keys && !isWhole(value)) {
      noteCut()
      text += `,${quote(freeKey(value, '…'))}:"${keys.length - i} more"`
      break
    }
    const name = guard.keyTexts.get(key) ?? guardedKey(guard, key)
    const member = readMember(value, key, walk, name === '')
    if (member !== undefined) text += `,${name === '' ? quoteKey(key) : name}${member}`
  }
  return text === '' ? '{}' : `{${text.slice(1)}}`
}

function readMember(value: object, key: string, walk: Walk, hidden: boolean): string | undefined {
  try {
    const member = (value as Record<string, unknown>)[key]
    return hidden ? writeHiddenMember(member, walk, key) : writeMember(member, walk, key)
  } catch (thrown) {
    return writeThrown(thrown, walk.guard)
  }
}

function writeList(values: Iterable<unknown>, length: number, walk: Walk, key: string): string {
  const { guard } = walk
  const headers = Array.isArray(values) && isHeaderList(guard, values) ? values : undefined
  let text = ''
  let count = 0
  for (const value of values) {
    if (count === guard.limits.keys && !isWhole(values)) {
      noteCut()
      text += `,"… ${length - count} more"`
      break
    }
    const name = headers === undefined ? undefined : hidingName(guard, headers, count)
    const member = name === undefined ? writeMember(value, walk, key) : writeHidden(value, walk, name)
    text += `,${member ?? 'null'}`
    count++
  }
  return `[${text.slice(1)}]`
}

/** True where the keys that would be written are all strings. */
function hasTextKeys(entries: IterableIterator<[unknown, unknown]>, most: number): boolean {
  let count = 0
  for (const [key] of entries) {
    if (count++ === most) return true
    if (typeof key !== 'string') return false
  }
  return true
}

function writeMap(map: Map<unknown, unknown>, walk: Walk): string {
  const { guard } = walk
  const entries = (): IterableIterator<[unknown, unknown]> => Map.prototype.entries.call(map)
  if (!hasTextKeys(entries(), guard.limits.keys)) return writeList(entries(), map.size, walk, '')
  let text = ''
  let count = 0
  for (const [key, value] of entries() as IterableIterator<[string, unknown]>) {
    if (count === guard.limits.keys) {
      noteCut()
      text += `,${quote(freeKey(map, '…'))}:"${map.size - count} more"`
      break
    }
    const name = guardedKey(guard, key)
    const member = name === '' ? writeHiddenMember(value, walk, key) : writeMember(value, walk, key)
    if (member !== undefined) text += `,${name === '' ? quoteKey(key) : name}${member}`
    count++
  }
  return text === '' ? '{}' : `{${text.slice(1)}}`
}

function writeView(view: ArrayBufferView, walk: Walk, key: string): string {
  if (types.isUint8Array(view) || types.isDataView(view)) {
    return writeBytes(Buffer.from(view.buffer, view.byteOffset, view.byteLength))
  }
  const list = view as unknown as ArrayLike<unknown> & Iterable<unknown>
  return writeList(list, list.length, walk, key)
}

function writeBytes(bytes: Buffer): string {
  const more = bytes.length > BUFFER_PREVIEW ? '…' : ''
  return `"[${bytes.length} bytes: ${bytes.toString('hex', 0, BUFFER_PREVIEW)}${more}]"`
}

function freeKey(owner: object, wanted: string): string {
  let key = wanted
  while (owner instanceof Map ? owner.has(key) : Object.hasOwn(owner, key)) key = `_${key}`
  return key
}
