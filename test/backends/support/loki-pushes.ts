import type { Preset, Verdict } from '../../../src/shipping/preset.ts'
import { type LokiOptions, lokiPreset } from '../../../src/shipping/presets/loki.ts'
import type { Shipped } from '../../../src/shipping/shipped.ts'
import { shippedLine } from '../../shipping/fakes/records.ts'
import { expectSound } from '../../shipping/presets/verdicts.ts'
import type { Loki } from './loki.ts'

export const presetFor = (loki: Loki, options: Partial<LokiOptions> = {}): Preset =>
  lokiPreset({ url: new URL(loki.url), labels: ['module'], ...options })

let now = Date.now()

/** From now on ages count from here: the start of a server may take minutes, where it is built first. */
export function startClock(): number {
  now = Date.now()
  return now
}

/** A record of the service `name`, `ageMs` old. */
export function aged(name: string, ageMs: number, fields: Record<string, unknown> = {}, nth = 0): Shipped {
  const timeMs = now - ageMs
  const time = new Date(timeMs).toISOString()
  return shippedLine(JSON.stringify({ time, level: 'info', msg: 'm', service: name, ...fields }), timeMs, nth)
}

/** The lines that Loki has of a service, oldest first. */
export const linesOf = async (loki: Loki, name: string, tenant?: string) =>
  (await loki.lokiQuery({ query: `{service_name="${name}"}`, tenant })).map(({ line }) => line)

/** Which were refused, by index, and how many more are gone. */
export function partOf(verdict: Verdict, count: number) {
  expectSound(verdict, count)
  if (verdict.kind !== 'partly') throw new Error(`${verdict.kind}: ${JSON.stringify(verdict)}`)
  return {
    retry: verdict.retry ?? [],
    refused: verdict.refused?.map(({ index }) => index),
    lost: verdict.lost,
  }
}
