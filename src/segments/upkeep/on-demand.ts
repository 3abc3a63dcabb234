/** What looks after a file's done files, loaded when the file was opened. */
export interface OnDemand<T> {
  /** Loads it; again it does nothing, unless that failed. */
  begin(): void
  rotated(): void
  end(): Promise<void>
  /** Undefined until it is loaded. */
  readonly loaded: T | undefined
}

/** What is loaded. */
interface Upkeep {
  rotated(): void
  close(): Promise<void>
}

/**
 * @param load gives what begins the upkeep; it is not begun where the file was closed meanwhile
 * @param onFailed told in one sentence what can't be done now
 */
export function onDemand<T extends Upkeep>(
  path: string,
  load: () => Promise<() => T>,
  onFailed: (message: string) => void,
): OnDemand<T> {
  let loading: Promise<void> | undefined
  let loaded: T | undefined
  let ended = false

  async function begun(): Promise<void> {
    try {
      const start = await load()
      if (!ended) loaded = start()
    } catch (error) {
      onFailed(
        `can't look after ${path}: ${(error as Error).message}. It is written and rotated, but nothing is compressed or deleted.`,
      )
      // Too many open files, say: the next file that is opened or rotated tries again.
      loading = undefined
    }
  }

  function begin(): void {
    loading ??= begun()
  }

  return {
    begin,
    rotated() {
      if (loaded === undefined) begin()
      else loaded.rotated()
    },
    async end() {
      ended = true
      await loading
      await loaded?.close()
    },
    get loaded() {
      return loaded
    },
  }
}
