import type { Rate, RateLimit } from '../config/gates.ts'

/** Says of each record whether it may still come. */
export interface Limiter {
  /**
   * Takes a token for a record of this place in the code, and one for its component and level; false where there is
   * none, and then none is taken.
   *
   * @param site what tells the place from others: any text or number
   */
  take(component: string, level: number, site: string | number, now: number): boolean
  /** The same for a record that was kept before, whose place counted then. */
  takeAgain(component: string, level: number, now: number): boolean
  /** Buckets in memory. */
  readonly buckets: number
}

interface Bucket {
  tokens: number
  /** When they were counted. */
  at: number
}

/** Places and components are made from data by some: these many are told apart, the others share a bucket. */
const MAX_SITES = 4096
const MAX_COMPONENTS = 1024

/** Buckets of one rate, by a key. A bucket that is full again is as good as none, and gives way to others. */
function makeBuckets<K>(rate: Rate, most: number) {
  const perMs = rate.count / rate.periodMs
  const fullAfter = rate.burst / perMs
  const known = new Map<K, Bucket>()
  const others: Bucket = { tokens: rate.burst, at: 0 }
  let sweptAt = Number.NEGATIVE_INFINITY

  function sweep(now: number): void {
    // Once in a while: where all are in use, looking at all of them for each record would be the flood's work.
    if (now - sweptAt < Math.min(fullAfter, 1000)) return
    sweptAt = now
    for (const [key, bucket] of known) if (now - bucket.at >= fullAfter) known.delete(key)
  }

  function find(key: K, now: number): Bucket {
    let bucket = known.get(key)
    if (bucket === undefined) {
      if (known.size >= most) sweep(now)
      if (known.size >= most) bucket = others
      else {
        bucket = { tokens: rate.burst, at: now }
        known.set(key, bucket)
      }
    }
    const tokens = bucket.tokens + (now - bucket.at) * perMs
    bucket.tokens = Math.min(tokens, rate.burst)
    bucket.at = now
    return bucket
  }

  return { find, known }
}

/**
 * Token buckets: one for each component and level, one for each place in the code. Memory is bounded: at most 4,096
 * places and, for each level, 1,024 components are told apart.
 *
 * @see https://www.rfc-editor.org/rfc/rfc2697 for the kind of bucket (one rate, one burst)
 */
export function createLimiter({ rate, site: siteRate }: RateLimit): Limiter {
  const levels = new Map<number, ReturnType<typeof makeBuckets<string>>>()
  const sites = makeBuckets<string | number>(siteRate, MAX_SITES)

  function bucketOf(component: string, level: number, now: number): Bucket {
    let ofLevel = levels.get(level)
    if (ofLevel === undefined) {
      ofLevel = makeBuckets<string>(rate, MAX_COMPONENTS)
      levels.set(level, ofLevel)
    }
    return ofLevel.find(component, now)
  }

  return {
    take(component, level, site, now) {
      const place = sites.find(site, now)
      if (place.tokens < 1) return false
      const whole = bucketOf(component, level, now)
      if (whole.tokens < 1) return false
      place.tokens--
      whole.tokens--
      return true
    },
    takeAgain(component, level, now) {
      const whole = bucketOf(component, level, now)
      if (whole.tokens < 1) return false
      whole.tokens--
      return true
    },
    get buckets() {
      return [...levels.values()].reduce((sum, { known }) => sum + known.size, sites.known.size)
    },
  }
}

const FNV_OFFSET = 0x811c9dc5
const FNV_PRIME = 0x01000193
const LOOKED_AT = 128
const ANY_NUMBER = 0x23

/**
 * What tells one place in the code from another where no stack is looked at: component, level and the shape of the
 * message, in which every word that has a digit in it (an id, a number, a time) counts as the same one.
 */
export function shapeOf(component: string, level: number, msg: string): number {
  let hash = Math.imul(mixText(FNV_OFFSET, component) ^ level, FNV_PRIME)
  let word = FNV_OFFSET
  let digits = false
  const end = Math.min(msg.length, LOOKED_AT)
  for (let at = 0; at <= end; at++) {
    const code = at === end ? 0 : msg.charCodeAt(at)
    if (isWord(code)) {
      word = Math.imul(word ^ code, FNV_PRIME)
      digits ||= code <= 0x39 && code >= 0x30
    } else {
      hash = Math.imul(hash ^ (digits ? ANY_NUMBER : word), FNV_PRIME)
      hash = Math.imul(hash ^ code, FNV_PRIME)
      word = FNV_OFFSET
      digits = false
    }
  }
  return hash
}

function mixText(hash: number, text: string): number {
  let mixed = hash
  for (let at = 0; at < text.length; at++) mixed = Math.imul(mixed ^ text.charCodeAt(at), FNV_PRIME)
  return mixed
}

/** Letters, digits, and what holds the parts of an id together. */
function isWord(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x30 && code <= 0x39) ||
    (code >= 0x41 && code <= 0x5a) ||
    code === 0x2d ||
    code === 0x5f ||
    code > 0x7f
  )
}
