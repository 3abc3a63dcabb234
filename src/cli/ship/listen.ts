import { usageError } from './usage.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

const LOCAL = '127.0.0.1'
const ADDRESS = /^(?:(?:\[([^\]]+)\]|([^:[\]]*)):)?(\d{1,5})$/
const LAST_PORT = 65_535

/** Reads '9598', ':9598', '0.0.0.0:9598' or '[::1]:9598'. @throws a usage error */
export function addressOf(text: string | undefined): Address | undefined {
  if (text === undefined) return undefined
  const [, v6, host, port] = ADDRESS.exec(text) ?? []
  if (port === undefined || Number(port) > LAST_PORT)
    throw usageError(
      '--listen is no address, expected a port, or an address with one: 9598, 0.0.0.0:9598, [::1]:9598.',
    )
  return { host: v6 ?? (host || LOCAL), port: Number(port) }
}
