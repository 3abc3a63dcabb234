/** A log record that a Collector wrote, with what it shares with others beside it. */
export interface OtlpRecord {
  readonly resource: Attributes
  readonly scope: { readonly name?: string; readonly version?: string }
  readonly attributes: Attributes
  readonly body: unknown
  /** Ns since the epoch, in digits. */
  readonly timeUnixNano: string
  readonly observedTimeUnixNano?: string | undefined
  readonly severityNumber?: number | undefined
  readonly severityText?: string | undefined
  /** 32 hex digits; '' for none. */
  readonly traceId: string
  /** 16 hex digits; '' for none. */
  readonly spanId: string
  readonly flags?: number | undefined
}

type Attributes = Readonly<Record<string, unknown>>

/** A value as JSON Protobuf has it: whole numbers are in digits. */
interface AnyValue {
  readonly stringValue?: string
  readonly intValue?: string | number
  readonly doubleValue?: number | string
  readonly boolValue?: boolean
  readonly bytesValue?: string
  readonly arrayValue?: { readonly values?: readonly AnyValue[] }
  readonly kvlistValue?: { readonly values?: readonly KeyValue[] }
}

interface KeyValue {
  readonly key: string
  readonly value?: AnyValue
}

interface Export {
  readonly resourceLogs?: readonly {
    readonly resource?: { readonly attributes?: readonly KeyValue[] }
    readonly scopeLogs?: readonly {
      readonly scope?: { readonly name?: string; readonly version?: string }
      readonly logRecords?: readonly (Omit<OtlpRecord, 'attributes' | 'body'> & {
        readonly attributes?: readonly KeyValue[]
        readonly body?: AnyValue
      })[]
    }[]
  }[]
}

// A Collector that was killed before a request's newline goes on behind it. In a string the quote would be escaped.
const BETWEEN = /\n|(?=\{"resourceLogs":)/

/** Reads the requests that a Collector's file exporter wrote, flat. What was torn by a SIGKILL is left out. */
export function readOtlp(text: string): OtlpRecord[] {
  return text
    .split(BETWEEN)
    .filter((piece) => piece !== '')
    .flatMap((piece) => flat(parse(piece)))
}

function parse(piece: string): Export {
  try {
    return JSON.parse(piece)
  } catch {
    return {}
  }
}

function flat({ resourceLogs = [] }: Export): OtlpRecord[] {
  return resourceLogs.flatMap(({ resource, scopeLogs = [] }) => {
    const shared = attributes(resource?.attributes)
    return scopeLogs.flatMap(({ scope = {}, logRecords = [] }) =>
      logRecords.map((record) => ({
        ...record,
        resource: shared,
        scope,
        attributes: attributes(record.attributes),
        body: plain(record.body),
        traceId: record.traceId ?? '',
        spanId: record.spanId ?? '',
      })),
    )
  })
}

function attributes(list: readonly KeyValue[] = []): Attributes {
  return Object.fromEntries(list.map(({ key, value }) => [key, plain(value)]))
}

/** A plain value; a whole number that a double can't hold is a bigint. */
function plain(value: AnyValue = {}): unknown {
  const { stringValue, intValue, doubleValue, boolValue, bytesValue, arrayValue, kvlistValue } = value
  if (intValue !== undefined)
    return Number.isSafeInteger(Number(intValue)) ? Number(intValue) : BigInt(intValue)
  if (doubleValue !== undefined) return Number(doubleValue)
  if (arrayValue !== undefined) return (arrayValue.values ?? []).map(plain)
  if (kvlistValue !== undefined) return attributes(kvlistValue.values)
  if (bytesValue !== undefined) return Buffer.from(bytesValue, 'base64')
  return stringValue ?? boolValue
}
