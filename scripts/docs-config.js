// Writes the table of docs/configuration.md from src/config; with --check it only says whether it is up to date.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const BEGIN = '<!-- variables: made by scripts/docs-config.js -->'
const END = '<!-- end of variables -->'

const source = new URL('../src/config/identity-variables.ts', import.meta.url)
const args = process.argv.slice(2)
const page =
  args.find((arg) => !arg.startsWith('--')) ??
  fileURLToPath(new URL('../docs/configuration.md', import.meta.url))

async function readVariables() {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(source)],
    bundle: true,
    format: 'esm',
    platform: 'node',
    write: false,
  })
  const code = Buffer.from(outputFiles[0].contents).toString('base64')
  const { allVariables } = await import(`data:text/javascript;base64,${code}`)
  return allVariables()
}

function cell(text) {
  return text.replaceAll('|', '\\|')
}

function code(text) {
  return text === 'none' ? '' : `\`${text}\``
}

// Padded, because that is how the formatter wants a table.
function tableOf(variables) {
  const rows = [
    ['variable', 'code option', 'accepted', 'default', 'what'],
    ...variables.map((each) => [
      `\`${each.name}\``,
      code(each.option),
      cell(each.accepted),
      cell(each.default),
      cell(each.doc),
    ]),
  ]
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  const lines = rows.map((row) => `| ${row.map((text, column) => text.padEnd(widths[column])).join(' | ')} |`)
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  return [lines[0], rule, ...lines.slice(1)].join('\n')
}

function replaced(text, table) {
  const begin = text.indexOf(BEGIN)
  const end = text.indexOf(END)
  if (begin === -1 || end < begin)
    throw new Error(`${page} lacks the lines ${BEGIN} and ${END}; put them back`)
  return `${text.slice(0, begin + BEGIN.length)}\n\n${table}\n\n${text.slice(end)}`
}

const before = readFileSync(page, 'utf8')
const after = replaced(before, tableOf(await readVariables()))
if (args.includes('--check')) {
  if (before !== after) {
    console.error(`${page} is not what src/config says: run node scripts/docs-config.js`)
    process.exitCode = 1
  }
} else {
  writeFileSync(page, after)
}
