/** A family of metrics as Prometheus's text format 0.0.4 has it. */
export interface ParsedFamily {
  readonly type: string
  readonly help: string
  readonly samples: { readonly labels: Readonly<Record<string, string>>; readonly value: number }[]
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const HELP = new RegExp(`^# HELP (${NAME}) ((?:[^\\\\\\n]|\\\\\\\\|\\\\n)+)$`)
const TYPE = new RegExp(`^# TYPE (${NAME}) (counter|gauge)$`)
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (-?\\d+(?:\\.\\d+)?(?:e[+-]?\\d+)?|[+-]Inf|NaN)$`)
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^\\"\n]|\\\\|\\"|\\n)*)"(,|$)/
const UNESCAPED: Readonly<Record<string, string>> = { '\\\\': '\\', '\\"': '"', '\\n': '\n' }

/**
 * Reads the text format strictly: each family once and in one piece, HELP and TYPE before its samples, counters called
 * …_total and not negative, no sample twice, every label well-formed, a newline at the end.
 *
 * @throws Error with the line that breaks the rules
 */
export function parseExposition(text: string): Map<string, ParsedFamily> {
  if (!text.endsWith('\n')) throw new Error('the text does not end with a newline')
  const families = new Map<string, ParsedFamily>()
  const lines = text.slice(0, -1).split('\n')
  let at = 0
  const next = (pattern: RegExp): RegExpExecArray => {
    const line = lines[at++] ?? ''
    const match = pattern.exec(line)
    if (match === null) throw new Error(`line ${at} is not ${pattern}: ${line}`)
    return match
  }
  while (at < lines.length) {
    const [, name = '', help = ''] = next(HELP)
    const [, typed, type = ''] = next(TYPE)
    if (typed !== name) throw new Error(`TYPE of ${typed} behind HELP of ${name}`)
    if (families.has(name)) throw new Error(`${name} is there twice`)
    if ((type === 'counter') !== name.endsWith('_total')) throw new Error(`${name} is a ${type}`)
    const family: ParsedFamily = { type, help, samples: [] }
    families.set(name, family)
    const seen = new Set<string>()
    while (at < lines.length && !lines[at]?.startsWith('#')) {
      const [, sampled, labels, value = ''] = next(SAMPLE)
      if (sampled !== name) throw new Error(`a sample of ${sampled} among those of ${name}`)
      if (seen.has(labels ?? '')) throw new Error(`${name}{${labels}} is there twice`)
      seen.add(labels ?? '')
      const number = Number(value.replace('Inf', 'Infinity'))
      if (type === 'counter' && !(number >= 0)) throw new Error(`${name} is ${value}`)
      family.samples.push({ labels: parseLabels(labels), value: number })
    }
    if (family.samples.length === 0) throw new Error(`${name} has no sample`)
  }
  return families
}

function parseLabels(text: string | undefined): Record<string, string> {
  const labels: Record<string, string> = {}
  let rest = text ?? ''
  while (rest !== '') {
    const match = LABEL.exec(rest)
    if (match === null) throw new Error(`these are no labels: ${rest}`)
    const [all, name = '', value = '', comma] = match
    if (Object.hasOwn(labels, name)) throw new Error(`the label ${name} is there twice`)
    labels[name] = value.replace(/\\[\\"n]/g, (pair) => UNESCAPED[pair] as string)
    rest = rest.slice(all.length)
    if (comma === ',' && rest === '') throw new Error('a comma behind the last label')
  }
  return labels
}
