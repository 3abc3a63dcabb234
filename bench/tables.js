// Tables of figures with their spreads.

import { spread } from './figures.js'

const digits = (value) => (Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2)
export const number = (value) =>
  value.toLocaleString('en', { minimumFractionDigits: digits(value), maximumFractionDigits: digits(value) })
export const range = ({ min, max }) => `${number(min)} – ${number(max)}`

/** A Markdown table whose columns line up, so that a terminal shows it as it is. */
export function table(head, rows) {
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column].length)))
  const line = (row) =>
    `| ${row.map((cell, column) => (column ? cell.padStart(widths[column]) : cell.padEnd(widths[column]))).join(' | ')} |`
  const rule = `|${widths.map((width, column) => (column ? `${'-'.repeat(width + 1)}:` : '-'.repeat(width + 2))).join('|')}|`
  return [line(head), rule, ...rows.map(line)].join('\n')
}

const rowsOf = (results, keys) =>
  Object.entries(results).map(([name, of]) => [
    name,
    ...keys.flatMap(([key, , scale = 1]) => {
      const value = spread(of[key].map((one) => one / scale))
      return [number(value.median), range(value)]
    }),
  ])

export const keyTable = (title, results, keys) =>
  table([title, ...keys.flatMap(([, label]) => [label, 'spread'])], rowsOf(results, keys))

// In one word when all is there: what is wrong is what has to be seen.
function remark({ lost = [], doubled = [], broken = [] }) {
  const sum = (values) => values.reduce((all, one) => all + one, 0)
  const wrong = Object.entries({ lost, doubled, broken }).filter(([, values]) => sum(values) > 0)
  return wrong.map(([what, values]) => `${sum(values).toLocaleString('en')} ${what}`).join(', ') || 'whole'
}

/** As `keyTable`, and what was lost, doubled or broken in all rounds. */
export function countedTable(title, results, keys) {
  const remarks = Object.values(results).map((of) => [remark(of)])
  const rows = rowsOf(results, keys).map((row, i) => [...row, ...remarks[i]])
  return table([title, ...keys.flatMap(([, label]) => [label, 'spread']), ''], rows)
}
