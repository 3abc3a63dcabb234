import { connect, type Socket } from 'node:net'
import type { Fault } from './fault.ts'
import type { FrontOptions } from './http.ts'
import { dribble, finish, untilGone } from './socket.ts'

const GARBAGE = Buffer.from('\u0000\u0001nothing of this protocol\u00ff', 'latin1')

/** Takes connections of any protocol and does with each what is decided for it. */
export function createTcpFront(options: FrontOptions): (socket: Socket) => void {
  let connections = 0
  return (socket) => void decided(socket, ++connections, options)
}

async function decided(socket: Socket, number: number, options: FrontOptions): Promise<void> {
  socket.on('error', () => socket.destroy())
  const fault = await options.decide({
    number,
    method: '',
    path: '',
    headers: {},
    body: () => Promise.reject(new Error('a connection of plain TCP has no body: decide by its number')),
  })
  options.log.add({ kind: 'request', request: number, fault: fault.kind })
  carry(socket, number, fault, options)
}

function carry(socket: Socket, number: number, fault: Fault, options: FrontOptions): void {
  const told = (bytes?: number) =>
    options.log.add({
      kind: 'fault',
      request: number,
      fault: fault.kind,
      ...(bytes !== undefined && { bytes }),
    })
  switch (fault.kind) {
    case 'refuse':
      socket.resetAndDestroy()
      options.refuse(fault.forMs)
      told()
      break
    case 'hang':
      told()
      break
    case 'half-open':
      untilGone(socket, () => options.log.add({ kind: 'gone', request: number, fault: fault.kind }))
      socket.resume()
      told()
      break
    case 'garbage':
    case 'close':
      socket.once('data', () => {
        if (fault.kind === 'garbage') socket.write(GARBAGE)
        finish(socket)
        told()
      })
      break
    case 'answer':
      throw new Error("the fault 'answer' is for a target of http:; this one is of tcp:")
    default:
      relay(socket, number, fault, options, told)
  }
}

/** What needs the target. */
function relay(
  socket: Socket,
  number: number,
  fault: Extract<Fault, { kind: 'pass' | 'reset' | 'lose-answer' | 'slow' | 'cut-answer' }>,
  options: FrontOptions,
  told: (bytes?: number) => void,
): void {
  const { hostname, port } = options.target
  const target = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
  const cut = (bytes?: number) => {
    socket.resetAndDestroy()
    target.destroy()
    told(bytes)
  }
  target.once('connect', () => options.log.add({ kind: 'passed-on', request: number }))
  target.on('error', () => {
    if (!socket.destroyed) options.log.add({ kind: 'target-failed', request: number })
    socket.resetAndDestroy()
  })
  socket.once('close', () => target.destroy())

  if (fault.kind === 'reset') firstBytes(socket, target, fault.afterBytes, cut)
  else socket.pipe(target)

  if (fault.kind === 'lose-answer') target.once('data', () => cut())
  else if (fault.kind === 'cut-answer') firstBytes(target, socket, fault.afterBytes, () => cut())
  else if (fault.kind === 'slow') {
    target.once('data', () => told())
    target.on('data', async (chunk: Buffer) => {
      target.pause()
      await dribble(socket, chunk, fault.bytes, fault.everyMs)
      target.resume()
    })
    target.once('end', () => socket.end())
  } else target.pipe(socket)
}

/** Passes on the first bytes, then calls `cut` once they have left. */
function firstBytes(from: Socket, to: Socket, most: number, cut: (bytes: number) => void): void {
  if (most === 0) {
    cut(0)
    return
  }
  let bytes = 0
  const take = (chunk: Buffer) => {
    const rest = chunk.subarray(0, most - bytes)
    bytes += rest.length
    if (bytes < most) {
      to.write(rest)
      return
    }
    from.off('data', take)
    to.write(rest, () => cut(bytes))
  }
  from.on('data', take)
}
