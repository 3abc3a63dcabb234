// What it costs to make a string JSON text that is safe on a terminal, beside what it cost before (JSON's own escaping
// only) and JSON.stringify alone. Each text ends up in a line, as it does in a logger, because a concatenation is
// paid for when the line is read. Usage: node bench/quote.js [rounds, default 25]
import { buildSync } from 'esbuild'

const root = new URL('..', import.meta.url)
const rounds = Number(process.argv[2] ?? 25)

async function load(file, name) {
  const { outputFiles } = buildSync({
    entryPoints: [new URL(file, root).pathname],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
  })
  const module = await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`)
  return module[name]
}

const contenders = {
  'JSON.stringify': JSON.stringify,
  before: await load('src/pino/quote.ts', 'quoteAsPino'),
  now: await load('src/logger/line/text.ts', 'quote'),
}

const address =
  'GET /api/orders/12345/items?limit=20&offset=40 from 10.0.0.7 with Mozilla/5.0 (X11; Linux) '.repeat(20)
const stack = '    at Object.<anonymous> (/srv/app/node_modules/foo/bar.js:12:34)\n'.repeat(20)
const texts = {
  'ASCII, 8': 'checkout',
  'ASCII, 24': address.slice(0, 24),
  'ASCII, 40': address.slice(0, 40),
  'ASCII, 64': address.slice(0, 64),
  'ASCII, 90': address.slice(0, 90),
  'ASCII, 120': address.slice(0, 120),
  'ASCII, 200': address.slice(0, 200),
  'ASCII, 300': address.slice(0, 300),
  'ASCII, 1000': address.slice(0, 1000),
  'a stack, 1000': stack.slice(0, 1000),
  'with quotes, 36': 'said "hello" to C:\\temp and "others"',
  'umlauts, 28': 'Bestellung für Jürgen Müller',
  'umlauts, 196': 'Bestellung für Jürgen Müller aus Köln, '.repeat(5),
  'Cyrillic, 31': 'заказ оформлен, спасибо за всё!',
  'Arabic, 28': 'تم تقديم الطلب، شكرا لشرائكم',
  'CJK, 20': '注文が完了しました。ありがとうございます',
  'CJK, 200': '注文が完了しました。ありがとうございます'.repeat(10),
  'emoji, 23': 'deployed 🚀 all good 🎉 ',
  'emoji, 207': 'deployed 🚀 all good 🎉 '.repeat(9),
  'hostile, 30': 'a\x1b[31m b\u009b2J c\u202e d \u{e0041}',
}

/** Ten texts that differ, each in one piece. */
function variants(text) {
  return Array.from({ length: 10 }, (_, i) => Buffer.from(text.slice(0, -1) + i).toString())
}

let sink = 0
console.log(`Node ${process.version}; ns for one text in a line, the least of ${rounds} rounds`)
console.log(`| text, UTF-16 units | ${Object.keys(contenders).join(' | ')} |`)
console.log(`|---|${'---|'.repeat(Object.keys(contenders).length)}`)
for (const [name, text] of Object.entries(texts)) {
  const all = variants(text)
  const count = Math.max(300, Math.floor(1e6 / (60 + text.length)))
  const least = Object.fromEntries(Object.keys(contenders).map((each) => [each, Infinity]))
  for (let round = 0; round < rounds; round++) {
    for (const [each, quote] of Object.entries(contenders)) {
      const start = process.hrtime.bigint()
      for (let i = 0; i < count; i++) sink += `{"time":"x","msg":${quote(all[i % 10])}}\n`.charCodeAt(4)
      least[each] = Math.min(least[each], Number(process.hrtime.bigint() - start) / count)
    }
  }
  console.log(
    `| ${name} | ${Object.values(least)
      .map((ns) => ns.toFixed(0))
      .join(' | ')} |`,
  )
}
if (sink === 0) console.log()
