// What the running Node has of the things that spoor uses where they are; one line of JSON.
import { subscribe } from 'node:diagnostics_channel'
import { createServer, request } from 'node:http'
import zlib from 'node:zlib'

async function published(channel, act) {
  let seen = false
  subscribe(channel, () => {
    seen = true
  })
  const server = createServer((_req, res) => res.end()).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  await act(server.address().port)
  server.close()
  return seen
}

const get = (port) =>
  new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, agent: false }, (res) => res.resume().on('end', resolve))
      .on('error', reject)
      .end()
  })

const has = {
  'headers on outbound `http`/`https` (`http.client.request.created`)': await published(
    'http.client.request.created',
    get,
  ),
  'headers on outbound `fetch` (`undici:request:create`)': await published('undici:request:create', (port) =>
    fetch(`http://127.0.0.1:${port}/`).then((answer) => answer.text()),
  ),
  'zstd in `node:zlib`': typeof zlib.zstdCompressSync === 'function',
  '`node:sqlite`': await import('node:sqlite').then(
    () => true,
    () => false,
  ),
}
console.log(JSON.stringify(has))
process.exit(0)
