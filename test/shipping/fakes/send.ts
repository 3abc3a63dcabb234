import { gzipSync } from 'node:zlib'
import type { Answer, Preset, PresetRequest, Verdict } from '../../../src/shipping/preset.ts'
import type { Shipped } from '../../../src/shipping/shipped.ts'

/** Sends a request over a real socket and reads the answer. */
export async function exchange(
  request: PresetRequest,
  signal?: AbortSignal,
  compression: Preset['compression'] = 'none',
): Promise<Answer> {
  const response = await fetch(request.url, {
    method: request.method ?? 'POST',
    headers:
      compression === 'gzip' ? { ...request.headers, 'content-encoding': 'gzip' } : { ...request.headers },
    body: compression === 'gzip' ? gzipSync(request.body) : request.body,
    redirect: 'manual',
    ...(signal === undefined ? {} : { signal }),
  })
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: (await response.text()).slice(0, 64 * 1024),
  }
}

/** One batch by its preset: encoded, sent, judged. */
export async function sendBy(preset: Preset, records: readonly Shipped[]): Promise<Verdict> {
  const answer = await exchange(preset.encode(records), undefined, preset.compression)
  return preset.judge(answer, records)
}
