import { shared } from '../config/shared.ts'
import type { HttpSettings } from './http-options.ts'

/** The destinations of the transports that are open, by their directory in the spool. */
const users = shared('spool-users', 1, () => new Map<string, string[]>())

/**
 * Notes who uses a directory: what one transport leaves in it is delivered by any other that finds it.
 *
 * @returns what takes it back, and whether another one that is open ships elsewhere
 */
export function useSpool({ directory, destination, own }: HttpSettings): {
  elsewhere: boolean
  leave(): void
} {
  const { format, module, url, tenant, index } = destination
  const where = JSON.stringify([format, module, url, tenant, index, own?.name])
  const others = users.get(directory) ?? []
  users.set(directory, [...others, where])
  return {
    elsewhere: others.some((other) => other !== where),
    leave() {
      const left = users.get(directory)?.filter((_, i, all) => i !== all.indexOf(where)) ?? []
      if (left.length === 0) users.delete(directory)
      else users.set(directory, left)
    },
  }
}
