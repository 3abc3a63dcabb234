import * as kinds from './kinds.ts'

const KILOBYTE = 1024

/** The variables of what may leave, and how much of it. */
export const REDACT_VARIABLES = {
  redact: {
    name: 'LOG_REDACT',
    option: 'redact: { mode }',
    kind: kinds.redact,
    fallback: 'on',
    default: 'on',
    doc: 'What stands in the place of passwords, tokens, cookies, keys and card numbers: `[redacted]`, a keyed hash, nothing at all, or they themselves.',
  },
  redactKey: {
    name: 'LOG_REDACT_KEY',
    option: 'redact: { hashKey }',
    kind: kinds.text,
    fallback: undefined,
    default: 'none: nothing is hashed',
    doc: 'The key of the hashes, 16 characters or more.',
  },
  redactKeys: {
    name: 'LOG_REDACT_KEYS',
    option: 'redact: { keys }',
    kind: kinds.keyNames,
    fallback: [],
    default: 'none besides its own',
    doc: 'Keys that hide what stands under them, at any depth and however they are spelt: `iban,date_of_birth`.',
  },
  redactExcept: {
    name: 'LOG_REDACT_EXCEPT',
    option: 'redact: { except }',
    kind: kinds.keyNames,
    fallback: [],
    default: 'none',
    doc: 'Keys that hide nothing though a rule says so: `page_token`.',
  },
  redactIds: {
    name: 'LOG_REDACT_IDS',
    option: 'redact: { ids }',
    kind: kinds.oneOf('keep', 'hash'),
    fallback: 'keep',
    default: 'keep',
    doc: "Whether the scope's `user_id` and `session_id` are written or hashed.",
  },
  maxString: {
    name: 'LOG_MAX_STRING',
    option: 'limits: { string }',
    kind: kinds.size,
    fallback: 16 * KILOBYTE,
    default: '16KB',
    doc: 'Characters of a text beyond which it is cut.',
  },
  maxKeys: {
    name: 'LOG_MAX_KEYS',
    option: 'limits: { keys }',
    kind: kinds.count,
    fallback: 256,
    default: '256',
    doc: 'Keys of an object, or elements of a list, beyond which it is cut.',
  },
  maxDepth: {
    name: 'LOG_MAX_DEPTH',
    option: 'limits: { depth }',
    kind: kinds.depth,
    fallback: 10,
    default: '10',
    doc: 'Levels of objects below a field beyond which they are cut.',
  },
  maxRecord: {
    name: 'LOG_MAX_RECORD',
    option: 'limits: { record }',
    kind: kinds.size,
    fallback: 64_000,
    default: '64000',
    doc: 'Bytes of a line beyond which its longest values are cut: many collectors skip longer ones without a word.',
  },
} as const
