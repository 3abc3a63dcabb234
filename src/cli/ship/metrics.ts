import { visible } from '../../config/visible.ts'
import type { ShipperStats } from '../../shipping/stats.ts'
import type { LogStatus, Status } from './run.ts'

/** The text format of Prometheus, version 0.0.4. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

type Labels = Readonly<Record<string, string>>

interface Sample {
  readonly labels?: Labels
  readonly value: number
}

interface Family {
  readonly name: string
  readonly type: 'counter' | 'gauge'
  readonly help: string
  readonly samples: readonly Sample[]
}

export interface About {
  readonly version: string
  /** The destination's format. */
  readonly format: string
  /** When the process began, epoch ms. */
  readonly startedMs: number
}

/** What /metrics says. */
export function metricsText(status: Status, about: About): string {
  const { stats, logs } = status
  return [...familiesOf(about), ...(stats === undefined ? [] : shipperFamilies(stats)), ...logFamilies(logs)]
    .filter(({ samples }) => samples.length > 0)
    .map(textOf)
    .join('')
}

function familiesOf({ version, format, startedMs }: About): Family[] {
  return [
    gauge('info', 'What ships, and what to; always 1.', [{ labels: { version, format }, value: 1 }]),
    gauge('start_time_seconds', 'When the process began, in seconds since the epoch.', startedMs / 1000),
  ]
}

const STATES = ['healthy', 'failing', 'held'] as const

function shipperFamilies(stats: ShipperStats): Family[] {
  const { oldestMs, roundTripMs } = stats
  return [
    gauge(
      'state',
      'Whether the destination takes records: 1 for the state that it is in.',
      STATES.map((state) => ({ labels: { state }, value: Number(stats.state === state) })),
    ),
    counter('records_total', 'Records read.', stats.records),
    counter('bytes_total', 'Bytes of the records read.', stats.bytes),
    counter('sent_records_total', 'Records put into requests, each time.', stats.sent),
    counter('sent_bytes_total', 'Bytes of the records put into requests, each time.', stats.sentBytes),
    counter('delivered_records_total', 'Records that the destination has.', stats.delivered),
    counter('retried_records_total', 'Records put into a request again.', stats.retried),
    counter('requests_total', 'Requests made.', stats.requests),
    counter('refused_records_total', 'Records that were refused and are in the dead letters.', stats.refused),
    counter('lost_records_total', 'Records that nobody has any more.', stats.lost),
    counter('expired_records_total', 'Records not sent since they were too old.', stats.expired),
    counter('dropped_letters_total', 'Dead letters dropped since there were too many.', stats.dropped),
    gauge('inflight_requests', 'Requests that wait for an answer.', stats.inFlight),
    gauge('inflight_limit', 'How many may wait for one at present.', stats.limit),
    gauge('queue_bytes', 'Bytes on disk that are not done with.', stats.queueBytes),
    gauge('held_bytes', 'Bytes of records in memory.', stats.heldBytes),
    gauge('oldest_record_age_seconds', 'Age of the oldest record that was read and is not done with.', {
      value: (oldestMs ?? 0) / 1000,
    }),
    gauge(
      'round_trip_seconds',
      'Mean time from a request to its answer.',
      roundTripMs === undefined ? [] : [{ value: roundTripMs / 1000 }],
    ),
  ]
}

function logFamilies(logs: readonly LogStatus[]): Family[] {
  const each = (value: (log: LogStatus) => number | undefined): Sample[] =>
    logs.flatMap((log) => {
      const found = value(log)
      return found === undefined ? [] : [{ labels: { log: log.path }, value: found }]
    })
  const skipped = logs.flatMap(({ path, counts }) =>
    (['filtered', 'torn', 'tooLong'] as const).map((reason) => ({
      labels: { log: path, reason: reason === 'tooLong' ? 'too_long' : reason },
      value: counts[reason],
    })),
  )
  return [
    counter(
      'log_lines_total',
      'Lines read of a log.',
      each(({ counts }) => counts.lines),
    ),
    counter(
      'log_bytes_total',
      'Bytes read of a log.',
      each(({ counts }) => counts.bytes),
    ),
    counter(
      'log_committed_records_total',
      'Records of a log that are done with, as all before them are.',
      each(({ counts }) => counts.committed),
    ),
    counter('log_skipped_lines_total', 'Lines of a log that are no records to be shipped.', skipped),
    counter(
      'log_unmatched_lines_total',
      'Lines of a log that --pattern does not fit.',
      each(({ counts }) => counts.unmatched),
    ),
    counter(
      'log_problems_total',
      'Files of a log that could not be read, or not all of them.',
      each(({ counts }) => counts.problems),
    ),
    gauge(
      'log_backlog_bytes',
      'Bytes of a log that are not done with.',
      each(({ backlog }) => backlog),
    ),
  ]
}

type Given = number | Sample | readonly Sample[]

const counter = (name: string, help: string, given: Given): Family => family('counter', name, help, given)
const gauge = (name: string, help: string, given: Given): Family => family('gauge', name, help, given)

function family(type: Family['type'], name: string, help: string, given: Given): Family {
  const samples = typeof given === 'number' ? [{ value: given }] : ([given].flat() as readonly Sample[])
  return { name: `spoor_ship_${name}`, type, help, samples }
}

function textOf({ name, type, help, samples }: Family): string {
  const lines = samples.map(({ labels = {}, value }) => `${name}${labelsText(labels)} ${value}\n`)
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '\n': '\\n' }

function labelsText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}="${labelText(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

/** A file's name may have anything in it, and people ask for metrics on a terminal. */
function labelText(value: string): string {
  const plain = value.split('\n').map(visible).join('\n')
  return plain.replace(/[\\"\n]/g, (character) => ESCAPES[character] as string)
}
