import { describe, expect, it } from 'vitest'
import { ecsDocument } from '../../../src/shipping/presets/ecs.ts'
import { shipped, variedRecords } from '../fakes/records.ts'

const documentOf = (fields: Record<string, unknown>) => ecsDocument(['module', 'a.b*c'])(shipped(fields))

const ALWAYS = {
  '@timestamp': '2026-11-25T20:00:00.000Z',
  'log.level': 'info',
  message: '',
  'ecs.version': '8.17.0',
}

describe('a document of the Elastic Common Schema', () => {
  it('names what every record has', () => {
    expect(
      documentOf({
        msg: 'm',
        service: 'shop',
        version: '1',
        env: 'production',
        region: 'eu',
        host: 'h',
        pid: 7,
        machine_id: 'm-1',
        worker_id: 2,
        module: 'store',
        'a.b*c': 1,
        component: 'db',
        request_id: 'r',
        user_id: 42,
        session_id: 's',
        tenant: 't',
        trace_id: 'a',
        span_id: 'b',
        trace_flags: '01',
        duration_ms: 1.5,
        order_id: 9,
      }),
    ).toEqual({
      ...ALWAYS,
      message: 'm',
      'service.name': 'shop',
      'service.version': '1',
      'service.environment': 'production',
      'event.dataset': 'shop.log',
      'cloud.region': 'eu',
      'host.hostname': 'h',
      'process.pid': 7,
      'host.id': 'm-1',
      'service.node.name': '2',
      'labels.module': 'store',
      'labels.a_b_c': '1',
      'log.logger': 'db',
      'http.request.id': 'r',
      'user.id': '42',
      'labels.session_id': 's',
      'organization.id': 't',
      'trace.id': 'a',
      'span.id': 'b',
      'labels.trace_flags': '01',
      'event.duration': 1_500_000,
      order_id: 9,
    })
  })

  it('begins with what ecs-logging wants first', () => {
    expect(Object.keys(documentOf({ order_id: 1 })).slice(0, 3)).toEqual([
      '@timestamp',
      'log.level',
      'message',
    ])
  })

  const completed = {
    method: 'GET',
    route: '/a/:id',
    path: '/a/1',
    status: 200,
    request_bytes: 0,
    response_bytes: 12,
    remote_address: '10.0.0.1',
    user_agent: 'curl',
    outcome: 'completed',
  }

  it("names a request's fields in the middleware's record, and nowhere else", () => {
    expect(documentOf(completed)).toEqual({
      ...ALWAYS,
      'http.request.method': 'GET',
      'url.path': '/a/1',
      'http.response.status_code': 200,
      'http.request.body.bytes': 0,
      'http.response.body.bytes': 12,
      'client.address': '10.0.0.1',
      'client.ip': '10.0.0.1',
      'user_agent.original': 'curl',
      route: '/a/:id',
      outcome: 'completed',
    })
    const { outcome, user_agent, ...own } = completed
    expect(documentOf({ ...own, user_agent })).toEqual({ ...ALWAYS, ...own, _user_agent: user_agent })
  })

  it.each(['fe80::1%eth0', '/tmp/app.sock', 'unknown'])('has no client.ip of %s', (remote_address) => {
    const document = documentOf({ ...completed, remote_address })
    expect(document['client.address']).toBe(remote_address)
    expect(document).not.toHaveProperty(['client.ip'])
  })

  it.each([
    [
      'an error',
      { type: 'E', message: 'm', stack: 's', code: 404, cause: { type: 'F' } },
      { type: 'E', message: 'm', stack_trace: 's', code: '404', cause: { type: 'F' } },
    ],
    ['an error with a code', { message: 'm', code: 'ECONNRESET' }, { message: 'm', code: 'ECONNRESET' }],
    ['a text', 'thrown', { message: 'thrown' }],
    ['null', null, { message: 'null' }],
    ['a list', [1], { message: '[1]' }],
  ])('%s', (_name, err, error) => {
    expect(documentOf({ err }).error).toEqual(error)
  })

  it('has the place of the call', () => {
    expect(documentOf({ source: { file: 'a.ts', line: 3, function: 'f' } })['log.origin']).toEqual({
      file: { name: 'a.ts', line: 3 },
      function: 'f',
    })
    expect(documentOf({ source: 'mine' })).toMatchObject({ source: 'mine' })
  })

  it('lets no field of the application stand where ECS has an object or another value', () => {
    expect(
      documentOf({
        message: 'own',
        user: 'bob',
        'user.id': 'x',
        user_id: 'u',
        error: 'text',
        log: 1,
        http: { a: 1 },
        labels: [1],
      }),
    ).toEqual({
      ...ALWAYS,
      'user.id': 'u',
      _message: 'own',
      _user: 'bob',
      '_user.id': 'x',
      _error: 'text',
      _log: 1,
      http: { a: 1 },
      _labels: [1],
    })
  })

  it('keeps what it has no text of', () => {
    expect(documentOf({ msg: { a: 1 }, service: { name: 'x' }, user_id: { n: 1 } })).toEqual({
      ...ALWAYS,
      message: '{"a":1}',
      service: { name: 'x' },
      user_id: { n: 1 },
    })
  })

  it('has every value of every record', () => {
    for (const record of variedRecords(300)) {
      const document = ecsDocument([])(record)
      const values = JSON.stringify(Object.values(document))
      for (const [key, value] of Object.entries(record.record)) {
        if (['time', 'duration_ms', 'err', 'level'].includes(key)) continue
        expect(values).toContain(JSON.stringify(value).replace(/^"|"$/g, ''))
      }
    }
  })
})
