import { selfLog } from '../config/self-log.ts'
import { addContext as addToCurrent, type ContextFields } from '../context/scope.ts'

/**
 * Adds fields to the current scope, for the records that follow in it; a value of undefined removes the field.
 * Outside a scope it does nothing, returns false, and says so once on stderr.
 */
export function addContext(fields: object): boolean {
  return addToCurrent(fields as ContextFields, tellOutside)
}

function tellOutside(): void {
  selfLog(
    'context.outside',
    'addContext was called outside a scope and did nothing. Call it inside withContext or a request of ' +
      'requestLogger; where a callback lost its scope, bind it with bindContext. This is said once.',
  )
}
