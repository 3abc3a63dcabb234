/**
 * A built-in module that is loaded at its first use. crypto, net and tty take 1-2 ms each to load; a program that
 * merely imports a logger should not pay for them.
 */
type Builtins = {
  readonly 'node:crypto': typeof import('node:crypto')
  readonly 'node:net': typeof import('node:net')
  readonly 'node:stream/promises': typeof import('node:stream/promises')
  readonly 'node:tty': typeof import('node:tty')
  readonly 'node:worker_threads': typeof import('node:worker_threads')
  readonly 'node:zlib': typeof import('node:zlib')
}

/** The built-in module of that name. */
export function builtin<N extends keyof Builtins>(name: N): Builtins[N] {
  return process.getBuiltinModule(name) as Builtins[N]
}
