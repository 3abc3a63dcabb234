import type { Answer, Preset, Verdict } from '../../../src/shipping/preset.ts'

/** The smallest preset that one can write: lines, and what a status means. */
export function linesPreset(
  url: string,
  more: Partial<Preset> & { readonly headers?: Record<string, string> } = {},
): Preset {
  const { headers = {}, ...rest } = more
  return {
    name: 'lines',
    maxBytes: 1024 * 1024,
    maxCount: 1000,
    concurrency: 1,
    compression: 'gzip',
    encode: (records) => ({
      url,
      headers: { 'content-type': 'application/x-ndjson', ...headers },
      body: records.map(({ line }) => `${line}\n`).join(''),
    }),
    judge: ({ status, body }: Answer): Verdict => {
      const reason = `${status}: ${body.slice(0, 2000)}`
      if (status < 300) return { kind: 'delivered' }
      if (status === 413) return { kind: 'halve', reason }
      if (status === 400) return { kind: 'bisect', reason }
      if (status === 401) return { kind: 'hold', reason }
      return status >= 500 || status === 429 ? { kind: 'retry', reason } : { kind: 'refuse', reason }
    },
    ...rest,
  }
}
