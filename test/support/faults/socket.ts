import type { Socket } from 'node:net'

/** Writes a little at a time, and stops if the socket goes. Resolves when all is written or it is gone. */
export function dribble(socket: Socket, data: Buffer, bytes: number, everyMs: number): Promise<void> {
  return new Promise((resolve) => {
    let from = 0
    const timer = setInterval(() => {
      if (!socket.destroyed && from < data.length) {
        socket.write(data.subarray(from, from + bytes))
        from += bytes
        return
      }
      clearInterval(timer)
      resolve()
    }, everyMs)
  })
}

/** Calls back once, when the other side has closed or reset. */
export function untilGone(socket: Socket, told: () => void): void {
  const gone = () => {
    socket.off('end', gone).off('close', gone)
    told()
  }
  socket.on('end', gone).on('close', gone)
}

/** Sends what was written and a FIN, and lets go. */
export function finish(socket: Socket): void {
  socket.end(() => socket.destroy())
}
