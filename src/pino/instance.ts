import type { LoggerPrefix, Prefix } from '../logger/line/prefix.ts'
import type {
  asJsonSym,
  chindingsSym,
  endSym,
  errorKeySym,
  formattersSym,
  lsCacheSym,
  messageKeySym,
  nestedKeySym,
  serializersSym,
  stringifiersSym,
  stringifySafeSym,
  stringifySym,
} from '../logger/slots.ts'

/** Where an instance keeps its prefix; a child starts from its parent's. */
export const prefixSym: unique symbol = Symbol('spoor.pino.prefix')
/** What every prefix of a root starts from; known at its first line. */
export const groundSym: unique symbol = Symbol('spoor.pino.ground')

export type Serializer = (value: unknown) => unknown
export type AsJson = (this: Instance, obj: Props, msg: unknown, num: number, time: string) => string
export type Props = Readonly<Record<string, unknown>>
type Stringify = (value: unknown, stringifySafe: unknown) => string | undefined

/** A pino instance, as its line writer sees it. */
export interface Instance {
  [prefixSym]: LoggerPrefix | undefined
  [groundSym]: { prefix: Prefix | undefined }
  [asJsonSym]: AsJson
  [chindingsSym]: string
  [endSym]: string
  [errorKeySym]: string
  [formattersSym]: { readonly log?: ((props: Props) => Props | null) | undefined }
  [lsCacheSym]: Readonly<Record<number, string>>
  [messageKeySym]: string
  [nestedKeySym]: string | null
  [serializersSym]: Readonly<Record<string, Serializer | undefined>>
  [stringifiersSym]: object
  [stringifySafeSym]: unknown
  [stringifySym]: Stringify
}
