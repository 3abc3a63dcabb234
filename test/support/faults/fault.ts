/** What a fault proxy does with one request; over plain TCP, with one connection. */
export type Fault =
  | { readonly kind: 'pass' }
  /** Resets the connection and closes the port for that long, resetting all the other connections. */
  | { readonly kind: 'refuse'; readonly forMs: number }
  /** Reads no more (of HTTP: only the head was read), never answers, never closes. */
  | { readonly kind: 'hang' }
  /** Reads all, never answers, never closes, also when the client does. */
  | { readonly kind: 'half-open' }
  /** RST once that much of the body was read, or all of it. Over HTTP the target sees nothing, over TCP that much. */
  | { readonly kind: 'reset'; readonly afterBytes: number }
  /** Accepted but not acknowledged: passes all on, and RST when the target answers. */
  | { readonly kind: 'lose-answer' }
  /** Passes on, and gives so much of the answer (head included) at a time; then closes. */
  | { readonly kind: 'slow'; readonly bytes: number; readonly everyMs: number }
  /** Passes on, and RST after so much of the answer (head included). */
  | { readonly kind: 'cut-answer'; readonly afterBytes: number }
  /** Only HTTP: reads all and answers this in the target's place; with `passOn` after the target has it too. */
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly headers?: Readonly<Record<string, string>> | undefined
      readonly body?: string | undefined
      readonly passOn?: boolean | undefined
    }
  /** Reads all (of TCP: something), answers bytes that are no HTTP and closes. */
  | { readonly kind: 'garbage' }
  /** Reads all (of TCP: something) and closes without an answer. */
  | { readonly kind: 'close' }

/** A request as the rules of a proxy see it. Over plain TCP only its number means anything. */
export interface ProxiedRequest {
  /** 1, 2, … in the order of arrival. */
  readonly number: number
  readonly method: string
  /** With the query. */
  readonly path: string
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** The whole body, decompressed if it came with gzip. */
  body(): Promise<Buffer>
}

/** A fault, or how to choose one by the request. */
export type Rule = Fault | ((request: ProxiedRequest) => Fault | Promise<Fault>)

export const PASS: Fault = { kind: 'pass' }

/** An answer in the target's place. */
export function answer(status: number, body?: string, headers?: Readonly<Record<string, string>>): Fault {
  return { kind: 'answer', status, body, headers }
}

/** 429 with Retry-After: a number gives seconds, a Date an HTTP date. */
export function tooManyRequests(after: number | Date, status = 429): Fault {
  const value = typeof after === 'number' ? String(after) : after.toUTCString()
  return answer(status, 'too many requests', { 'retry-after': value })
}

/** A redirect. @param location absolute */
export function redirect(location: string, status = 301): Fault {
  return answer(status, '', { location })
}
