import { readEnvironment } from '../config/environment.ts'
import { guardOf } from '../logger/guarding.ts'
import { guardedKey } from '../logger/line/guard.ts'
import { writeHiddenMember } from '../logger/line/hidden.ts'
import { splitPairs, textOfPairs } from '../logger/line/pairs.ts'
import { startWalk, writeValue } from '../logger/line/value.ts'

const OPEN = Number.POSITIVE_INFINITY
const UNBOUNDED = { string: OPEN, keys: OPEN, depth: 100, record: OPEN } as const
/** The scope's own, which spoor leaves too. */
const KEPT = 'session_id'

/**
 * What hides secrets in pino's finished lines; undefined where LOG_REDACT does not ask for it, so that lines stay as
 * they were. What is wrong with the variables, spoor's own logger tells.
 */
export function lineRedactor(env: NodeJS.ProcessEnv): ((line: string) => string) | undefined {
  if ((env.LOG_REDACT ?? '').trim() === '') return undefined
  const guard = guardOf(
    { limits: UNBOUNDED },
    readEnvironment(env, () => {}),
  )
  if (guard.redactor === undefined) return undefined

  function shown(name: string, value: string): string | undefined {
    if (name === KEPT) return value
    if (guardedKey(guard, name) === '') return writeHiddenMember(JSON.parse(value), startWalk(guard), name)
    // Numbers and literals stay to the letter.
    return /^["{[]/.test(value) ? writeValue(JSON.parse(value), guard, name) : value
  }

  return (line) => {
    const end = line.lastIndexOf('}')
    const pairs = splitPairs(`,${line.slice(1, end)}`).flatMap(({ name, value }) => {
      const text = shown(name, value)
      return text === undefined ? [] : [{ name, value: text }]
    })
    return `{${textOfPairs(pairs).slice(1)}${line.slice(end)}`
  }
}
