/** A line that waits, with its place in the order of all lines. */
export interface HeldLine {
  readonly line: string
  readonly level: number
  readonly place: number
}

/**
 * Lines that can't be written now, in order and within bounds. When there are too many, the oldest of the
 * lowest level goes first.
 */
export interface Backlog {
  /** Lines held. */
  readonly count: number
  /** UTF-16 units held. */
  readonly units: number
  add(line: string, level: number): void
  /** Takes lines from the front, at least one and no more than fit in `units` (a longer first line goes alone). */
  take(units: number): HeldLine[]
  /** Puts back what `take` gave and could not be written; it counts against the bound again. */
  restore(lines: readonly HeldLine[]): void
  /** Gives up everything and counts it as dropped. */
  clear(): void
}

interface Queue {
  lines: (HeldLine | undefined)[]
  head: number
}

const COMPACT_AT = 1024

/**
 * @param limit the most UTF-16 units to hold
 * @param onDrop told of each line that is given up, with its level
 */
export function createBacklog(limit: number, onDrop: (level: number) => void): Backlog {
  const queues = new Map<number, Queue>()
  let levels: number[] = []
  let places = 0
  let count = 0
  let units = 0

  function queueOf(level: number): Queue {
    let queue = queues.get(level)
    if (queue === undefined) {
      queue = { lines: [], head: 0 }
      queues.set(level, queue)
      levels = [...queues.keys()].sort((a, b) => a - b)
    }
    return queue
  }

  function first(queue: Queue): HeldLine | undefined {
    return queue.lines[queue.head]
  }

  function shift(queue: Queue): HeldLine {
    const held = queue.lines[queue.head] as HeldLine
    queue.lines[queue.head++] = undefined
    if (queue.head >= COMPACT_AT && queue.head * 2 >= queue.lines.length) {
      queue.lines = queue.lines.slice(queue.head)
      queue.head = 0
    }
    count--
    units -= held.line.length
    return held
  }

  function oldest(): Queue | undefined {
    let found: Queue | undefined
    let place = Number.POSITIVE_INFINITY
    for (const queue of queues.values()) {
      const held = first(queue)
      if (held !== undefined && held.place < place) {
        place = held.place
        found = queue
      }
    }
    return found
  }

  function shrink(): void {
    while (units > limit && count > 0) {
      const lowest = levels.find((level) => first(queues.get(level) as Queue) !== undefined) as number
      shift(queues.get(lowest) as Queue)
      onDrop(lowest)
    }
  }

  return {
    get count() {
      return count
    },
    get units() {
      return units
    },
    add(line, level) {
      queueOf(level).lines.push({ line, level, place: places++ })
      count++
      units += line.length
      if (units > limit) shrink()
    },
    take(wanted) {
      const taken: HeldLine[] = []
      let length = 0
      for (let queue = oldest(); queue !== undefined; queue = oldest()) {
        const next = (first(queue) as HeldLine).line.length
        if (taken.length > 0 && length + next > wanted) break
        length += next
        taken.push(shift(queue))
      }
      return taken
    },
    restore(lines) {
      for (let i = lines.length - 1; i >= 0; i--) {
        const held = lines[i] as HeldLine
        const queue = queueOf(held.level)
        if (queue.head > 0) queue.lines[--queue.head] = held
        else queue.lines.unshift(held)
        count++
        units += held.line.length
      }
      if (units > limit) shrink()
    },
    clear() {
      for (const [level, queue] of queues) {
        while (first(queue) !== undefined) {
          shift(queue)
          onDrop(level)
        }
      }
    },
  }
}
