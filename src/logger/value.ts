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
const BUFFER_PREVIEW = 32

export function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value)
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

function writeNested(value: object, walk: Walk): string | undefined {
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
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'null' : `"${value.toISOString()}"`
  if (ArrayBuffer.isView(value)) return writeView(value, walk)
  const { toJSON } = value as { toJSON?: unknown }
  if (typeof toJSON === 'function') return writeToJson(value, toJSON, walk)
  if (value instanceof Map) return writeMap(value, walk)
  if (value instanceof Set) return writeList(value, value.size, walk)
  if (value instanceof RegExp) return quote(String(value))
  if (
    value instanceof String ||
    value instanceof Number ||
    value instanceof Boolean ||
    value instanceof BigInt
  ) {
    return writeValue(value.valueOf())
  }
  if (types.isPromise(value)) return '"[Promise]"'
  if (value instanceof WeakMap || value instanceof WeakSet) return '"[Weak collection]"'
  return writeEntries(value, walk)
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
  return 'toJSON' in json && !(json instanceof Date) ? writeEntries(json, walk) : writeSpecial(json, walk)
}

function writeEntries(value: object, walk: Walk): string {
  const keys = Object.keys(value)
  let text = ''
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as string
    if (i === MAX_ENTRIES) {
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
    if (count === MAX_ENTRIES) {
      text += `,"… ${length - count} more"`
      break
    }
    text += `,${writeMember(value, walk) ?? 'null'}`
    count++
  }
  return `[${text.slice(1)}]`
}

function writeMap(map: Map<unknown, unknown>, walk: Walk): string {
  for (const key of map.keys()) if (typeof key !== 'string') return writeList(map, map.size, walk)
  let text = ''
  let count = 0
  for (const [key, value] of map as Map<string, unknown>) {
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
  if (view instanceof Uint8Array || view instanceof DataView) {
    const bytes = Buffer.from(view.buffer, view.byteOffset, view.byteLength)
    const more = bytes.length > BUFFER_PREVIEW ? '…' : ''
    return `"[${bytes.length} bytes: ${bytes.toString('hex', 0, BUFFER_PREVIEW)}${more}]"`
  }
  const list = view as unknown as ArrayLike<unknown> & Iterable<unknown>
  return writeList(list, list.length, walk)
}

function freeKey(owner: object, wanted: string): string {
  let key = wanted
  while (owner instanceof Map ? owner.has(key) : Object.hasOwn(owner, key)) key = `_${key}`
  return key
}
