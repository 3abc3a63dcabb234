import { type IncomingMessage, request } from 'node:http'
import { buffer } from 'node:stream/consumers'

export interface TargetAnswer {
  readonly status: number
  readonly message: string
  /** Name, value, name, value, … as they came. */
  readonly headers: string[]
  readonly body: Buffer
}

/** Sends the request on, as it came, over a connection of its own. Rejects if no whole answer comes. */
export function askTarget(target: URL, from: IncomingMessage, body: Buffer): Promise<TargetAnswer> {
  return new Promise((resolve, reject) => {
    const to = request({
      host: target.hostname,
      port: target.port,
      method: from.method,
      path: from.url,
      headers: from.rawHeaders,
      agent: false,
    })
    to.on('error', reject)
    to.on('response', async (answer) => {
      try {
        const whole = await buffer(answer)
        resolve({
          status: answer.statusCode as number,
          message: answer.statusMessage ?? '',
          headers: answer.rawHeaders,
          body: whole,
        })
      } catch (error) {
        reject(error)
      } finally {
        // A target that was asked to keep the connection would.
        to.destroy()
      }
    })
    to.end(body)
  })
}

/** The bytes of an answer whose length is known and after which the connection is closed. */
export function rawAnswer({ status, message, headers, body }: TargetAnswer): Buffer {
  const lines = [`HTTP/1.1 ${status} ${message}`]
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string
    if (/^(connection|keep-alive|transfer-encoding|content-length)$/i.test(name)) continue
    lines.push(`${name}: ${headers[i + 1]}`)
  }
  if (status !== 204) lines.push(`content-length: ${body.length}`)
  lines.push('connection: close', '', '')
  return Buffer.concat([Buffer.from(lines.join('\r\n'), 'latin1'), body])
}
