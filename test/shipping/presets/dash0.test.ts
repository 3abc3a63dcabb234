import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dash0FromEnvironment, dash0Preset } from '../../../src/shipping/presets/dash0.ts'
import { parseLines } from '../../support/strict-json.ts'
import { anyAnswer } from '../fakes/answers.ts'
import { shipped, shippedLine, variedRecords } from '../fakes/records.ts'
import { answer, expectSound, numRuns } from './verdicts.ts'

const url = new URL('https://ingest.example')
const preset = (options = {}) => dash0Preset({ url, token: 'auth_1', ...options })

describe('dash0', () => {
  it('gets every record as a line, with timestamp in place of time', () => {
    const records = variedRecords(300)
    const lines = parseLines(String(preset().encode(records).body))
    expect(lines).toHaveLength(300)
    for (const [i, { record, timeMs }] of records.entries()) {
      const { time, timestamp: own, ...rest } = record
      const { timestamp, _timestamp, ...others } = lines[i] as Record<string, unknown>
      expect(others).toEqual(rest)
      expect(_timestamp).toEqual(own)
      expect(Date.parse(timestamp as string)).toBe(timeMs)
    }
  })

  it('gets them at /logs/ingest with a bearer token', () => {
    const { url: to, headers } = preset({ dataset: 'shop' }).encode([])
    expect(to).toBe('https://ingest.example/logs/ingest')
    expect(headers).toEqual({
      'content-type': 'application/x-ndjson',
      authorization: 'Bearer auth_1',
      'dash0-dataset': 'shop',
    })
  })

  it('gets lines of any kind', () => {
    const deep = `{"a":${'['.repeat(1e5)}${']'.repeat(1e5)}}`
    expect(parseLines(String(preset().encode([shippedLine(deep), shippedLine('text')]).body))).toHaveLength(2)
  })

  it.each([
    [202, 'delivered'],
    [400, 'bisect'],
    [401, 'hold'],
    [404, 'hold'],
    [413, 'halve'],
    [429, 'retry'],
    [503, 'retry'],
  ])('answers %d: %s', (status, kind) => {
    const verdict = preset().judge(answer(status, 'auth_1 is wrong'), [shipped({})])
    expect(verdict.kind).toBe(kind)
    expect(JSON.stringify(verdict)).not.toContain('auth_1')
  })

  it('has a sound verdict, whatever is answered', () => {
    fc.assert(
      fc.property(anyAnswer, (any) => expectSound(preset().judge(any, [shipped({})]), 1)),
      { numRuns },
    )
  })
})

describe("Dash0's variables", () => {
  it.each([
    [{ HOST: 'ingest.example' }, 'https://ingest.example/', 0],
    [{ HOST: 'ingest.example', PORT: '443' }, 'https://ingest.example/', 0],
    [{ HOST: 'ingest.example', PORT: '8443' }, 'https://ingest.example:8443/', 0],
    [{ HOST: 'ingest.example:8443' }, 'https://ingest.example:8443/', 0],
    [{ HOST: 'localhost', PORT: '8080' }, 'http://localhost:8080/', 0],
    [{ HOST: '127.0.0.1' }, 'http://127.0.0.1/', 0],
    [{ HOST: 'https://localhost', PORT: '1' }, 'https://localhost:1/', 0],
    [{ HOST: 'http://dash0-collector', PORT: '8080' }, 'http://dash0-collector:8080/', 0],
    [{ HOST: 'ingest.example', PORT: '0' }, 'https://ingest.example/', 1],
    [{ HOST: 'ingest.example', PORT: '70000' }, 'https://ingest.example/', 1],
    [{ HOST: 'ingest.example', PORT: 'https' }, 'https://ingest.example/', 1],
    [{ HOST: 'a b' }, undefined, 1],
    [{ HOST: 'ftp://ingest.example' }, undefined, 1],
    [{ HOST: ' ', PORT: '1' }, undefined, 0],
    [{}, undefined, 0],
  ])('%j', (variables: Record<string, string>, href, problems) => {
    const env = Object.fromEntries(
      Object.entries(variables).map(([name, value]) => [`DASH0_LOGS_${name}`, value]),
    )
    const found = dash0FromEnvironment({ ...env, DASH0_API_KEY: ' auth_1\n' })
    expect(found.url?.href).toBe(href)
    expect(found.token).toBe('auth_1')
    expect(found.problems).toHaveLength(problems)
  })

  it('never throw, and tell no key', () => {
    const text = fc.string({ unit: 'binary' })
    fc.assert(
      fc.property(text, text, (host, port) => {
        const env = { DASH0_LOGS_HOST: host, DASH0_LOGS_PORT: port, DASH0_API_KEY: 'auth_secret' }
        expect(JSON.stringify(dash0FromEnvironment(env).problems)).not.toContain('auth_secret')
      }),
      { numRuns },
    )
  })
})
