const NEWLINE = 10

/** POSIX: a write to a pipe of at most this much is never interleaved with another's, nor written in part. */
export const PIPE_BUF = 4096

/** The end of the longest run of whole lines of at most `most` bytes; a longer line goes alone. */
export function chunkEnd(buffer: Buffer, start: number, stop: number, most: number): number {
  if (stop - start <= most) return stop
  const last = buffer.lastIndexOf(NEWLINE, start + most - 1)
  if (last >= start) return last + 1
  const next = buffer.indexOf(NEWLINE, start)
  return next === -1 || next >= stop ? stop : next + 1
}

/** How many lines there are in a text of whole lines. */
export function linesIn(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count++
  return count
}
