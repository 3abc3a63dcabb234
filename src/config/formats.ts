/** What spoor can ship to, by the name of the format. */
export const HTTP_FORMATS = [
  'loki',
  'elasticsearch',
  'opensearch',
  'otlp',
  'dash0',
  'datadog',
  'splunk',
  'cloudwatch',
  'ndjson',
  'fluentd',
  'syslog',
] as const
export type HttpFormat = (typeof HTTP_FORMATS)[number]
