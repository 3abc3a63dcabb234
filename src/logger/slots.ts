import pino from 'pino'

// Typed one by one: a destructured symbol would lose its own type, and with it every slot's.
const { symbols } = pino
export const asJsonSym: typeof symbols.asJsonSym = symbols.asJsonSym
export const chindingsSym: typeof symbols.chindingsSym = symbols.chindingsSym
export const endSym: typeof symbols.endSym = symbols.endSym
export const errorKeySym: typeof symbols.errorKeySym = symbols.errorKeySym
export const formatOptsSym: typeof symbols.formatOptsSym = symbols.formatOptsSym
export const formattersSym: typeof symbols.formattersSym = symbols.formattersSym
export const getLevelSym: typeof symbols.getLevelSym = symbols.getLevelSym
export const levelValSym: typeof symbols.levelValSym = symbols.levelValSym
export const lsCacheSym: typeof symbols.lsCacheSym = symbols.lsCacheSym
export const messageKeySym: typeof symbols.messageKeySym = symbols.messageKeySym
export const mixinSym: typeof symbols.mixinSym = symbols.mixinSym
export const nestedKeySym: typeof symbols.nestedKeySym = symbols.nestedKeySym
export const serializersSym: typeof symbols.serializersSym = symbols.serializersSym
export const setLevelSym: typeof symbols.setLevelSym = symbols.setLevelSym
export const streamSym: typeof symbols.streamSym = symbols.streamSym
export const stringifiersSym: typeof symbols.stringifiersSym = symbols.stringifiersSym
export const stringifySafeSym: typeof symbols.stringifySafeSym = symbols.stringifySafeSym
export const stringifySym: typeof symbols.stringifySym = symbols.stringifySym
export const timeSym: typeof symbols.timeSym = symbols.timeSym
export const wildcardFirstSym: typeof symbols.wildcardFirstSym = symbols.wildcardFirstSym
export const writeSym: typeof symbols.writeSym = symbols.writeSym
// pino's types do not name this one.
export const msgPrefixSym = (symbols as unknown as Record<string, symbol>).msgPrefixSym as symbol
