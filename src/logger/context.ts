import { selfLog } from '../config/self-log.ts'
import { addContext as addToCurrent, type ContextFields, currentScope, unitOf } from '../context/scope.ts'
import { keepUnit } from '../context/unit.ts'

/**
 * Adds fields to the current scope, for the records that follow in it; a value of undefined removes the field.
 * Outside a scope it does nothing, returns false, and says so once on stderr.
 */
export function addContext(fields: object): boolean {
  return addToCurrent(fields as ContextFields, tellOutside)
}

/**
 * Asks for all records of the request or other outermost scope that the code runs in, whatever LOG_BUFFER and
 * LOG_SAMPLE say: what waits is written now, what follows at once. False outside a scope, where it does nothing.
 */
export function keepBuffered(): boolean {
  const scope = currentScope()
  if (scope === undefined) return false
  keepUnit(unitOf(scope))
  return true
}

function tellOutside(): void {
  selfLog(
    'context.outside',
    'addContext was called outside a scope and did nothing. Call it inside withContext or a request of ' +
      'requestLogger; where a callback lost its scope, bind it with bindContext. This is said once.',
  )
}
