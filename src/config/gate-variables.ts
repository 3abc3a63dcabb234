import * as kinds from './kinds.ts'
import type { Settings } from './settings.ts'
import type { Variable } from './variable.ts'

type GateSetting = 'rateLimit' | 'sample' | 'buffer'
type GateVariables = { readonly [K in GateSetting]-?: Variable<NonNullable<Settings[K]>> }

/** The variables that say which records are written, by setting. */
export const GATE_VARIABLES: GateVariables = {
  rateLimit: {
    name: 'LOG_RATE_LIMIT',
    option: 'rateLimit',
    kind: kinds.rateLimit,
    fallback: false,
    default: 'off',
    doc: 'How many records of one component and level may come, and of one place in the code; what is held back is counted and told.',
  },
  sample: {
    name: 'LOG_SAMPLE',
    option: 'sample',
    kind: kinds.sample,
    fallback: false,
    default: 'off',
    doc: 'Which share of the records is kept, whole traces together: `debug=0.01,db=0.5,/health=0`. Warn and above are kept unless they are named.',
  },
  buffer: {
    name: 'LOG_BUFFER',
    option: 'buffer',
    kind: kinds.buffer,
    fallback: false,
    default: 'off',
    doc: 'From which level up to info the records of a request wait in memory, to be written only if it fails, is slow or is asked for.',
  },
}
