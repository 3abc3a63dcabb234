const t = process.hrtime.bigint()
await import(process.argv[2])
const d = Number(process.hrtime.bigint() - t) / 1e6
process.stdout.write(d.toFixed(1) + ' ')
