// Requests a second and p99 under load from another process, for each framework and way of logging.

import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { answer, ask, start } from './child.js'
import { countLines, readLines } from './figures.js'

const CONNECTIONS = 16

export const SERVERS = [
  ['express', 'none'],
  ['express', 'pino-http'],
  ['express', 'pino-http-4096'],
  ['express', 'spoor'],
  ['fastify', 'none'],
  ['fastify', 'fastify-mixin'],
  ['fastify', 'fastify-mixin-4096'],
  ['fastify', 'spoor'],
]

async function withServer(folder, [framework, logging], work) {
  const path = join(folder, 'http.log')
  rmSync(path, { force: true })
  const server = start('http-server.js', [framework, logging, path], { stdout: path })
  const { port } = await answer(server, `${framework} with ${logging}`)
  const result = await work(port, path)
  const used = once(server, 'message')
  server.send('usage')
  const [usage] = await used
  const exited = once(server, 'exit')
  server.disconnect()
  await exited
  return { ...result, usage, path }
}

/** Fails unless each server writes exactly three records a request, all with one request id. */
export async function verifyHttp(folder, servers) {
  for (const one of servers.filter(([, logging]) => logging !== 'none')) {
    const { path } = await withServer(folder, one, async (port) => {
      await (await fetch(`http://127.0.0.1:${port}/orders/7`)).json()
      // A buffer of 4096 keeps the three lines back: enough requests to push them out.
      for (let i = 0; i < 40; i++) await (await fetch(`http://127.0.0.1:${port}/orders/8`)).json()
    })
    const records = readLines(path).flatMap((line) => (line.endsWith('}') ? [JSON.parse(line)] : []))
    const idOf = (record) => record.request_id ?? record.req?.id
    const first = records.find((record) => record.msg === 'order loaded')
    const same = records.filter((record) => idOf(record) === idOf(first) && idOf(first) !== undefined)
    const messages = same.map((record) => record.msg).join(', ')
    if (messages !== 'order loaded, order priced, request completed')
      throw new Error(`${one.join(' ')}: the first request wrote [${messages}], expected its three records`)
  }
}

/** results['express spoor'] = { perSecond, p50, p99, cpu, perRequest }, each with one value a round:
 * milliseconds, CPU microseconds a request, records a request. */
export async function measureHttp(folder, servers, { rounds, ms }, tell) {
  const results = Object.fromEntries(
    servers.map((one) => [one.join(' '), { perSecond: [], p50: [], p99: [], cpu: [], perRequest: [] }]),
  )
  for (let round = 0; round < rounds; round++) {
    for (let k = 0; k < servers.length; k++) {
      const one = servers[(k + round) % servers.length]
      tell(`${one.join(' ')} ${round + 1}/${rounds}`)
      const { perSecond, p50, p99, answered, usage, path } = await withServer(folder, one, (port) =>
        ask('http-load.js', [port, CONNECTIONS, ms]),
      )
      const of = results[one.join(' ')]
      of.perSecond.push(perSecond)
      of.p50.push(p50)
      of.p99.push(p99)
      of.cpu.push((usage.user + usage.system) / answered)
      of.perRequest.push((await countLines(path)) / answered)
    }
  }
  rmSync(join(folder, 'http.log'), { force: true })
  return results
}
