import { describe, expect, it } from 'vitest'
import { asSpoor, type Form, type Kind, type Line, run, steady } from './run.ts'

// Each app makes the same calls with pino and with spoor; what the agent got must be the same. run() parses every
// line strictly, so that a key that an agent and spoor both write is an error here.

// The numbers that the system hands out, in every form in which they stand in a line.
const ports = /127\.0\.0\.1:\d+|,?"(?:port|remotePort)":\d+/g

const forms: Form[] = ['esm', 'cjs']
const pairs: [Kind, Form][] = forms.flatMap((form): [Kind, Form][] => [
  ['spoor/pino', form],
  ['spoor', form],
])

/** The lines of `kind` hold what pino's hold: all of it and no more for spoor/pino, at least that for spoor. */
function sameLines(kind: Kind, seen: Line[], ofPino: Line[]): void {
  if (kind === 'spoor/pino') expect(seen.map(steady)).toEqual(ofPino.map(steady))
  else {
    expect(seen).toHaveLength(ofPino.length)
    expect(seen).toMatchObject(ofPino.map(asSpoor))
  }
}

interface Sentry {
  logs: { level: string; message: string; attributes: Line }[]
  events: { level: string; logger: string; message?: string; exceptions?: Line[]; pino: Line }[]
}

const messageOf = (event: Sentry['events'][number]): string => String(event.exceptions?.[0]?.value)

describe.each(pairs)('Sentry with %s (%s)', (kind, form) => {
  const ofPino = run<Sentry>('sentry', 'pino', form)
  const seen = run<Sentry>('sentry', kind, form)

  it('gets every record as a log: level, message, attributes', () => {
    expect(ofPino.logs).toHaveLength(7)
    const attributes = ofPino.logs.map(({ level, message, attributes }) => ({ level, message, attributes }))
    if (kind === 'spoor/pino') expect(seen.logs).toEqual(attributes)
    else expect(seen.logs).toMatchObject(attributes)
  })

  it('gets the errors as exceptions, with the fields of the record', () => {
    expect(ofPino.events).toHaveLength(2)
    // Sentry reads the sources around each frame before it sends: which event is first is a matter of luck.
    const sorted = (events: Sentry['events']) =>
      [...events].sort((a, b) => messageOf(a).localeCompare(messageOf(b)))
    expect(sorted(ofPino.events).map(messageOf)).toEqual(['bad type', 'boom'])
    if (kind === 'spoor/pino') expect(sorted(seen.events)).toEqual(sorted(ofPino.events))
    else expect(sorted(seen.events)).toMatchObject(sorted(ofPino.events))
  })

  it('leaves the lines as they were', () => sameLines(kind, seen.lines, ofPino.lines))
})

const datadog: Record<Form, string[]> = {
  esm: ['--import', 'dd-trace/initialize.mjs'],
  cjs: ['--require', 'dd-trace/init'],
}
const quiet = {
  DD_LOGS_INJECTION: 'true',
  DD_SERVICE: 'shop',
  DD_INSTRUMENTATION_TELEMETRY_ENABLED: 'false',
  DD_REMOTE_CONFIGURATION_ENABLED: 'false',
  DD_TRACE_STARTUP_LOGS: 'false',
  DD_TRACE_AGENT_PORT: '9',
}

describe.each(pairs)('Datadog with %s (%s)', (kind, form) => {
  const ofPino = run<{ ids: string[] }>('datadog', 'pino', form, datadog[form], quiet)
  const seen = run<{ ids: string[] }>('datadog', kind, form, datadog[form], quiet)
  const withoutIds = ({ dd, ...rest }: Line) => rest

  it('puts its ids into every line of the span', () => {
    for (const { ids, lines } of [ofPino, seen]) {
      expect(lines).toHaveLength(9)
      for (const line of lines.slice(0, 7))
        expect(line.dd).toMatchObject({ trace_id: ids[0], service: 'shop' })
      expect(lines[7]?.dd).toEqual({ own: true })
      expect((lines[8]?.dd as Line | undefined)?.trace_id).toBeUndefined()
    }
  })

  it('leaves the lines as they were', () => {
    sameLines(kind, seen.lines.map(withoutIds), ofPino.lines.map(withoutIds))
  })
})

interface Otel {
  traceId: string
  spanId: string
  records: {
    body: unknown
    severityNumber: number
    severityText: string
    attributes: Line
    traceId?: string
  }[]
}

describe.each(pairs)('OpenTelemetry with %s (%s)', (kind, form) => {
  const ofPino = run<Otel>('otel', 'pino', form)
  const seen = run<Otel>('otel', kind, form)
  const withoutIds = ({ trace_id, span_id, ...rest }: Line) => rest

  it('finds its ids in every line of the span, once', () => {
    for (const { lines, traceId, spanId } of [ofPino, seen]) {
      expect(lines).toHaveLength(8)
      for (const line of lines.slice(0, 7)) {
        expect(line).toMatchObject({ trace_id: traceId, span_id: spanId, trace_flags: '01' })
      }
      expect(lines[7]).not.toHaveProperty('trace_id')
    }
  })

  it('is sent every record, with body, severity and trace', () => {
    const tidy = ({ records, traceId }: Otel) =>
      records.map(({ body, severityNumber, severityText, ...rest }) => ({
        body,
        severityNumber,
        severityText,
        inTrace: rest.traceId === traceId,
      }))
    expect(tidy(ofPino).map((record) => record.inTrace)).toEqual([...Array(7).fill(true), false])
    // A record of spoor always has a message, if an empty one.
    const body = kind === 'spoor' ? '' : undefined
    expect(tidy(seen)).toEqual(tidy(ofPino).map((record) => ({ ...record, body: record.body ?? body })))
    const attributes = (of: Otel) => of.records.map((record) => steady(record.attributes))
    if (kind === 'spoor/pino') expect(attributes(seen)).toEqual(attributes(ofPino))
    else expect(attributes(seen)).toMatchObject(attributes(ofPino).map(({ hostname, ...rest }) => rest))
  })

  it('leaves the lines as they were', () => {
    sameLines(kind, seen.lines.map(withoutIds), ofPino.lines.map(withoutIds))
  })
})

interface OtelLogs {
  records: { body: string; severityText: string; scope: string; attributes: Line; hasTime: boolean }[]
  stats: Line
  read: number
}

/** By what each has its logs API in. */
const generations = { 'api-logs 0.223': 'otel-logs', 'api 1.10': 'newer/otel-logs' }

describe.each(
  Object.entries(generations).flatMap(([api, app]) =>
    forms.map((form): [string, string, Form] => [api, app, form]),
  ),
)("spoor's otel transport with the SDK of %s (%s, %s)", (_api, app, form) => {
  const { records, stats, read } = run<OtelLogs>(app, 'spoor', form)
  const [plain, failed, inSpan, inScope, wanted, ...more] = records

  it('is found when it is registered, and gets every record that it wants', () => {
    expect(more).toEqual([])
    expect(stats).toMatchObject({ records: 6, dropped: 1, unregistered: 1, disabled: 1 })
    expect(read).toBe(1)
    expect(wanted).toMatchObject({ body: 'wanted', scope: 'quiet', attributes: { field: 1 } })
  })

  it('has time, severity, body, scope and attributes', () => {
    expect(plain).toEqual({
      ...{ body: 'plain', severityNumber: 9, severityText: 'info', scope: 'spoor', hasTime: true },
      attributes: {
        ...{ order_id: 42, order: { id: 1, lines: [{ sku: 'a' }, null] }, _: 1, body: { _constructor: 'x' } },
      },
    })
    expect(failed).toMatchObject({
      ...{ body: 'it failed', severityNumber: 17, scope: 'db.pool' },
      attributes: {
        ...{ 'exception.type': 'TypeError', 'exception.message': 'bad' },
        err: { code: 'E_BAD', cause: { type: 'Error', message: 'root' } },
      },
    })
  })

  it('has the trace of the span, and of the scope where there is none', () => {
    expect(inSpan).toMatchObject({
      attributes: { request_id: 'r-1' },
      trace: ['a'.repeat(32), 'b'.repeat(16), 1],
    })
    expect(inScope).toMatchObject({
      attributes: { request_id: 'r-2' },
      trace: ['c'.repeat(32), 'd'.repeat(16), 1],
    })
    expect([plain, failed, wanted].map((record) => record && 'trace' in record)).toEqual([
      false,
      false,
      false,
    ])
  })
})

it.each(forms)(
  'a logger knows whether the instrumentation of pino sends its records by itself (%s)',
  (form) => {
    expect(run<{ seen: boolean[] }>('otel-doubled', 'spoor', form).seen).toEqual([true, false])
  },
)

describe.each(forms)('Elastic with spoor/pino (%s)', (form) => {
  it('gets the same ECS lines, requests and errors included', () => {
    const ofPino = run('elastic', 'pino', form).lines.map(steady)
    expect(ofPino).toHaveLength(8)
    expect(ofPino[3]).toMatchObject({ 'log.level': 'error', error: { type: 'Error', message: 'boom' } })
    expect(ofPino[7]).toMatchObject({ http: { request: { method: 'GET' }, response: { status_code: 200 } } })
    const tidy = (lines: Line[]) => JSON.parse(JSON.stringify(lines).replaceAll(ports, ''))
    expect(tidy(run('elastic', 'spoor/pino', form).lines.map(steady))).toEqual(tidy(ofPino))
  })
})

describe.each(forms)("Google's options with spoor/pino (%s)", (form) => {
  it('give the same lines', () => {
    const ofPino = run('gcp', 'pino', form).lines
    expect(ofPino[0]).toMatchObject({ severity: 'INFO', 'logging.googleapis.com/trace_sampled': true })
    expect(ofPino).toHaveLength(7)
    expect(run('gcp', 'spoor/pino', form).lines).toEqual(ofPino)
  })
})

interface Nest {
  answers: { status: number; body: string }[]
}

describe.each(pairs)('a nestjs-pino app with %s (%s)', (kind, form) => {
  const ofPino = run<Nest>('nest', 'pino', form)
  const seen = run<Nest>('nest', kind, form)
  const plain = (lines: Line[]): Line[] => JSON.parse(JSON.stringify(lines).replaceAll(ports, ''))

  it('answers its requests', () => {
    expect(ofPino.answers.map((answer) => answer.status)).toEqual([200, 503])
    expect(seen.answers).toEqual(ofPino.answers)
  })

  it('writes the lines that it writes with pino', () => {
    const orders = ofPino.lines.filter((line) => line.context === 'Orders' && line.tenant === 't-9')
    expect(orders.map((line) => line.msg)).toEqual(['listing 1'])
    expect(ofPino.lines.filter((line) => line.edge === 'eu' && line.res !== undefined)).toHaveLength(2)
    sameLines(kind, plain(seen.lines), plain(ofPino.lines))
  })
})
