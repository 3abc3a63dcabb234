import { askWell } from './ask.ts'

/** A line that Loki gave back. */
export interface LokiEntry {
  /** Ns since the epoch, in digits. */
  readonly timeUnixNano: string
  readonly line: string
  /** Of its stream. */
  readonly labels: Readonly<Record<string, string>>
  /** Its structured metadata. */
  readonly metadata: Readonly<Record<string, string>>
}

export interface LokiQuestion {
  /** LogQL: `{service_name="shop"}` */
  readonly query: string
  /** Epoch ms, inclusive. @default 30 days ago */
  readonly from?: number | undefined
  /** Epoch ms, exclusive. @default a day from now */
  readonly to?: number | undefined
  /** Whose records, where Loki has tenants. */
  readonly tenant?: string | undefined
  /** Lines of a page: Loki answers nothing that has over 4 MiB. @default 5000 */
  readonly page?: number | undefined
}

interface Range {
  readonly data: {
    readonly result: readonly {
      readonly stream: Record<string, string>
      readonly values: readonly (readonly [
        string,
        string,
        { readonly structuredMetadata?: Record<string, string> },
      ])[]
    }[]
  }
}

/** Loki's own limit of a query (max_entries_limit_per_query). */
const PAGE = 5000
const DAY_MS = 86_400_000

/** Reads all that a query finds, page by page, oldest first. */
export async function queryLoki(url: string, question: LokiQuestion): Promise<LokiEntry[]> {
  const now = Date.now()
  const end = nanoseconds(question.to ?? now + DAY_MS)
  const size = question.page ?? PAGE
  let start = nanoseconds(question.from ?? now - 30 * DAY_MS)
  const all: LokiEntry[] = []
  for (;;) {
    const page = await readPage(url, question, start, end)
    if (page.length < size) return all.concat(page)
    // The last time may have more than fitted: all of it comes again with the next page.
    const last = (page.at(-1) as LokiEntry).timeUnixNano
    const sure = page.filter(({ timeUnixNano }) => timeUnixNano !== last)
    if (sure.length === 0) throw new Error(`${size} lines or more are of one nanosecond, ${last}: can't page`)
    all.push(...sure)
    start = last
  }
}

async function readPage(
  url: string,
  { query, tenant, page = PAGE }: LokiQuestion,
  start: string,
  end: string,
): Promise<LokiEntry[]> {
  const search = new URLSearchParams({ query, start, end, limit: String(page), direction: 'forward' })
  const { data } = await askWell<Range>(`${url}/loki/api/v1/query_range?${search}`, {
    headers: {
      // Or structured metadata comes as labels.
      'x-loki-response-encoding-flags': 'categorize-labels',
      ...(tenant !== undefined && { 'x-scope-orgid': tenant }),
    },
  })
  return data.result
    .flatMap(({ stream, values }) =>
      values.map(([timeUnixNano, line, { structuredMetadata = {} }]) => ({
        timeUnixNano,
        line,
        labels: stream,
        metadata: structuredMetadata,
      })),
    )
    .sort((a, b) => compare(a.timeUnixNano, b.timeUnixNano))
}

/** Digits of the same length, for the next 250 years. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function nanoseconds(ms: number): string {
  return `${BigInt(Math.floor(ms)) * 1_000_000n}`
}
