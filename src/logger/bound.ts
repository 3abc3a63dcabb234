import { currentScope, type Scope } from '../context/scope.ts'
import { type Core, scopeSym } from './core.ts'
import type { Logger } from './types.ts'

/**
 * A view of a logger whose records carry `scope` wherever they are made: in callbacks that run in nobody's scope,
 * or in another request's. Inside the scope, or one nested in it, nothing changes. It costs one object.
 */
export function boundTo(logger: Logger, scope: Scope): Logger {
  scope.root ??= scope
  const bound = Object.create(logger) as Core
  bound[scopeSym] = scope
  return bound as unknown as Logger
}

/** The scope that a bound logger's record belongs to; undefined where the running one is right. */
export function strayScope(core: Core): Scope | undefined {
  const bound = core[scopeSym]
  if (bound === undefined) return undefined
  const running = currentScope()
  return running !== undefined && running.root === bound.root ? undefined : bound
}
