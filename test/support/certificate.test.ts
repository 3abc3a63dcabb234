import { X509Certificate } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:tls'
import { expect, it } from 'vitest'
import { selfSigned } from './certificate.ts'

it('is a certificate that TLS believes for its names when it is given as CA, and for no others', async () => {
  const { cert, key } = selfSigned(['localhost', '127.0.0.1', 'example.test'])
  const parsed = new X509Certificate(cert)
  expect(parsed.ca).toBe(true)
  expect(parsed.checkHost('example.test')).toBe('example.test')
  const server = createServer({ cert, key }, (socket) => socket.end('hello'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const said = (options: object) =>
    new Promise<string>((resolve) => {
      const socket = connect({ port, host: '127.0.0.1', ...options })
      socket.on('data', (bytes) => resolve(bytes.toString()))
      socket.on('error', ({ code }: NodeJS.ErrnoException) => resolve(String(code)))
    })
  expect(await said({ ca: cert })).toBe('hello')
  expect(await said({ ca: cert, servername: 'example.test' })).toBe('hello')
  expect(await said({ ca: cert, servername: 'other.test' })).toBe('ERR_TLS_CERT_ALTNAME_INVALID')
  expect(await said({})).toBe('DEPTH_ZERO_SELF_SIGNED_CERT')
  server.close()
})
