import { types } from 'node:util'
import { writeError } from './errors.ts'
import { quote, quoteKey } from './text.ts'
import { type Walk, writeThrown } from './walk.ts'

/** Objects and arrays nested deeper than this are written as a mark. */
export const MAX_DEPTH = 10
/** Keys of one object, or elements of one list, that are written. */
export const MAX_ENTRIES = 256
/** Values in one field: an object graph with shared parts would else grow exponentially. */
const MAX_NODES = 10_000
/** So many listed keys count as one value. */
export const KEYS_PER_VALUE = 64
const BUFFER_PREVIEW = 32

/** Objects and lists that were cut to MAX_ENTRIES before, and end with the mark: they are written whole. */
const cut = new WeakSet<object>()

/** Tells that what JSON.parse gave of a value's text was cut where it is as long as that. */
export function markCut(parsed: unknown): void {
  if (typeof parsed !== 'object' || parsed === null) return
  const parts = Object.values(parsed)
  if (parts.length > MAX_ENTRIES) cut.add(parsed)
  for (const part of parts) markCut(part)
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
 */
export function writeValue(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
      return quote(value)
    case 'number':
      return Number.isFinite(value) ? String(value) : 'null'
    case 'boolean':
      return value ? 'true' : 'false'
    case 'bigint':
      return `"${value}"`
    case 'symbol':
      return quote(String(value))
    case 'object':
      return value === null ? 'null' : writeNested(value, startWalk())
    default:
      return undefined
  }
}

/** The start of one field's writing. */
export function startWalk(): Walk {
  return { ancestors: [], left: MAX_NODES, write: writeMember }
}

/** Writes a member of an object or a list that is being walked. */
function writeMember(value: unknown, walk: Walk): string | undefined {
  if (--walk.left < 0) return '"[Truncated]"'
  return typeof value === 'object' && value !== null ? writeNested(value, walk) : writeValue(value)
}

/** Writes an object or a list that is a member of the walk's innermost one, or the field itself. */
export function writeNested(value: object, walk: Walk): string | undefined {
  try {
    if (walk.ancestors.includes(value)) return '"[Circular]"'
    if (walk.ancestors.length >= MAX_DEPTH) return Array.isArray(value) ? '"[Array]"' : '"[Object]"'
    walk.ancestors.push(value)
    try {
      return writeObject(value, walk)
    } finally {
      walk.ancestors.pop()
    }
  } catch (thrown) {
    return writeThrown(thrown)
  }
}

function writeObject(value: object, walk: Walk): string | undefined {
  if (Array.isArray(value)) return writeList(value, value.length, walk)
  if (Object.getPrototypeOf(value) === Object.prototype) {
    const { toJSON } = value as { toJSON?: unknown }
    return typeof toJSON === 'function' ? writeToJson(value, toJSON, walk) : writeEntries(value, walk)
  }
  return writeSpecial(value, walk)
}

function writeSpecial(value: object, walk: Walk): string | undefined {
  if (isError(value)) return writeError(value, walk)
  if (types.isDate(value)) return writeDate(value)
  if (ArrayBuffer.isView(value)) return writeView(value, walk)
  if (types.isAnyArrayBuffer(value)) return writeBytes(Buffer.from(value))
  const { toJSON } = value as { toJSON?: unknown }
  if (typeof toJSON === 'function') return writeToJson(value, toJSON, walk)
  if (types.isMap(value)) return writeMap(value, walk)
  if (types.isSet(value)) return writeList(Set.prototype.values.call(value), value.size, walk)
  if (types.isRegExp(value)) return quote(String(value))
  if (types.isBoxedPrimitive(value)) return writeBoxed(value)
  if (types.isPromise(value)) return '"[Promise]"'
  if (types.isWeakMap(value) || types.isWeakSet(value)) return '"[Weak collection]"'
  return writeEntries(value, walk)
}

// By the prototypes' own methods: a subclass may answer anything.
function writeDate(date: Date): string {
  const time = Date.prototype.getTime.call(date)
  return Number.isNaN(time) ? 'null' : `"${new Date(time).toISOString()}"`
}

function writeBoxed(value: object): string | undefined {
  for (const { prototype } of [String, Number, Boolean, BigInt, Symbol]) {
    try {
      return writeValue(Reflect.apply(prototype.valueOf, value, []))
    } catch {
      // It boxes another type.
    }
  }
  return undefined
}

function writeToJson(value: object, toJSON: unknown, walk: Walk): string | undefined {
  const json: unknown = Reflect.apply(toJSON as () => unknown, value, [''])
  if (typeof json !== 'object' || json === null) return writeValue(json) ?? 'null'
  // The result is written as it stands: asking its own toJSON could go round for ever.
  if (Array.isArray(json)) return writeList(json, json.length, walk)
  return json === value || Object.getPrototypeOf(json) === Object.prototype
    ? writeEntries(json, walk)
    : writeSpecialOnce(json, walk)
}

function writeSpecialOnce(json: object, walk: Walk): string | undefined {
  return 'toJSON' in json && !types.isDate(json) ? writeEntries(json, walk) : writeSpecial(json, walk)
}

function writeEntries(value: object, walk: Walk): string {
  const keys = Object.keys(value)
  // Listing keys that are not written costs too: a graph that shares a huge object must not do it for ever.
  walk.left -= Math.floor(keys.length / KEYS_PER_VALUE)
  let text = ''
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as string
    if (i === MAX_ENTRIES && !cut.has(value)) {
      text += `,${quote(freeKey(value, '…'))}:"${keys.length - i} more"`
      break
    }
    const member = readMember(value, key, walk)
    if (member !== undefined) text += `,${quoteKey(key)}${member}`
  }
  return text === '' ? '{}' : `{${text.slice(1)}}`
}

function readMember(value: object, key: string, walk: Walk): string | undefined {
  try {
    return writeMember((value as Record<string, unknown>)[key], walk)
  } catch (thrown) {
    return writeThrown(thrown)
  }
}

function writeList(values: Iterable<unknown>, length: number, walk: Walk): string {
  let text = ''
  let count = 0
  for (const value of values) {
    if (count === MAX_ENTRIES && !cut.has(values)) {
      text += `,"… ${length - count} more"`
      break
    }
    text += `,${writeMember(value, walk) ?? 'null'}`
    count++
  }
  return `[${text.slice(1)}]`
}

/** True where the keys that would be written are all strings. */
function hasTextKeys(entries: IterableIterator<[unknown, unknown]>): boolean {
  let count = 0
  for (const [key] of entries) {
    if (count++ === MAX_ENTRIES) return true
    if (typeof key !== 'string') return false
  }
  return true
}

function writeMap(map: Map<unknown, unknown>, walk: Walk): string {
  const entries = (): IterableIterator<[unknown, unknown]> => Map.prototype.entries.call(map)
  if (!hasTextKeys(entries())) return writeList(entries(), map.size, walk)
  let text = ''
  let count = 0
  for (const [key, value] of entries() as IterableIterator<[string, unknown]>) {
    if (count === MAX_ENTRIES) {
      text += `,${quote(freeKey(map, '…'))}:"${map.size - count} more"`
      break
    }
    const member = writeMember(value, walk)
    if (member !== undefined) text += `,${quoteKey(key)}${member}`
    count++
  }
  return text === '' ? '{}' : `{${text.slice(1)}}`
}

function writeView(view: ArrayBufferView, walk: Walk): string {
  if (types.isUint8Array(view) || types.isDataView(view)) {
    return writeBytes(Buffer.from(view.buffer, view.byteOffset, view.byteLength))
  }
  const list = view as unknown as ArrayLike<unknown> & Iterable<unknown>
  return writeList(list, list.length, walk)
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
