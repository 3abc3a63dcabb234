/** The levels and their numbers, lowest first: pino's. */
export const LEVELS = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60 } as const

/** A level's name. */
export type LevelName = keyof typeof LEVELS
/** A level's name, or nothing at all. */
export type LevelOrSilent = LevelName | 'silent'

/** What a level may be called, for error messages. */
export const LEVELS_ACCEPTED = 'trace, debug, info, warn, error, fatal or silent'

/** Other names: Python's, and what people write. NOTSET lets everything through, as Python's root logger does. */
const NAMES: Readonly<Record<string, LevelOrSilent>> = {
  trace: 'trace',
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  error: 'error',
  fatal: 'fatal',
  silent: 'silent',
  off: 'silent',
  warning: 'warn',
  critical: 'fatal',
  notset: 'trace',
  ...Object.fromEntries(Object.entries(LEVELS).map(([name, number]) => [number, name as LevelName])),
}

/**
 * A level from its name in any case, from one of Python's (WARNING, CRITICAL, NOTSET), 'off', or pino's
 * number (10 … 60). Undefined if it is none.
 */
export function parseLevel(text: string): LevelOrSilent | undefined {
  const word = text.trim().toLowerCase()
  return Object.hasOwn(NAMES, word) ? NAMES[word] : undefined
}

/** The levels of LOG_LEVEL. */
export interface LevelSpec {
  /** The level of all that has none of its own. */
  level?: LevelOrSilent
  /** Levels by component; without a prototype, so that a component may have any name. */
  components: Record<string, LevelOrSilent>
  /** The parts that were wrong, as they were written; they are left out. */
  problems: string[]
}

/** Reads `info,db=debug,http.client=warn`: one level for all, and levels by component. Never throws. */
export function parseLevelSpec(text: string): LevelSpec {
  const spec: LevelSpec = { components: Object.create(null), problems: [] }
  for (const raw of text.split(',')) {
    const part = raw.trim()
    if (part === '') continue
    const at = part.lastIndexOf('=')
    const level = parseLevel(part.slice(at + 1))
    const component = part.slice(0, Math.max(at, 0)).trim()
    if (level === undefined || (at !== -1 && component === '')) spec.problems.push(part)
    else if (at !== -1) spec.components[component] = level
    else if (spec.level === undefined) spec.level = level
    else spec.problems.push(part)
  }
  return spec
}
