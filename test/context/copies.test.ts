import { execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { transpiled } from './transpile.ts'

let esm: string
let cjs: string

beforeAll(() => {
  esm = transpiled('module')
  cjs = transpiled('commonjs')
})
afterAll(() => {
  rmSync(esm, { recursive: true })
  rmSync(cjs, { recursive: true })
})

function run(lines: string): unknown {
  const file = join(esm, 'main.js')
  writeFileSync(
    file,
    `import { createRequire } from 'node:module'
    import http from 'node:http'
    import * as esm from './context/scope.js'
    import * as esmOut from './context/outbound.js'
    const require = createRequire(import.meta.url)
    const cjs = require(${JSON.stringify(join(cjs, 'context/scope.js'))})
    const cjsOut = require(${JSON.stringify(join(cjs, 'context/outbound.js'))})
    ${lines}`,
  )
  return JSON.parse(execFileSync(process.execPath, [file], { encoding: 'utf8' }))
}

test('an ESM and a CommonJS copy in one process share the scope', () => {
  const seen = run(`
    const out = [esm.withContext === cjs.withContext]
    esm.withContext({ a: 1 }, () => {
      out.push(cjs.currentScope() === esm.currentScope(), cjs.addContext({ b: 2 }), esm.currentScope().fields)
    })
    await cjs.withContext({ c: 3 }, async () => { await null; out.push(esm.currentScope().fields) })
    console.log(JSON.stringify(out))`)
  expect(seen).toEqual([false, true, true, { a: 1, b: 2 }, { c: 3 }])
})

test('both turn outbound headers on: one set of headers; either turns them off', () => {
  const seen = run(`
    const server = http.createServer((req, res) => res.end(JSON.stringify(req.rawHeaders)))
    await new Promise((done) => server.listen(0, '127.0.0.1', done))
    const ask = () => esm.withContext({ request_id: 'r-1' }, async () => {
      const raw = await (await fetch('http://127.0.0.1:' + server.address().port)).json()
      return raw.filter((name) => name === 'x-request-id').length
    })
    const out = [await ask()]
    esmOut.enableOutbound()
    cjsOut.enableOutbound()
    out.push(await ask())
    cjsOut.disableOutbound()
    out.push(await ask())
    server.close()
    console.log(JSON.stringify(out))`)
  expect(seen).toEqual([0, 1, 0])
})
