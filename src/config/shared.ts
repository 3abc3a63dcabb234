/**
 * State that every copy of spoor in one process shares: the ESM and the CommonJS build, and two installed
 * versions that keep the same contract number. A copy with another contract number gets its own state.
 */
const MAJOR = 0

/**
 * Returns the process-wide value called `name`, made by the first copy that asks for it.
 *
 * @param contract raised whenever the shape of the value changes
 */
export function shared<T>(name: string, contract: number, make: () => T): T {
  const key = Symbol.for(`spoor.v${MAJOR}.${name}.${contract}`)
  const holder = globalThis as unknown as Record<symbol, T | undefined>
  const present = holder[key]
  if (present !== undefined) return present
  const made = make()
  Object.defineProperty(globalThis, key, {
    value: made,
    enumerable: false,
    configurable: false,
    writable: false,
  })
  return made
}
