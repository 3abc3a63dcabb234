// A steady load, in its own process: `node policy-load.js <port> <a second> <ms> <one in so many fails>`. It sends by
// the clock, whether or not answers have come. Sends { sent, failed, late }: late is how far behind it ever was, in ms.

import { Agent, get } from 'node:http'

const [port, perSecond, ms, failEvery] = process.argv.slice(2).map(Number)
const agent = new Agent({ keepAlive: true, maxSockets: 512 })
const from = performance.now()
let sent = 0
let failed = 0
let answered = 0
let late = 0

function send() {
  const fails = ++sent % failEvery === 0
  if (fails) failed++
  const path = `/${fails ? 'fail' : 'wait'}/${1000 + sent}`
  get({ port, host: '127.0.0.1', path, agent }, (res) => {
    res.resume()
    res.on('end', () => {
      answered++
      if (answered === Math.round((ms * perSecond) / 1000))
        process.send({ sent, failed, late }, () => process.exit())
    })
  })
}

const timer = setInterval(() => {
  const due = Math.min(performance.now() - from, ms)
  const wanted = Math.round((due * perSecond) / 1000)
  late = Math.max(late, ((wanted - sent) * 1000) / perSecond)
  while (sent < wanted) send()
  if (due >= ms) clearInterval(timer)
}, 2)
