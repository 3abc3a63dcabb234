import { HTTP_FORMATS } from '../../config/formats.ts'

interface Option {
  /** What its value is; undefined for a switch. */
  readonly value?: string
  /** Whether it may be given more than once. */
  readonly many?: boolean
  readonly short?: string
  /** For --help; the variable in brackets is the default. */
  readonly help: string
}

const OPTION_LIST = {
  to: {
    value: '<format>=<url>',
    help: `where to: ${HTTP_FORMATS.join(', ')}. A URL alone is enough where its path says the format; otlp, dash0, datadog and cloudwatch find theirs in the environment [LOG_HTTP_URL, LOG_HTTP_FORMAT]`,
  },
  'token-env': { value: '<name>', help: 'the environment variable that holds the token [LOG_HTTP_TOKEN]' },
  header: {
    value: '<name>=<value>',
    many: true,
    help: 'one more header; secret ones go into LOG_HTTP_HEADERS',
  },
  label: {
    value: '<key>=<value>',
    many: true,
    help: 'a field that each record gets, and a label where the back end has labels [LOG_LABELS]',
  },
  tenant: { value: '<name>', help: "Loki's tenant [LOG_HTTP_TENANT]" },
  index: { value: '<name>', help: "Elasticsearch's or Splunk's index [LOG_HTTP_INDEX]" },
  option: { value: '<name>=<value>', many: true, help: "an option of the format's own: logGroup=shop" },
  insecure: { help: 'allow http: towards other machines [LOG_HTTP_INSECURE]' },
  ca: { value: '<file>', help: 'PEM of the authority that the endpoint is checked against [LOG_HTTP_CA]' },
  cert: { value: '<file>', help: 'PEM of our own certificate [LOG_HTTP_CERT]' },
  key: { value: '<file>', help: 'PEM of its key [LOG_HTTP_KEY]' },
  pattern: {
    value: '<regexp>',
    help: 'what lines that are no JSON consist of, with named groups: (?<time>\\S+) (?<level>\\w+) (?<msg>.*)',
  },
  level: { value: '<level>', help: 'the lowest level that is shipped [LOG_HTTP_LEVEL]' },
  from: { value: 'start|end', help: 'where to begin with logs that were never shipped before (start)' },
  once: { help: 'ship what is there, then end: 0, or 1 if something was refused, lost or left' },
  'batch-bytes': { value: '<size>', help: 'bytes of a batch (1MB)' },
  'batch-count': { value: '<number>', help: 'records of a batch (1000)' },
  'batch-age': { value: '<duration>', help: 'how long a record waits for others (1s)' },
  timeout: { value: '<duration>', help: 'how long a request may take (30s)' },
  state: {
    value: '<directory>',
    help: 'where it is kept how far each log was shipped (beside the log), and what was refused',
  },
  listen: {
    value: '[<address>:]<port>',
    help: 'answer /health and /metrics; on 127.0.0.1 unless an address is given',
  },
  'unhealthy-after': {
    value: '<duration>',
    help: 'how long records must have been refused for /health to say 503 (1m)',
  },
  'dead-letter': {
    help: 'send again what was refused: the files or spool directories named (LOG_SPOOL_DIR)',
  },
  spool: { value: '<directory>/<name>', help: 'ship a spool that processes of spoor have left' },
  quiet: { short: 'q', help: 'tell only what goes wrong' },
  help: { short: 'h', help: 'this text' },
  version: { short: 'v', help: 'the version' },
} satisfies Readonly<Record<string, Option>>

export type OptionName = keyof typeof OPTION_LIST

/** Every option of `spoor ship`. */
export const OPTIONS: Readonly<Record<OptionName, Option>> = OPTION_LIST

const WIDTH = 30
const LINE = 100

/** What `spoor ship --help` says. */
export function helpText(): string {
  const rows = Object.entries(OPTIONS).map(([name, { value = '', short, help }]) => {
    const left = `  ${short === undefined ? '' : `-${short}, `}--${name} ${value}`.trimEnd()
    const lines = wrapped(help, LINE - WIDTH)
    const first = left.length < WIDTH ? [left.padEnd(WIDTH) + (lines.shift() ?? '')] : [left]
    return [...first, ...lines.map((line) => ' '.repeat(WIDTH) + line)].join('\n')
  })
  return `Ships logs that others write, as they grow and are rotated.

  spoor ship <logs> --to <format>=<url>
  spoor ship --dead-letter [<files>] --to <format>=<url>
  spoor ship --spool <directory>/<name> --to <format>=<url>

<logs> are files, directories (all *.log in them) and names with a * in their last part.
JSON lines of any logger's are understood; other text becomes { msg }, or what --pattern makes of it.

${rows.join('\n')}

In [brackets] the environment variable that is used where the option is not given, in (parentheses) the default.
LOG_HTTP=off and DISABLE_FLUENT_BIT_LOGGING=1 switch shipping off. docs/ship.md of the package has more.
`
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = ''
    }
    line += `${line === '' ? '' : ' '}${word}`
  }
  return [...lines, line]
}
